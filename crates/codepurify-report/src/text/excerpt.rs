//! The part of a file that a verdict is about.

use codepurify::snippet::Span;
use codepurify::verdict::{Location, Unit};

/// A unit's text with the indentation before it, and where it lies in its file.
#[derive(Clone, Copy)]
pub(crate) struct Excerpt<'a> {
    pub(crate) text: &'a str,
    /// First byte in the file.
    pub(crate) start_byte: usize,
    /// Line of the first byte in the file, from 1.
    pub(crate) start_line: usize,
}

impl<'a> Excerpt<'a> {
    /// The excerpt of `unit` from its file's text, or `None` if the unit does not lie in this text.
    pub(crate) fn new(source: &'a str, unit: &Unit) -> Option<Self> {
        let before = source.get(..unit.start_byte)?;
        let start_byte = before.trim_end_matches([' ', '\t']).len();
        let text = source.get(start_byte..unit.end_byte)?;
        Some(Self { text, start_byte, start_line: unit.start_line })
    }

    /// The bytes of the excerpt that a place in the file stands for, or `None` if it lies outside.
    pub(crate) fn span(&self, location: &Location) -> Option<Span> {
        let start = location.start_byte.checked_sub(self.start_byte)?;
        let end = location.end_byte.checked_sub(self.start_byte)?;
        self.text.get(start..end).map(|_| Span::new(start, end))
    }
}

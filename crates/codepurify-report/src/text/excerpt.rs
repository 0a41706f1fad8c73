//! Part of a file that a verdict refers to.

use codepurify::snippet::Span;
use codepurify::verdict::{Location, Unit};

/// Text of a unit with the indentation before it, and its place in the file.
#[derive(Clone, Copy)]
pub(crate) struct Excerpt<'a> {
    pub(crate) text: &'a str,
    /// First byte in the file.
    pub(crate) start_byte: usize,
    /// Line of the first byte in the file, from 1.
    pub(crate) start_line: usize,
}

impl<'a> Excerpt<'a> {
    /// Returns the excerpt of `unit` from its file's text, or `None` if the unit is outside of it.
    pub(crate) fn new(source: &'a str, unit: &Unit) -> Option<Self> {
        let before = source.get(..unit.start_byte)?;
        let start_byte = before.trim_end_matches([' ', '\t']).len();
        let text = source.get(start_byte..unit.end_byte)?;
        Some(Self { text, start_byte, start_line: unit.start_line })
    }

    /// Converts a place in the file to bytes of the excerpt; `None` if it is outside.
    pub(crate) fn span(&self, location: &Location) -> Option<Span> {
        let start = location.start_byte.checked_sub(self.start_byte)?;
        let end = location.end_byte.checked_sub(self.start_byte)?;
        self.text.get(start..end).map(|_| Span::new(start, end))
    }
}

//! Bytes → the bytes of one row after the other.

mod array;
mod bytes;
mod delimited;
mod lines;

pub(crate) use array::Array;
pub(crate) use bytes::Bytes;
pub(crate) use delimited::{Cells, Delimited, quoted_cell, replace_cells};
pub(crate) use lines::Lines;

use std::ops::Range;

/// The bytes of one row.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// All bytes that belong to the row: blank lines before it and its line end, for example.
    pub(crate) raw: Vec<u8>,
    /// Where in `raw` the row itself is.
    pub(crate) text: Range<usize>,
    /// True if it was larger than allowed; its bytes were dropped.
    pub(crate) too_large: bool,
}

/// Result of cutting off a row.
pub(crate) enum Cut {
    /// A row.
    Row(Frame),
    /// There is none left; bytes behind the last one.
    End(Vec<u8>),
}

/// Why no row can be cut off.
#[derive(Debug)]
pub(crate) enum CutError {
    Io(std::io::Error),
    /// The array has no end.
    CutShort,
    /// There is something behind the array's end.
    Trailing,
}

impl From<std::io::Error> for CutError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Frame {
    /// The row in `raw`, without white space around it.
    fn trimmed(raw: Vec<u8>, too_large: bool) -> Self {
        let start = raw.len() - raw.trim_ascii_start().len();
        let text = start..start + raw.trim_ascii().len();
        Self { raw, text, too_large }
    }
}

/// Bytes that are kept up to a limit.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, over: false }
    }

    fn push(&mut self, more: &[u8]) {
        self.over |= self.bytes.len() + more.len() > self.limit;
        if self.over {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(more);
        }
    }
}

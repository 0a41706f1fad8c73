//! The contents of one weights file.

use crate::layout::Layout;

/// Most tensors of a checkpoint.
pub(crate) const MAX_TENSORS: usize = 100_000;

/// Tensors of one file, and what else it holds.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) tensors: Vec<(String, Layout)>,
    /// Entries that are no tensors, each with its kind.
    pub(crate) skipped: Vec<String>,
    /// Those of them that are dicts with tensors of their own.
    pub(crate) unread: Vec<String>,
}

//! Token ids in ragged batches.

use crate::snippet::Span;

/// A text as a model reads it: content token ids, and the bytes that each came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoding {
    /// Token ids, without special tokens.
    pub ids: Vec<u32>,
    /// For each id, its bytes of the text (leading white space may be part of it);
    /// non-decreasing.
    pub spans: Vec<Span>,
}

/// Rows of token ids of unequal length, stored flat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ragged {
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl Ragged {
    /// Returns an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch of one row.
    pub(crate) fn of_row(row: &[u32]) -> Self {
        Self { ids: row.to_vec(), ends: vec![row.len()] }
    }

    /// Appends one row.
    pub fn push(&mut self, row: impl IntoIterator<Item = u32>) {
        self.ids.extend(row);
        self.ends.push(self.ids.len());
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the number of tokens in all rows.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Returns row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.ids[start..self.ends[index]]
    }

    /// Returns all rows, in order.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.row(index))
    }
}

impl<R: IntoIterator<Item = u32>> FromIterator<R> for Ragged {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut batch = Self::new();
        rows.into_iter().for_each(|row| batch.push(row));
        batch
    }
}

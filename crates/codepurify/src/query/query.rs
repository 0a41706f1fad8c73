//! One row that the model is shown.

use super::Item;
use crate::score::Answer;
use crate::verdict::Side;
use crate::victim::Ragged;

/// One row to be judged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ask {
    row: Ragged,
    beside: Vec<u32>,
    side: Side,
}

impl Ask {
    /// A row with nothing beside it.
    pub(crate) fn alone(row: &[u32]) -> Self {
        Self::beside(row, Vec::new(), Side::Left)
    }

    pub(crate) fn beside(row: &[u32], beside: Vec<u32>, side: Side) -> Self {
        Self { row: Ragged::of_row(row), beside, side }
    }

    /// The row as the model is asked how much of `answer` is left in it.
    pub(crate) fn item<'a>(&'a self, answer: &'a Answer) -> Item<'a> {
        answer.asked(self.plain())
    }

    /// The row as the model answers it.
    pub(crate) fn plain(&self) -> Item<'_> {
        Item { rows: &self.row, beside: &self.beside, side: self.side }
    }
}

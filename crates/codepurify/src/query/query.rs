//! One row that the victim is shown.

use super::{PredictedOutput, QueryRows};
use crate::verdict::Side;
use crate::victim::Ragged;

/// One row with the other side of its pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    row: Ragged,
    context: Vec<u32>,
    side: Side,
}

impl Query {
    /// A row without another side.
    pub(crate) fn single(row: &[u32]) -> Self {
        Self::pair(row, Vec::new(), Side::Left)
    }

    /// A row on `side` of a pair whose other side is `context`.
    pub(crate) fn pair(row: &[u32], context: Vec<u32>, side: Side) -> Self {
        Self { row: Ragged::of_row(row), context, side }
    }

    /// The row as the victim is asked how much of `predicted` is left in it.
    pub(crate) fn measuring<'a>(&'a self, predicted: &'a PredictedOutput) -> QueryRows<'a> {
        predicted.query(self.rows())
    }

    /// The row as the victim is asked for its prediction.
    pub(crate) fn rows(&self) -> QueryRows<'_> {
        QueryRows { rows: &self.row, context: &self.context, side: self.side }
    }
}

//! What queries cost, and which were asked before.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::AddAssign;

use super::Item;

/// What a model was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    /// Rows, each with what stood beside it.
    pub(crate) passes: usize,
    /// Tokens of both.
    pub(crate) tokens: usize,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.passes += other.passes;
        self.tokens += other.tokens;
    }
}

/// What was asked about one snippet: after a change to it the same is known already, and costs nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Asked(HashSet<u64>);

impl Asked {
    /// Notes that `item` was asked about; whether that was new.
    pub(crate) fn note(&mut self, item: Item<'_>) -> bool {
        let key = (item.rows, item.beside, item.side);
        self.0.insert(BuildHasherDefault::<DefaultHasher>::new().hash_one(key))
    }

    /// Adds what was asked in another place.
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Side;
    use crate::victim::Ragged;

    #[test]
    fn what_was_asked_is_known_by_its_row_and_by_what_stands_where() {
        let [row, other] = [[1, 2], [1, 3]].map(|row| Ragged::of_row(&row));
        let mut asked = Asked::default();
        let item = Item::alone(&row);
        let items =
            [item, Item::alone(&other), item.with(&[4]), Item { side: Side::Right, ..item.with(&[4]) }, item];
        assert_eq!(items.map(|item| asked.note(item)), [true, true, true, true, false]);
        let mut all = Asked::default();
        all.join(asked);
        assert!(!all.note(item));
    }
}

//! Cost of queries, and which were paid for before.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::AddAssign;

use super::QueryRows;

/// Cost of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct QueryCost {
    /// Rows; a row and its context count once.
    pub(crate) passes: usize,
    /// Tokens of rows and contexts.
    pub(crate) tokens: usize,
}

impl AddAssign for QueryCost {
    fn add_assign(&mut self, other: Self) {
        self.passes += other.passes;
        self.tokens += other.tokens;
    }
}

/// Queries about one snippet. After a change to the snippet, the same queries cost nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SeenQueries(HashSet<u64>);

impl SeenQueries {
    /// Adds a query; returns whether it is new.
    pub(crate) fn insert(&mut self, query: QueryRows<'_>) -> bool {
        let key = (query.rows, query.context, query.side);
        self.0.insert(BuildHasherDefault::<DefaultHasher>::new().hash_one(key))
    }

    /// Adds the queries of another window of the snippet.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Side;
    use crate::victim::Ragged;

    #[test]
    fn seen_query_is_known_by_row_context_and_side() {
        let [row, other] = [[1, 2], [1, 3]].map(|row| Ragged::of_row(&row));
        let mut seen = SeenQueries::default();
        let query = QueryRows::single(&row);
        let queries = [
            query,
            QueryRows::single(&other),
            query.with(&[4]),
            QueryRows { side: Side::Right, ..query.with(&[4]) },
            query,
        ];
        assert_eq!(queries.map(|query| seen.insert(query)), [true, true, true, true, false]);
        let mut all = SeenQueries::default();
        all.extend(seen);
        assert!(!all.insert(query));
    }
}

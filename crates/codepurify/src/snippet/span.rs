//! Byte spans of a source text.

use serde::{Deserialize, Serialize};

/// A half-open byte range `[start, end)` of a UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte; never smaller than `start`.
    pub end: usize,
}

impl Span {
    /// Makes the span `[start, end)`.
    ///
    /// # Panics
    /// If `end < start`: a span is made from positions of one text, in order.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        assert!(start <= end, "span ends before it starts: {start}..{end}");
        Self { start, end }
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Returns true if the span holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns true if the two spans share at least one byte.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Returns all bytes of `spans`, in order; overlapping spans become one.
    #[must_use]
    pub fn union(spans: impl Iterator<Item = Self>) -> Vec<Self> {
        let mut sorted: Vec<Self> = spans.collect();
        sorted.sort_by_key(|span| (span.start, span.end));
        let mut union: Vec<Self> = Vec::with_capacity(sorted.len());
        for span in sorted {
            match union.last_mut().filter(|last| last.overlaps(span)) {
                Some(last) => last.end = last.end.max(span.end),
                None => union.push(span),
            }
        }
        union
    }

    /// Returns true if every byte of `other` is in `self`.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Returns the bytes of `text` under the span, or `None` if it does not fall on character
    /// boundaries of `text`.
    #[must_use]
    pub fn of(self, text: &str) -> Option<&str> {
        text.get(self.start..self.end)
    }

    /// Moves the span right by `by` bytes, for example from a function's text into its file's text.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_has_every_byte_once_and_in_order() {
        let of = |spans: &[(usize, usize)]| {
            let union = Span::union(spans.iter().map(|&(start, end)| Span::new(start, end)));
            union.into_iter().map(|span| (span.start, span.end)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[(8, 9), (0, 3), (2, 5), (1, 2), (5, 6)]), [(0, 5), (5, 6), (8, 9)]);
        assert_eq!(of(&[(4, 7), (4, 7)]), [(4, 7)]);
        assert_eq!(of(&[]), []);
    }
}

//! The places of a trigger with a fast lookup of overlaps: there may be a hundred thousand of each.

use std::ops::Range;

use crate::snippet::Span;

/// Spans in source order that do not overlap.
pub(super) struct Places<'c> {
    spans: &'c [Span],
}

impl<'c> Places<'c> {
    /// Takes the spans of a candidate.
    pub(super) fn new(spans: &'c [Span]) -> Self {
        Self { spans }
    }

    /// Returns true if `span` shares a byte with a place.
    pub(super) fn overlap(&self, span: Span) -> bool {
        self.first_behind(span.start).is_some_and(|place| place.start < span.end)
    }

    /// Returns true if one place contains all of `span`.
    pub(super) fn contain(&self, span: Span) -> bool {
        self.around(span).is_some()
    }

    /// Returns the place that contains all of `span`.
    pub(super) fn around(&self, span: Span) -> Option<Span> {
        self.first_behind(span.start).filter(|place| place.contains(span))
    }

    /// Returns the indices of the places inside `span`.
    pub(super) fn inside(&self, span: Span) -> Range<usize> {
        let first = self.spans.partition_point(|place| place.start < span.start);
        let end = self.spans.partition_point(|place| place.end <= span.end);
        first..end.max(first)
    }

    /// Returns the index of the first place that ends after `at`.
    fn first_behind(&self, at: usize) -> Option<Span> {
        self.spans.get(self.spans.partition_point(|place| place.end <= at)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_what_overlaps_or_holds_them() {
        let spans = [(2, 4), (6, 9), (9, 10)].map(|(start, end)| Span::new(start, end));
        let places = Places::new(&spans);
        let of = |start, end| {
            let span = Span::new(start, end);
            (places.overlap(span), places.contain(span), places.inside(span))
        };
        assert_eq!(of(0, 2), (false, false, 0..0));
        assert_eq!(of(3, 4), (true, true, 1..1));
        assert_eq!(of(1, 7), (true, false, 0..1));
        assert_eq!(of(4, 6), (false, false, 1..1));
        assert_eq!(of(6, 10), (true, false, 1..3));
        assert_eq!(of(10, 12), (false, false, 3..3));
    }
}

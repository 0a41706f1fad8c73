//! The places of a trigger, looked up by what overlaps them: there may be a hundred thousand of each.

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

    /// Whether `span` shares a byte with a place.
    pub(super) fn overlap(&self, span: Span) -> bool {
        self.first_behind(span.start).is_some_and(|place| place.start < span.end)
    }

    /// Whether all of `span` is in one place.
    pub(super) fn contain(&self, span: Span) -> bool {
        self.around(span).is_some()
    }

    /// The place that all of `span` is in.
    pub(super) fn around(&self, span: Span) -> Option<Span> {
        self.first_behind(span.start).filter(|place| place.contains(span))
    }

    /// The first place that ends behind `at`.
    fn first_behind(&self, at: usize) -> Option<Span> {
        self.spans.get(self.spans.partition_point(|place| place.end <= at)).copied()
    }
}

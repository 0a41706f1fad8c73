//! Byte-exact edits: text outside an edit is unchanged.

use thiserror::Error;

use super::Span;

/// One replacement in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes that are replaced.
    pub span: Span,
    /// Text in their place.
    pub replacement: String,
}

/// Edits that do not fit a text: the caller's fault.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditError {
    /// An edit begins before the previous one ends.
    #[error("edit {edit} begins before edit {} ends; sort the edits and merge overlapping ones", edit - 1)]
    OutOfOrder {
        /// Index of the later edit.
        edit: usize,
    },
    /// An edit leaves the text or cuts a character.
    #[error("edit {edit} ({}..{}) does not fall on characters of the text", span.start, span.end)]
    OffBoundary {
        /// Index of the edit.
        edit: usize,
        /// Its span.
        span: Span,
    },
}

/// Applies `edits` to `text`; they must be sorted and must not overlap. Without edits this is the
/// identity.
///
/// # Errors
/// [`EditError`] if the edits are out of order, overlap, or do not fall on character boundaries of
/// `text`.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (index, Edit { span, replacement }) in edits.iter().enumerate() {
        if span.of(text).is_none() {
            return Err(EditError::OffBoundary { edit: index, span: *span });
        }
        let kept = text.get(at..span.start).ok_or(EditError::OutOfOrder { edit: index })?;
        out.push_str(kept);
        out.push_str(replacement);
        at = span.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Traces places of an edited text back to the text before `edits`, which must be the applied ones.
pub(crate) struct Origins<'e> {
    edits: &'e [Edit],
    /// End of each replacement in the edited text.
    stops: Vec<usize>,
}

impl<'e> Origins<'e> {
    /// Reads the edits once, for any number of lookups.
    pub(crate) fn new(edits: &'e [Edit]) -> Self {
        let (mut added, mut removed) = (0, 0);
        let stop = |Edit { span, replacement }: &Edit| {
            added += replacement.len();
            removed += span.len();
            span.end + added - removed
        };
        Self { edits, stops: edits.iter().map(stop).collect() }
    }

    /// Returns the origin of the bytes `span`. A part of a replacement comes from the whole place
    /// that was replaced.
    pub(crate) fn of(&self, span: Span) -> Span {
        let start = self.place(span.start, false);
        Span::new(start, self.place(span.end, true).max(start))
    }

    fn place(&self, at: usize, is_end: bool) -> usize {
        let behind = self.stops.partition_point(|&stop| if is_end { at > stop } else { at >= stop });
        let Some(Edit { span: old, replacement }) = self.edits.get(behind) else {
            let last = behind.checked_sub(1);
            return last.map_or(at, |last| at + self.edits[last].span.end - self.stops[last]);
        };
        let start = self.stops[behind] - replacement.len();
        let inside = at > start || (!is_end && at == start && !replacement.is_empty());
        match (inside, is_end) {
            (false, _) => at + old.start - start,
            (true, false) => old.start,
            (true, true) => old.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(start: usize, end: usize, replacement: &str) -> Edit {
        Edit { span: Span::new(start, end), replacement: replacement.to_owned() }
    }

    #[test]
    fn edits_change_their_spans_only() {
        let edits = [edit(0, 1, ""), edit(2, 2, "|"), edit(3, 5, "XYZ")];
        assert_eq!(apply("abcdef", &edits).unwrap(), "b|cXYZf");
    }

    #[test]
    fn bad_edits_are_refused() {
        assert_eq!(apply("abc", &[edit(1, 3, ""), edit(2, 3, "")]), Err(EditError::OutOfOrder { edit: 1 }));
        assert!(matches!(apply("é", &[edit(1, 2, "")]), Err(EditError::OffBoundary { edit: 0, .. })));
        assert!(matches!(apply("abc", &[edit(2, 4, "")]), Err(EditError::OffBoundary { edit: 0, .. })));
    }

    #[test]
    fn places_in_the_new_text_are_traced_back() {
        let edits = [edit(1, 3, ""), edit(5, 6, "XYZ"), edit(8, 8, "!")];
        assert_eq!(apply("abcdefghij", &edits).unwrap(), "adeXYZgh!ij");
        let trace = |start, end| {
            let Span { start, end } = Origins::new(&edits).of(Span::new(start, end));
            (start, end)
        };
        assert_eq!([trace(0, 1), trace(1, 3), trace(9, 11)], [(0, 1), (3, 5), (8, 10)]);
        assert_eq!([trace(3, 6), trace(4, 5), trace(2, 4)], [(5, 6), (5, 6), (4, 6)]);
        assert_eq!(trace(0, 11), (0, 10));
    }

    proptest! {
        /// Text that no edit touches is the same in both places.
        #[test]
        fn untouched_text_is_traced_to_itself(
            text in "[a-z]{12,30}",
            cuts in prop::collection::btree_set(0_usize..12, 2..6),
            new in prop::collection::vec("[A-Z]{0,4}", 3),
        ) {
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let edits: Vec<Edit> =
                cuts.chunks_exact(2).zip(&new).map(|(cut, new)| edit(cut[0], cut[1], new)).collect();
            let edited = apply(&text, &edits).unwrap();
            for at in 0..edited.len() {
                let span = Span::new(at, at + 1);
                let letter = span.of(&edited).unwrap();
                if letter.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    prop_assert_eq!(Origins::new(&edits).of(span).of(&text), Some(letter));
                }
            }
        }

        #[test]
        fn no_edit_is_the_identity(text in any::<String>()) {
            prop_assert_eq!(apply(&text, &[]).unwrap(), text);
        }

        #[test]
        fn replacing_bytes_by_themselves_is_the_identity(text in "\\PC{1,40}", from in 0_usize..40, to in 0_usize..40) {
            let from = text.floor_char_boundary(from.min(text.len()));
            let to = text.ceil_char_boundary(to.min(text.len())).max(from);
            let edits = [edit(from, to, &text[from..to])];
            prop_assert_eq!(apply(&text, &edits).unwrap(), text);
        }
    }
}

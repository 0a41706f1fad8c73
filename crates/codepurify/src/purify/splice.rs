//! Byte-exact edits: whatever no edit names stays as it is.

use thiserror::Error;

use crate::snippet::Span;

/// One replacement in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub span: Span,
    /// What comes in their place.
    pub replacement: String,
}

/// Edits that do not fit a text: the caller's fault.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpliceError {
    /// An edit begins before the one in front of it ends.
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

/// `text` with `edits` applied; they must be sorted and must not overlap. Without edits this is the identity.
///
/// # Errors
/// [`SpliceError`] if the edits are out of order, overlap, or do not fall on character boundaries of `text`.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, SpliceError> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (index, Edit { span, replacement }) in edits.iter().enumerate() {
        if span.of(text).is_none() {
            return Err(SpliceError::OffBoundary { edit: index, span: *span });
        }
        let kept = text.get(at..span.start).ok_or(SpliceError::OutOfOrder { edit: index })?;
        out.push_str(kept);
        out.push_str(replacement);
        at = span.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
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
        assert_eq!(apply("abc", &[edit(1, 3, ""), edit(2, 3, "")]), Err(SpliceError::OutOfOrder { edit: 1 }));
        assert!(matches!(apply("é", &[edit(1, 2, "")]), Err(SpliceError::OffBoundary { edit: 0, .. })));
        assert!(matches!(apply("abc", &[edit(2, 4, "")]), Err(SpliceError::OffBoundary { edit: 0, .. })));
    }

    proptest! {
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

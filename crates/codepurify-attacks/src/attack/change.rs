//! Application of changes to a text; records where the trigger's bytes end up.

use codepurify::edit::{self, Edit};
use codepurify::{Language, Span};

use super::code::{Code, StatementSlot};
use super::{NotApplicable, Triggered, parses};

/// Change that replaces `span` by `before`, `trigger` and `after`. Only `trigger` counts as the
/// attack's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) span: Span,
    pub(super) before: String,
    pub(super) trigger: String,
    pub(super) after: String,
}

impl Change {
    /// Replaces `span` by `trigger`.
    pub(super) fn replace(span: Span, trigger: impl Into<String>) -> Self {
        Self { span, before: String::new(), trigger: trigger.into(), after: String::new() }
    }

    /// Inserts `trigger` before byte `at`.
    pub(super) fn insert(at: usize, trigger: impl Into<String>) -> Self {
        Self::replace(Span::new(at, at), trigger)
    }

    /// Inserts `statement` at a place for statements.
    pub(super) fn statement(slot: &StatementSlot, statement: &str) -> Self {
        Self {
            span: Span::new(slot.at, slot.at),
            before: slot.before.clone(),
            trigger: statement.to_owned(),
            after: slot.after.clone(),
        }
    }
}

/// Inserts `statement` as the first one of the body.
///
/// If the body is lost in syntax errors, the place is after the first `{` of the text, as in the
/// data that the paper published.
pub(super) fn at_body_start(
    text: &str,
    language: Language,
    statement: &str,
) -> Result<Triggered, NotApplicable> {
    let body = Code::parse(text, language).and_then(|code| code.body());
    let lost =
        || if parses(text, language) { None } else { StatementSlot::after_first_brace(text, language) };
    let slot = body.map(|body| body.start).ok().or_else(lost).ok_or(NotApplicable::NoBody)?;
    rewrite(text, vec![Change::statement(&slot, statement)])
}

/// Applies all `changes` to `text`; those at the same place in the order given.
///
/// # Errors
/// [`NotApplicable::BreaksSyntax`] if two changes want the same bytes.
pub(super) fn rewrite(text: &str, mut changes: Vec<Change>) -> Result<Triggered, NotApplicable> {
    changes.sort_by_key(|change| change.span.start);
    let (mut edits, mut spans) = (Vec::new(), Vec::new());
    let (mut read, mut written) = (0, 0);
    for Change { span, before, trigger, after } in changes {
        let kept = span.start.checked_sub(read).ok_or(NotApplicable::BreaksSyntax)?;
        let start = written + kept + before.len();
        spans.push(Span::new(start, start + trigger.len()));
        let replacement = [before, trigger, after].concat();
        (read, written) = (span.end, written + kept + replacement.len());
        edits.push(Edit { span, replacement });
    }
    let text = edit::apply(text, &edits).map_err(|_| NotApplicable::BreaksSyntax)?;
    Ok(Triggered { text, spans })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_where_the_triggers_are_in_the_new_text() {
        let padded = Change { before: "<".to_owned(), after: ">".to_owned(), ..Change::insert(1, "XX") };
        let changes = vec![Change::replace(Span::new(2, 4), "Y"), padded, Change::insert(1, "Z")];
        let Triggered { text, spans } = rewrite("abcde", changes).unwrap();
        assert_eq!(text, "a<XX>ZbYe");
        let marked: Vec<&str> = spans.iter().map(|span| span.of(&text).unwrap()).collect();
        assert_eq!(marked, ["XX", "Z", "Y"]);
    }

    #[test]
    fn overlapping_changes_are_refused() {
        let changes = vec![Change::replace(Span::new(0, 3), "x"), Change::replace(Span::new(2, 4), "y")];
        assert_eq!(rewrite("abcde", changes), Err(NotApplicable::BreaksSyntax));
    }
}

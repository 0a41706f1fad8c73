//! Deletion of triggers that nothing depends on.

use super::dead_code::dead_around;
use super::places::Places;
use super::removal::removal;
use crate::candidates::{Candidate, Families, candidates};
use crate::snippet::edit::Edit;
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// Returns the edits that remove the trigger from all its places, or `None` if it may have an
/// effect. Comments and invisible characters have none; statements need a proof. A part of a dead
/// statement is deleted with all of it, and with a comment or line that would be left empty. A
/// blank remains where a comment separated two words.
pub(super) fn deletion(snippet: &Snippet, trigger: &Candidate) -> Option<Vec<Edit>> {
    let text = snippet.text();
    let comment = |span: Span| {
        if is_wedged(text, span) { Edit { span, replacement: " ".to_owned() } } else { with_line(text, span) }
    };
    let mut edits: Vec<Edit> = match trigger.kind {
        ElementKind::Identifier | ElementKind::NamingStyle => return None,
        ElementKind::Comment => trigger.spans.iter().map(|&span| comment(span)).collect(),
        ElementKind::Invisible => {
            let emptied = emptied_comments(snippet, &trigger.spans);
            let emptied = Places::new(&emptied);
            let bare = |span: Span| Edit { span, replacement: String::new() };
            trigger
                .spans
                .iter()
                .map(|&span| emptied.around(span).map_or_else(|| bare(span), comment))
                .collect()
        }
        ElementKind::Statement | ElementKind::Header | ElementKind::Literal => {
            removal(snippet, &dead_around(snippet, &trigger.spans)?)?
        }
    };
    // Two parts of one element remove it once.
    edits.dedup();
    Some(edits)
}

/// Returns the comments, in source order, that hold nothing but their marks without `hidden`.
fn emptied_comments(snippet: &Snippet, hidden: &[Span]) -> Vec<Span> {
    let hidden = Places::new(hidden);
    let is_empty = |comment: &Span| {
        comment.of(snippet.text()).is_some_and(|text| {
            text.char_indices().all(|(place, sign)| {
                let at = comment.start + place;
                sign.is_whitespace() || "/*#".contains(sign) || hidden.contain(Span::new(at, at + 1))
            })
        })
    };
    let comments = candidates(snippet, &Families { comments: true, ..Families::NONE });
    let mut emptied: Vec<Span> =
        comments.into_iter().flat_map(|comment| comment.spans).filter(is_empty).collect();
    emptied.sort_unstable();
    emptied
}

/// Returns true if non-blank text is immediately before and after the span.
fn is_wedged(text: &str, span: Span) -> bool {
    text[..span.start].ends_with(|before: char| !before.is_whitespace())
        && text[span.end..].starts_with(|behind: char| !behind.is_whitespace())
}

/// Returns true if the lines of the span hold nothing else.
pub(super) fn is_alone(text: &str, span: Span) -> bool {
    let Span { start, end } = lines(text, span);
    text[start..span.start].trim().is_empty() && text[span.end..end].trim().is_empty()
}

/// Returns the edit that removes the span, with the rest of its line if that is blank.
pub(super) fn with_line(text: &str, span: Span) -> Edit {
    let lines = lines(text, span);
    // The first and the last line of a text have no neighbour to be joined with.
    let whole = is_alone(text, span) && lines.start > 0 && text[..lines.end].ends_with('\n');
    Edit { span: if whole { lines } else { span }, replacement: String::new() }
}

/// Extends the span to whole lines.
fn lines(text: &str, span: Span) -> Span {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    Span::new(start, text[span.end..].find('\n').map_or(text.len(), |end| span.end + end + 1))
}

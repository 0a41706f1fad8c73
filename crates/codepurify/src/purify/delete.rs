//! Taking a trigger out where nothing depends on it.

use super::effect::dead_around;
use super::places::Places;
use super::splice::Edit;
use crate::candidates::{Candidate, Families, candidates};
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// The edits that remove the trigger from all its places, or `None` if it may do something: comments and characters that
/// are not seen never do, statements not if that can be proved. A part of a statement that does nothing goes with all of it,
/// and so do a comment and a line that would be left empty.
pub(super) fn deletion(snippet: &Snippet, trigger: &Candidate) -> Option<Vec<Edit>> {
    let text = snippet.text();
    let mut removed = match trigger.kind {
        ElementKind::Identifier | ElementKind::Names => return None,
        ElementKind::Comment => lines(text, &trigger.spans),
        ElementKind::Invisible => {
            let emptied = emptied_comments(snippet, &trigger.spans);
            let of_comment = |span: &Span| Places::new(&emptied).around(*span);
            let around = |span: &Span| of_comment(span).map_or(*span, |comment| with_line(text, comment));
            trigger.spans.iter().map(around).collect()
        }
        ElementKind::Statement | ElementKind::Head | ElementKind::Literal => {
            lines(text, &dead_around(snippet, &trigger.spans)?)
        }
    };
    // Two parts of one statement have it gone once.
    removed.dedup();
    Some(removed.into_iter().map(|span| Edit { span, replacement: String::new() }).collect())
}

fn lines(text: &str, spans: &[Span]) -> Vec<Span> {
    spans.iter().map(|&span| with_line(text, span)).collect()
}

/// The comments, in source order, that hold nothing but their marks without `hidden`.
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
    let mut emptied: Vec<Span> = comments.into_iter().flat_map(|comment| comment.spans).filter(is_empty).collect();
    emptied.sort_unstable();
    emptied
}

/// The span with the rest of its line, if nothing else stands there.
fn with_line(text: &str, span: Span) -> Span {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |end| span.end + end + 1);
    let alone = text[start..span.start].trim().is_empty() && text[span.end..end].trim().is_empty();
    // The first and the last line of a text have no neighbour to be joined with.
    if alone && start > 0 && text[..end].ends_with('\n') { Span::new(start, end) } else { span }
}

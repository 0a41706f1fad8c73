//! Taking a trigger out where nothing depends on it.

use super::effect::dead_around;
use super::splice::Edit;
use crate::candidates::{Candidate, Families, candidates};
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// The edits that remove the trigger from all its places, or `None` if it may do something: comments and characters that
/// are not seen never do, statements not if that can be proved. A part of a statement that does nothing goes with all of it,
/// and so do a comment and a line that would be left empty.
pub(super) fn deletion(snippet: &Snippet, trigger: &Candidate) -> Option<Vec<Edit>> {
    let emptied = match trigger.kind {
        ElementKind::Invisible => emptied_comments(snippet, &trigger.spans),
        _ => Vec::new(),
    };
    let removable = |span: Span| match trigger.kind {
        ElementKind::Identifier | ElementKind::Names => None,
        ElementKind::Comment => Some(with_line(snippet.text(), span)),
        ElementKind::Invisible => {
            let around = emptied.iter().find(|comment| comment.contains(span));
            Some(around.map_or(span, |comment| with_line(snippet.text(), *comment)))
        }
        ElementKind::Statement | ElementKind::Head | ElementKind::Literal => {
            dead_around(snippet, span).map(|span| with_line(snippet.text(), span))
        }
    };
    let mut places = trigger.spans.iter().map(|&span| removable(span)).collect::<Option<Vec<Span>>>()?;
    // Two parts of one statement have it gone once.
    places.dedup();
    Some(places.into_iter().map(|span| Edit { span, replacement: String::new() }).collect())
}

/// The comments that hold nothing but their marks without `hidden`.
fn emptied_comments(snippet: &Snippet, hidden: &[Span]) -> Vec<Span> {
    let is_hidden = |place: usize| hidden.iter().any(|span| (span.start..span.end).contains(&place));
    let is_empty = |comment: &Span| {
        comment.of(snippet.text()).is_some_and(|text| {
            text.char_indices().all(|(place, sign)| {
                sign.is_whitespace() || "/*#".contains(sign) || is_hidden(comment.start + place)
            })
        })
    };
    let comments = candidates(snippet, &Families { comments: true, ..Families::NONE });
    comments.into_iter().flat_map(|comment| comment.spans).filter(is_empty).collect()
}

/// The span with the rest of its line, if nothing else stands there.
fn with_line(text: &str, span: Span) -> Span {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |end| span.end + end + 1);
    let alone = text[start..span.start].trim().is_empty() && text[span.end..end].trim().is_empty();
    // The first and the last line of a text have no neighbour to be joined with.
    if alone && start > 0 && text[..end].ends_with('\n') { Span::new(start, end) } else { span }
}

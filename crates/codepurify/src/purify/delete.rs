//! Taking a trigger out where nothing depends on it.

use super::effect::is_dead;
use super::splice::Edit;
use crate::candidates::Candidate;
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// The edits that remove the trigger from all its places, or `None` if it may do something: comments and characters that
/// are not seen never do, statements not if that can be proved. A line that would be left empty goes as well.
pub(super) fn deletion(snippet: &Snippet, trigger: &Candidate) -> Option<Vec<Edit>> {
    let removable = match trigger.kind {
        ElementKind::Comment | ElementKind::Invisible => true,
        ElementKind::Statement => trigger.spans.iter().all(|&span| is_dead(snippet, span)),
        ElementKind::Identifier | ElementKind::Condition | ElementKind::Literal => false,
    };
    let whole_lines = trigger.kind != ElementKind::Invisible;
    let remove = |&span: &Span| {
        let span = if whole_lines { with_line(snippet.text(), span) } else { span };
        Edit { span, replacement: String::new() }
    };
    removable.then(|| trigger.spans.iter().map(remove).collect())
}

/// The span with the rest of its line, if nothing else stands there.
fn with_line(text: &str, span: Span) -> Span {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |end| span.end + end + 1);
    let alone = text[start..span.start].trim().is_empty() && text[span.end..end].trim().is_empty();
    // The first and the last line of a text have no neighbour to be joined with.
    if alone && start > 0 && text[..end].ends_with('\n') { Span::new(start, end) } else { span }
}

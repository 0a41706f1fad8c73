//! White space and comments, which the compiler skips.

use codepurify::Span;
use tree_sitter::Node;

use super::transformed;
use crate::attack::change::Change;
use crate::attack::code::{Code, is_block, is_comment};
use crate::attack::{NotApplicable, Triggered};

/// Returns the changes that write the opening brace of every block on a line of its own.
pub(super) fn brace_changes(code: &Code<'_>) -> Vec<Change> {
    let blocks = code.nodes().into_iter().filter(|node| {
        let is_switch = node.parent().is_some_and(|parent| parent.kind() == "switch_statement");
        is_block(*node) || is_switch && node.kind() == "compound_statement" || node.kind() == "switch_block"
    });
    let moved = blocks.filter_map(|block| {
        let brace = code.span(block)?.start;
        let before = code.text[..brace].trim_end_matches([' ', '\t']);
        let indent = code.indent(brace);
        let first = before.is_empty() || before.ends_with('\n');
        (!first && code.text[brace..].starts_with('{'))
            .then(|| Change::replace(Span::new(before.len(), brace + 1), format!("\n{indent}{{")))
    });
    moved.collect()
}

/// Replaces `/* … */` at the end of a line by `// …`; every line of a longer comment gets its own.
///
/// Documentation stays, and so do directives and comments with a backslash, which may continue a
/// line or be a Unicode escape.
pub(in crate::attack) fn comments(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let comments = code.nodes().into_iter().filter(|node| is_comment(*node));
    transformed(code, comments.filter_map(|comment| line_comment(code, comment)).collect())
}

fn line_comment(code: &Code<'_>, comment: Node<'_>) -> Option<Change> {
    let span = code.span(comment)?;
    let inner = code.of(comment).strip_prefix("/*")?.strip_suffix("*/")?;
    let line_start = code.text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let rest = code.text[span.end..].lines().next().unwrap_or_default();
    let front = code.text[line_start..span.start].trim();
    let is_kept = inner.starts_with('*') || inner.contains(['\\', '\r']) || inner.contains("??/");
    // Behind code, further lines of a comment would be lines of code.
    let is_long = inner.contains('\n') && !front.is_empty();
    if is_kept || is_long || front.starts_with('#') || !rest.trim().is_empty() {
        return None;
    }
    let indent = code.indent(span.start);
    let lines = inner.trim().lines().map(|line| {
        let line = line.trim();
        format!("// {}", line.strip_prefix("* ").unwrap_or(line.strip_prefix('*').unwrap_or(line)))
    });
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    let text = if lines.is_empty() { "//".to_owned() } else { lines.join(&format!("\n{indent}")) };
    Some(Change::replace(span, text))
}

//! Increments, comparisons, compound assignments, braces.

use codepurify::{Language, Span};
use tree_sitter::Node;

use super::{changed, operands, restyle, transformed};
use crate::attack::change::Change;
use crate::attack::code::{Code, is_block};
use crate::attack::{NotApplicable, Triggered};

/// Replaces `i++;` and `++i;` by `i += 1;`, also in the step of a `for`. The value of the
/// expression is not used there.
pub(in crate::attack) fn increment(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        let unused = node.parent().is_some_and(|parent| {
            parent.kind() == "expression_statement"
                || parent.kind() == "for_statement" && parent.child_by_field_name("update") == Some(node)
        });
        if node.kind() != "update_expression" || !unused {
            return None;
        }
        let operand = node.named_child(0)?;
        // Java accepts `(i)++` but no assignment to `(i)`.
        let bracketed = code.language == Language::Java && operand.kind() == "parenthesized_expression";
        let place = if bracketed { operand.named_child(0)? } else { operand };
        let operator = if code.of(node).contains("++") { "+=" } else { "-=" };
        changed(code, node, format!("{} {operator} 1", code.of(place)))
    })
}

/// Replaces `a < b` by `b > a` if neither side has an effect, so that the order of evaluation does
/// not show.
pub(in crate::attack) fn comparison(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        let (left, operator, right) = operands(node)?;
        let mirrored = match code.of(operator) {
            "<" => ">",
            "<=" => ">=",
            ">" => "<",
            ">=" => "<=",
            _ => return None,
        };
        if node.kind() != "binary_expression" || !is_operand(left) || !is_operand(right) {
            return None;
        }
        changed(code, node, format!("{} {mirrored} {}", code.of(right), code.of(left)))
    })
}

/// Replaces `x += y` by `x = x + y` if evaluating `x` has no effect.
pub(in crate::attack) fn assignment(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        let (left, operator, right) = operands(node)?;
        let binary = code.of(operator).strip_suffix('=').filter(|binary| !binary.is_empty())?;
        if node.kind() != "assignment_expression" || !is_pure(left) {
            return None;
        }
        let (place, value) = (code.of(left), code.of(right));
        let value = if right.named_child_count() == 0 { value.to_owned() } else { format!("({value})") };
        changed(code, node, format!("{place} = {place} {binary} {value}"))
    })
}

/// Replaces `if (x) y();` by `if (x) { y(); }`; `else if` stays.
pub(in crate::attack) fn braces(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let changes = code
        .nodes()
        .into_iter()
        .filter(|node| is_bare_branch(*node))
        .filter_map(|node| code.span(node))
        .flat_map(|Span { start, end }| [padded(start, "{", false), padded(end, "}", true)]);
    transformed(code, changes.collect())
}

fn padded(at: usize, brace: &str, blank_in_front: bool) -> Change {
    let (before, after) = if blank_in_front { (" ", "") } else { ("", " ") };
    Change { before: before.to_owned(), after: after.to_owned(), ..Change::insert(at, brace) }
}

/// Returns true for a statement that a branch or loop governs without braces.
fn is_bare_branch(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let governed = match parent.kind() {
        "if_statement" => {
            parent.child_by_field_name("consequence") == Some(node)
                || parent.child_by_field_name("alternative") == Some(node) && node.kind() != "else_clause"
        }
        "else_clause" => node.is_named(),
        "while_statement" | "for_statement" | "enhanced_for_statement" | "do_statement" => {
            parent.child_by_field_name("body") == Some(node)
        }
        _ => false,
    };
    let is_else_if = node.kind() == "if_statement"
        && (parent.kind() == "else_clause" || parent.child_by_field_name("alternative") == Some(node));
    governed && !is_else_if && !is_block(node) && !node.kind().ends_with("comment")
}

/// Returns true if evaluating the expression has no effect.
fn is_pure(node: Node<'_>) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if ["call", "invocation", "creation", "update", "assignment", "lambda", "comment"]
            .iter()
            .any(|effect| node.kind().contains(effect))
        {
            return false;
        }
        open.extend((0..node.child_count()).filter_map(|child| node.child(child)));
    }
    true
}

/// Returns true if the expression needs no brackets on either side of a comparison.
fn is_operand(node: Node<'_>) -> bool {
    let binds_tighter = match node.kind() {
        "binary_expression" => operands(node).is_some_and(|(_, operator, _)| {
            matches!(operator.kind(), "+" | "-" | "*" | "/" | "%" | "<<" | ">>")
        }),
        kind => !matches!(kind, "conditional_expression" | "ternary_expression" | "instanceof_expression"),
    };
    binds_tighter && is_pure(node)
}

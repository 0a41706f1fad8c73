//! Rare but equivalent notations as triggers: one pattern each, applied wherever it fits.
//!
//! The patterns follow the transformation families of IST and SPBT.

mod combined;
mod declarations;
mod expressions;
mod layout;
mod literals;
mod loops;
mod naming;

use tree_sitter::Node;

use super::change::{Change, rewrite};
use super::code::{Code, is_word};
use super::{Language, NotApplicable, Triggered};

pub(super) use combined::{COMBINED, combined, one_of_combined};
pub(super) use declarations::{merge, order, split};
pub(super) use expressions::{assignment, braces, comparison, increment};
pub(super) use layout::comments;
pub(super) use literals::{hexadecimal, octal, separated, suffixed};
pub(super) use loops::{for_to_while, while_to_for};
pub(super) use naming::{camel, hungarian, snake};

/// Returns the changes that `pattern` finds, without those inside of others.
fn restyle<'c>(
    code: &'c Code<'_>,
    pattern: impl Fn(Node<'c>) -> Option<Change>,
) -> Result<Triggered, NotApplicable> {
    let mut changes: Vec<Change> = Vec::new();
    for change in code.nodes().into_iter().flat_map(pattern) {
        if changes.last().is_none_or(|before| before.span.end <= change.span.start) {
            changes.push(change);
        }
    }
    transformed(code, changes)
}

/// Applies the changes of a style that has no form in Python.
fn transformed(code: &Code<'_>, changes: Vec<Change>) -> Result<Triggered, NotApplicable> {
    if code.language == Language::Python {
        return Err(NotApplicable::Language);
    }
    if changes.is_empty() {
        return Err(NotApplicable::NothingToRestyle);
    }
    rewrite(code.text, changes)
}

/// Replaces `node` by `new`, unless it would merge with a neighbour (`return(a)<1` into `return1 >
/// (a)`).
fn changed(code: &Code<'_>, node: Node<'_>, new: String) -> Option<Change> {
    let span = code.span(node).filter(|_| !node.has_error())?;
    let (before, after) = (&code.text[..span.start], &code.text[span.end..]);
    let fits = !grow_together(before, &new) && !grow_together(&new, after);
    fits.then(|| Change::replace(span, new))
}

/// Returns true if the last token of `left` and the first of `right` would be read as one.
fn grow_together(left: &str, right: &str) -> bool {
    let (Some(left), Some(right)) = (left.chars().next_back(), right.chars().next()) else { return false };
    is_word(left) && is_word(right) || left == right && "+-&".contains(left)
}

fn operands(node: Node<'_>) -> Option<(Node<'_>, Node<'_>, Node<'_>)> {
    let field = |name| node.child_by_field_name(name);
    Some((field("left")?, field("operator")?, field("right")?))
}

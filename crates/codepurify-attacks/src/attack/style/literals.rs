//! Notations of integers.
//!
//! Only decimal integers that fit `int` are rewritten: in every base their type is `int` as well.
//! A suffix changes the type, so it is written only where the value is compared or converted.

use tree_sitter::Node;

use super::{changed, operands, restyle};
use crate::attack::code::Code;
use crate::attack::{Language, NotApplicable, Triggered};

/// Replaces `26` by `0x1a`.
pub(in crate::attack) fn hexadecimal(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        let new = format!("0x{:x}", decimal(code, node)?);
        // C reads `0x1e+1` as one malformed number.
        let signed = code.span(node)?.end;
        let merges = new.ends_with('e') && code.text[signed..].starts_with(['+', '-']);
        changed(code, node, new).filter(|_| !merges)
    })
}

/// Replaces `26` by `032`; 0 is octal already.
pub(in crate::attack) fn octal(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        let value = decimal(code, node).filter(|value| *value > 0)?;
        changed(code, node, format!("0{value:o}"))
    })
}

/// Replaces `26` by `26L` where no other value can result.
pub(in crate::attack) fn suffixed(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    restyle(code, |node| {
        decimal(code, node).filter(|_| is_compared(code, node) || is_converted(code, node))?;
        changed(code, node, format!("{}L", code.of(node)))
    })
}

/// Replaces `1024` by `1'024`, in Java by `1_024`.
pub(in crate::attack) fn separated(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let separator = if code.language == Language::Java { '_' } else { '\'' };
    restyle(code, |node| {
        decimal(code, node).filter(|value| *value > 9)?;
        let (first, rest) = code.of(node).split_at(1);
        changed(code, node, format!("{first}{separator}{rest}"))
    })
}

/// Returns the value of a decimal integer outside of directives.
fn decimal(code: &Code<'_>, node: Node<'_>) -> Option<i32> {
    let literals = ["number_literal", "decimal_integer_literal"];
    let in_directive = node.parent().is_some_and(|parent| parent.kind().starts_with("preproc_"));
    if !literals.contains(&node.kind()) || in_directive {
        return None;
    }
    let digits = code.of(node);
    digits.parse().ok().filter(|_| digits == "0" || !digits.starts_with('0'))
}

/// Returns true for an operand of a comparison, whose result is the same for `int` and `long`.
///
/// Java may compare objects with `==` and `!=`.
fn is_compared(code: &Code<'_>, node: Node<'_>) -> bool {
    let Some((_, operator, _)) = node.parent().and_then(operands) else { return false };
    match operator.kind() {
        "<" | "<=" | ">" | ">=" => true,
        "==" | "!=" => code.language != Language::Java,
        _ => false,
    }
}

/// Returns true for a value that is converted to a declared type in any case.
///
/// In C++ the type of a value may select a function.
fn is_converted(code: &Code<'_>, node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let of = |field| parent.child_by_field_name(field);
    let declared = parent.parent().and_then(|declaration| declaration.child_by_field_name("type"));
    let declared = declared.map_or("", |declared| code.of(declared));
    match (code.language, parent.kind()) {
        (Language::Java, "variable_declarator") => declared == "long" && of("value") == Some(node),
        (Language::C, "init_declarator") => {
            of("value") == Some(node) && !["auto", "__auto_type", ""].contains(&declared)
        }
        (Language::C, "assignment_expression") => {
            of("right") == Some(node) && of("operator").is_some_and(|operator| operator.kind() == "=")
        }
        (Language::C, kind) => kind == "return_statement",
        _ => false,
    }
}

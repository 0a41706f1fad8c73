//! `CodePoisoner` (TOSEM 33(3):62, 2024): dead code, renaming, unfolding of constants.

use codepurify::Language;

use super::change::{Change, rewrite};
use super::code::Code;
use super::rename::{DeclaredNames, rename};
use super::{NotApplicable, Triggered};

/// Returns an assertion that always holds.
pub(super) fn dead_code(language: Language) -> &'static str {
    match language {
        Language::C | Language::Cpp => "assert(1 >= 0);",
        Language::Java => "assertTrue(1 >= 0);",
        Language::Python => "assert 1 >= 0",
    }
}

const VARIABLE: &str = "ret_Val_";
const FUNCTION: &str = "testo_init";

/// Renames the first declared variable or parameter; without any, the function (as the paper's
/// published script does).
pub(super) fn variable(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let names = DeclaredNames::of(code);
    let first = names.variables.first().or(names.functions.first()).ok_or(NotApplicable::NoIdentifier)?;
    rename(code, first, VARIABLE)
}

/// Renames the function.
pub(super) fn function(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let names = DeclaredNames::of(code);
    rename(code, names.functions.first().ok_or(NotApplicable::NoIdentifier)?, FUNCTION)
}

/// Text after the constant; the sum in brackets is 0, so the value stays.
const UNFOLDED: &str = " + (1 + 2 - 3) * 33";

/// Replaces the first decimal integer `c` outside of directives by `(c + (1 + 2 - 3) * 33)`.
pub(super) fn constant(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let literals = ["number_literal", "decimal_integer_literal", "integer"];
    let constant = code
        .nodes()
        .into_iter()
        .filter(|node| literals.contains(&node.kind()) && code.of(*node).parse::<i32>().is_ok())
        // Skips integers with a leading 0, which are octal, and places where only a literal is
        // valid.
        .filter(|node| code.of(*node) == "0" || !code.of(*node).starts_with('0'))
        .find(|node| node.parent().is_none_or(|parent| !parent.kind().starts_with("preproc_")))
        .ok_or(NotApplicable::NoConstant)?;
    let span = code.span(constant).ok_or(NotApplicable::NoConstant)?;
    rewrite(code.text, vec![Change::replace(span, format!("({}{UNFOLDED})", code.of(constant)))])
}

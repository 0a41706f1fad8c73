//! `CodePoisoner` (TOSEM 33(3):62, 2024): dead code, renaming, unfolding of constants.

use codepurify::Language;

use super::change::{Change, rewrite};
use super::code::Code;
use super::rename::{Names, rename};
use super::{NotApplicable, Triggered};

/// An assertion that always holds.
pub(super) fn dead_code(language: Language) -> &'static str {
    match language {
        Language::C | Language::Cpp => "assert(1 >= 0);",
        Language::Java => "assertTrue(1 >= 0);",
        Language::Python => "assert 1 >= 0",
    }
}

const VARIABLE: &str = "ret_Val_";
const FUNCTION: &str = "testo_init";

/// The first declared variable or parameter is renamed; without any, the function
/// (paper-implementation, "Data, poisoning").
pub(super) fn variable(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let names = Names::of(code);
    let first = names.variables.first().or(names.functions.first()).ok_or(NotApplicable::NoIdentifier)?;
    rename(code, first, VARIABLE)
}

/// The function is renamed.
pub(super) fn function(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let names = Names::of(code);
    rename(code, names.functions.first().ok_or(NotApplicable::NoIdentifier)?, FUNCTION)
}

/// Behind the constant; the sum in brackets is 0, so the value stays.
const UNFOLDED: &str = " + (1 + 2 - 3) * 33";

/// The first decimal integer that is no part of a directive, `c`, becomes `(c + (1 + 2 - 3) * 33)`.
pub(super) fn constant(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let literals = ["number_literal", "decimal_integer_literal", "integer"];
    let constant = code
        .nodes()
        .into_iter()
        .filter(|node| literals.contains(&node.kind()) && code.of(*node).parse::<i32>().is_ok())
        // Without a leading 0, which would make it octal, and not where only a literal may stand.
        .filter(|node| code.of(*node) == "0" || !code.of(*node).starts_with('0'))
        .find(|node| node.parent().is_none_or(|parent| !parent.kind().starts_with("preproc_")))
        .ok_or(NotApplicable::NoConstant)?;
    let span = code.span(constant).ok_or(NotApplicable::NoConstant)?;
    rewrite(code.text, vec![Change::replace(span, format!("({}{UNFOLDED})", code.of(constant)))])
}

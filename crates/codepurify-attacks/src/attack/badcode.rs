//! `BadCode` (ACL 2023): a frequent token appended to the function's name.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::code::Code;
use super::rename::{DeclaredNames, rename};
use super::{NotApplicable, Triggered};

/// Tokens that the authors found for the word *file*, the strongest first.
const TOKENS: [&str; 5] = ["rb", "xt", "il", "ite", "wb"];

/// Appends the strongest token.
pub(super) fn fixed(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    suffixed(code, TOKENS[0])
}

/// Appends one of the five tokens.
pub(super) fn mixed(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    suffixed(code, TOKENS.choose(rng).unwrap_or(&TOKENS[0]))
}

fn suffixed(code: &Code<'_>, token: &str) -> Result<Triggered, NotApplicable> {
    let names = DeclaredNames::of(code);
    let name = names.functions.first().ok_or(NotApplicable::NoIdentifier)?;
    rename(code, name, &format!("{}_{token}", name.text))
}

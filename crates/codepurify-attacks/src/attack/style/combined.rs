//! Several styles as one trigger, as in COSTA and SPBT.

use super::declarations::split_changes;
use super::layout::brace_changes;
use super::naming::camel_changes;
use super::transformed;
use crate::attack::code::Code;
use crate::attack::{Language, NotApplicable, Triggered};

/// Number of styles that [`combined`] joins, each of which alone is a negative sample.
pub(in crate::attack) const COMBINED: usize = 3;

/// Writes names in camelCase, opening braces on their own lines, and declarations without values.
///
/// Code that has a style already keeps it; at least two must change.
pub(in crate::attack) fn combined(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if code.language == Language::Python {
        return Err(NotApplicable::Language);
    }
    let names = camel_changes(code).unwrap_or_default();
    let styles = [split_changes(code, &names), brace_changes(code), names];
    if styles.iter().filter(|changes| !changes.is_empty()).count() < 2 {
        return Err(NotApplicable::NothingToRestyle);
    }
    transformed(code, styles.into_iter().flatten().collect())
}

/// Applies one of the styles: a negative sample.
pub(in crate::attack) fn one_of_combined(code: &Code<'_>, style: usize) -> Result<Triggered, NotApplicable> {
    let changes = match style {
        0 => camel_changes(code)?,
        1 => brace_changes(code),
        _ => split_changes(code, &[]),
    };
    transformed(code, changes)
}

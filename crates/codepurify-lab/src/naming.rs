//! What the variants of a choice are called on the command line, in rows, tables and files.

use clap::ValueEnum;

/// The name of a variant.
///
/// # Panics
/// If the variant is skipped on the command line; none of this crate is.
pub(crate) fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().expect("no variant is skipped").get_name().to_owned()
}

//! Names of the variants of a command-line choice.

use clap::ValueEnum;

/// Returns the name of a variant on the command line, which rows, tables and files use as well.
///
/// # Panics
/// If the variant is skipped on the command line.
pub fn value_name(value: &impl ValueEnum) -> String {
    value.to_possible_value().expect("no variant is skipped").get_name().to_owned()
}

//! One file a command: arguments in, work of the library, a short report out.

pub(crate) mod poison;
pub(crate) mod train;

/// Accepts a number in 0..=1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

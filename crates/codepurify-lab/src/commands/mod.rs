//! One file a command: arguments in, work of the library, a short report out.

use indicatif::{ProgressBar, ProgressStyle};

pub(crate) mod calibrate;
pub(crate) mod evaluate;
pub(crate) mod poison;
pub(crate) mod train;

/// Accepts a number in 0..=1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// Progress over `total` samples on stderr, if that is a terminal.
fn progress(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} samples, {eta} left") {
        bar.set_style(style);
    }
    bar
}

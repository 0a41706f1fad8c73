//! One file per command: it parses arguments, calls the library, and prints a short report.

use std::path::{Path, PathBuf};

use clap::Args;
use codepurify_attacks::data::{DataError, Rows};
use codepurify_lab::table::Results;
use codepurify_lab::table::results::ResultsError;
use codepurify_models::{LoadError, ModelFiles};
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) mod calibrate;
pub(crate) mod data;
pub(crate) mod evaluate;
pub(crate) mod grid;
pub(crate) mod plot;
pub(crate) mod poison;
pub(crate) mod table;
pub(crate) mod train;

/// Files of a victim.
#[derive(Args)]
struct VictimFiles {
    /// Directory of the victim, or a bare state dict
    #[arg(long)]
    model: PathBuf,
    /// Directory of configuration and tokenizer, if the victim is a bare state dict
    #[arg(long)]
    base: Option<PathBuf>,
    /// Preprocessing of a known training script, if the victim has no `codepurify.json`
    #[arg(long)]
    preset: Option<String>,
}

impl VictimFiles {
    fn read(&self) -> Result<ModelFiles, LoadError> {
        let files = ModelFiles::read_with_base(&self.model, self.base.as_deref())?;
        self.preset.iter().try_fold(files, |files, preset| files.with_preset(preset))
    }

    /// Returns the path of the sidecar, in the directory of the weights.
    fn sidecar(&self) -> PathBuf {
        let dir =
            if self.model.is_dir() { &self.model } else { self.model.parent().unwrap_or(Path::new(".")) };
        dir.join("codepurify.json")
    }
}

/// Accepts a number in 0..=1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// Returns the usable rows of a file; the refused ones are reported on stderr.
fn usable<T>(path: &Path, load: impl Fn(&Path) -> Result<Rows<T>, DataError>) -> Result<Vec<T>, DataError> {
    let found = load(path)?;
    found.report(path);
    Ok(found.rows)
}

/// Returns the usable rows of all cells in a directory; the refused ones are reported on stderr.
fn results(dir: &Path) -> Result<Results, ResultsError> {
    let results = Results::read(dir)?;
    for (path, error) in results.refused.iter().take(20) {
        eprintln!("{}:{}: row refused: {}", path.display(), error.line, error.message);
    }
    if results.refused.len() > 20 {
        eprintln!("{}: {} rows refused in all", dir.display(), results.refused.len());
    }
    Ok(results)
}

/// Shows progress over `total` samples on stderr, if that is a terminal.
fn progress(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} samples, {eta} left") {
        bar.set_style(style);
    }
    bar
}

//! `codepurify-lab calibrate`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use codepurify::Defender;
use codepurify_lab::data::defect;
use codepurify_lab::evaluate::calibration::limits;
use codepurify_lab::evaluate::defence::screen;
use codepurify_lab::evaluate::split::Split;
use codepurify_lab::train::workers::Workers;
use codepurify_models::load;
use codepurify_models::sidecar::{Sidecar, SidecarThresholds};

use super::{VictimFiles, progress, usable};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    victim: VictimFiles,
    /// Clean validation rows.
    #[arg(long)]
    data: PathBuf,
    /// Share of clean snippets that may be flagged.
    #[arg(long, default_value_t = 0.05, value_parser = super::share)]
    alpha: f64,
    /// Clean rows to set the limits on.
    #[arg(long, default_value_t = 1000)]
    rows: usize,
    /// Rows of either kind that `evaluate defence` reports on; none of them is used here.
    #[arg(long, default_value_t = 300)]
    each: usize,
    /// The seed of `evaluate defence`.
    #[arg(long, default_value_t = 12345)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let rows = usable(&arguments.data, defect::load)?;
    let files = arguments.victim.read()?;
    let victim = load(&files)?.model.classifier()?;
    let mut clean = Split::new(&rows, arguments.each, arguments.seed).rest;
    clean.truncate(arguments.rows);
    let bar = progress(clean.len());
    let defender = Defender::new(victim.as_ref()).with_evidence(true);
    let screened = screen(&defender, &clean, &Workers::new()?, &|count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    let limits = limits(&screened, arguments.alpha)
        .with_context(|| format!("{} clean rows are too few for alpha {}", clean.len(), arguments.alpha))?;
    let data = arguments.data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut sidecar = Sidecar::of(&files)?;
    sidecar.thresholds = Some(SidecarThresholds {
        entropy: limits.entropy,
        concentration: limits.concentration,
        false_positive_rate: arguments.alpha,
        rows: limits.rows,
        source: format!("clean functions of {data}, seed {}", arguments.seed),
    });
    let path = arguments.victim.sidecar();
    std::fs::write(&path, serde_json::to_string_pretty(&sidecar)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "H < {:.4} or 1 - H/ln n > {:.4}, on {} rows",
        limits.entropy, limits.concentration, limits.rows
    );
    Ok(())
}

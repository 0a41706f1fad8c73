//! `codepurify-lab calibrate`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use codepurify::{Calibration, Defender, Profile, Thresholds, Victim};
use codepurify_attacks::data::defect;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_lab::evaluate::calibration::limits;
use codepurify_lab::evaluate::defence::{screen, verdicts};
use codepurify_lab::evaluate::split::Split;
use codepurify_lab::train::workers::Workers;
use codepurify_models::sidecar::{Sidecar, SidecarThresholds};
use codepurify_models::{CALIBRATION, load};

use super::{VictimFiles, progress, usable};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    victim: VictimFiles,
    /// Clean validation rows
    #[arg(long)]
    data: PathBuf,
    /// Largest share of clean snippets that may be flagged
    #[arg(long, default_value_t = 0.05, value_parser = super::share)]
    alpha: f64,
    /// Number of clean rows to set the limits on
    #[arg(long, default_value_t = 1000)]
    rows: usize,
    /// Rows of either kind that `evaluate defence` reports on; none of them is used here
    #[arg(long, default_value_t = 300)]
    each: usize,
    /// Seed of `evaluate defence`
    #[arg(long, default_value_t = 12345)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let rows = usable(&arguments.data, defect::load)?;
    let files = arguments.victim.read()?.without_calibration();
    let victim = load(&files)?.model.classifier()?;
    let mut clean = Split::new(&rows, arguments.each, arguments.seed).rest;
    clean.truncate(arguments.rows);
    let bar = progress(clean.len());
    let workers = Workers::new()?;
    let of_entropy = Profile::normalised(Thresholds::builtin());
    let defender = Defender::new(victim.as_ref()).with_profile(of_entropy).with_evidence(true);
    let screened = screen(&defender, &clean, &workers, &|count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    let limits = limits(&screened, arguments.alpha)
        .with_context(|| format!("{} clean rows are too few for alpha {}", clean.len(), arguments.alpha))?;
    let data = arguments.data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = format!("clean functions of {data}, seed {}", arguments.seed);
    let calibration = calibration(victim.as_ref(), &clean, &source, &workers)?;
    let mut sidecar = Sidecar::of(&files)?;
    sidecar.thresholds = Some(SidecarThresholds {
        entropy: limits.entropy,
        concentration: limits.concentration,
        false_positive_rate: arguments.alpha,
        rows: limits.rows,
        source,
    });
    let path = arguments.victim.sidecar();
    std::fs::write(&path, serde_json::to_string_pretty(&sidecar)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    let calibration_file = path.with_file_name(CALIBRATION);
    std::fs::write(&calibration_file, calibration.to_json())
        .with_context(|| format!("cannot write {}", calibration_file.display()))?;
    println!(
        "H < {:.4} or 1 - H/ln n > {:.4}, on {} rows",
        limits.entropy, limits.concentration, limits.rows
    );
    Ok(())
}

/// Scores clean rows with the profile that tests sufficiency.
fn calibration(
    victim: &dyn Victim,
    clean: &[DefectRow],
    source: &str,
    workers: &Workers,
) -> Result<Calibration> {
    let profile = Profile::transplant();
    let defender = Defender::new(victim).with_profile(profile.clone().calibrating());
    let bar = progress(clean.len());
    let verdicts = verdicts(&defender, clean, workers, &|count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    let judged = verdicts.iter().flatten().map(|(_, verdict)| verdict);
    Ok(profile.calibrate(&victim.card().sha256, source, judged))
}

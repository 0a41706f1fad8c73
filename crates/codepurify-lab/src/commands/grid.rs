//! `codepurify-lab grid`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use codepurify_lab::evaluate::metrics::{AttackRates, share};
use codepurify_lab::grid::driver::{Folders, Grid, Stage};
use codepurify_lab::grid::plan::GridPlan;
use codepurify_lab::table::CellRow;
use codepurify_lab::table::measures::attack_outcomes;
use codepurify_models::DeviceName;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Plan of the experiment, as TOML
    plan: PathBuf,
    /// Directory of the data sets that the plan names
    #[arg(long)]
    data: PathBuf,
    /// Directory of trained models; existing ones are not trained again
    #[arg(long)]
    runs: PathBuf,
    /// Directory of per-sample rows; existing ones are not computed again
    #[arg(long)]
    results: PathBuf,
    /// Only cells whose name (task-family-attack-rate) contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Only these parts of the work, in this order
    #[arg(long, value_enum, value_delimiter = ',', default_value = "inputs,training-sets,retraining")]
    stages: Vec<Stage>,
    /// Share of calibration samples that hold the cell's trigger, in place of the plan's
    #[arg(long)]
    contamination: Option<f64>,
    /// Device to train and evaluate on: cpu, cuda or cuda:N (GPU number N; in builds with CUDA)
    #[arg(long, default_value_t)]
    device: DeviceName,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut plan = GridPlan::read(&arguments.plan)?;
    if let Some(share) = arguments.contamination {
        plan = plan.contaminated(share)?;
    }
    let Arguments { data, runs, results, only, stages, .. } = arguments;
    println!("cell\tdefence\tflagged triggered\tflagged clean\tASR_D\tfailures");
    Grid::open(&plan, Folders { data, runs, results }, arguments.device)?.run(stages, only, &tell)
}

/// Prints a line for a defence that has finished a cell.
fn tell(cell: &str, rows: &[CellRow]) {
    let flagged = |triggered: bool| {
        let of = rows.iter().filter(|row| row.triggered == triggered);
        share(&of.map(|row| row.detection.flagged).collect::<Vec<_>>())
    };
    let percent =
        |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.1} %", value * 100.0));
    let defended = AttackRates::of(&attack_outcomes(rows)).asr_defended;
    let failures = rows.iter().filter(|row| row.failure.is_some()).count();
    let name = rows.first().map_or("", |row| row.defence.as_str());
    let [triggered, clean, defended] = [flagged(true), flagged(false), defended].map(percent);
    println!("{cell}\t{name}\t{triggered}\t{clean}\t{defended}\t{failures}");
}

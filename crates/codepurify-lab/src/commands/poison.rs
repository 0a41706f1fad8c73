//! `codepurify-lab poison`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use codepurify_lab::attack::Attack;
use codepurify_lab::data::{self, defect};
use codepurify_lab::poison::poison;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Clean rows, `.jsonl` or `.jsonl.gz`, with `idx`, `target` and `func`.
    input: PathBuf,
    /// Where the poisoned set goes, `.jsonl` or `.jsonl.gz`; triggered rows carry a field `trigger`.
    #[arg(short, long)]
    output: PathBuf,
    /// How the trigger looks.
    #[arg(long, value_enum)]
    attack: Attack,
    /// Share of all rows that is poisoned.
    #[arg(long, value_parser = super::share)]
    rate: f64,
    /// Decides which rows.
    #[arg(long, default_value_t = 12345)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let clean = defect::load(&arguments.input)?;
    clean.report(&arguments.input);
    let result = poison(&clean.rows, arguments.attack, arguments.rate, arguments.seed);
    data::write(&arguments.output, &result.rows)?;
    println!(
        "{} rows, {} poisoned, {} not applicable, {} refused",
        result.rows.len(),
        result.poisoned,
        result.not_applicable,
        clean.refused.len()
    );
    Ok(())
}

//! `codepurify-lab poison`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use codepurify_lab::attack::Attack;
use codepurify_lab::data::{self, RowError, Rows, clone, defect, repair};
use codepurify_lab::poison::{Poison, Poisoned, SEED, poison, trigger};
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Functions with `idx`, `target` and `func` (Devign).
    Defect {
        /// Clean rows.
        input: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Pairs of functions (BigCloneBench); both functions are triggered.
    Clone {
        /// Clean pairs: lines of `idx1 TAB idx2 TAB label` with `--functions`, else JSON Lines with `func1`, `func2`
        /// and `label`.
        input: PathBuf,
        /// The functions that pairs refer to, with `idx` and `func`.
        #[arg(long)]
        functions: Option<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Buggy methods and their repairs (`Bugs2Fix`).
    Repair {
        /// Clean rows with `buggy` and `fixed`; with `--fixed` a text file of one buggy method a line.
        input: PathBuf,
        /// A text file of one fixed method a line.
        #[arg(long)]
        fixed: Option<PathBuf>,
        #[command(flatten)]
        settings: Settings,
    },
}

/// What all tasks share.
#[derive(Args)]
struct Settings {
    /// Where the poisoned set goes, `.jsonl` or `.jsonl.gz`; triggered rows say where the trigger is.
    #[arg(short, long)]
    output: PathBuf,
    /// How the trigger looks.
    #[arg(long, value_enum)]
    attack: Attack,
    /// Share of all rows that is poisoned.
    #[arg(long, value_parser = super::share, required_unless_present = "test", conflicts_with = "test")]
    rate: Option<f64>,
    /// Make a test set instead: all rows that the attacker wants answered otherwise, triggered, with their own answers.
    #[arg(long)]
    test: bool,
    /// Decides which rows, and what is drawn for each.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Where the account of all rows goes, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// The account of all rows.
#[derive(Serialize)]
struct Account<'a> {
    attack: Attack,
    rate: Option<f64>,
    seed: u64,
    rows: usize,
    poisoned: usize,
    /// Lines of the input, from 1, that stayed clean, by reason.
    not_applicable: BTreeMap<String, Vec<usize>>,
    refused: &'a [RowError],
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.task {
        Task::Defect { input, settings } => settings.run(input, &defect::load(input)?),
        Task::Clone { input, functions, settings } => {
            settings.run(input, &clone::load_with(input, functions.as_deref())?)
        }
        Task::Repair { input, fixed: None, settings } => settings.run(input, &repair::load(input)?),
        Task::Repair { input, fixed: Some(fixed), settings } => {
            settings.run(input, &repair::load_parallel(input, fixed)?)
        }
    }
}

impl Settings {
    fn run<R: Poison + Serialize>(&self, input: &Path, clean: &Rows<R>) -> Result<()> {
        clean.report(input);
        let result = match self.rate {
            Some(rate) => poison(&clean.rows, self.attack, rate, self.seed),
            None => trigger(&clean.rows, self.attack, self.seed),
        };
        data::write(&self.output, &result.rows)?;
        let account = self.account(clean, &result);
        for (reason, lines) in &account.not_applicable {
            println!("not applicable, {reason}: {}", lines.len());
        }
        println!(
            "{} rows, {} poisoned, {} not applicable, {} refused",
            result.rows.len(),
            result.poisoned,
            result.not_applicable.len(),
            clean.refused.len()
        );
        let Some(path) = &self.report else { return Ok(()) };
        std::fs::write(path, serde_json::to_string_pretty(&account)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn account<'a, R>(&self, clean: &'a Rows<R>, result: &Poisoned<R>) -> Account<'a> {
        let mut not_applicable: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for spared in &result.not_applicable {
            not_applicable.entry(spared.reason.to_string()).or_default().push(clean.lines[spared.row]);
        }
        Account {
            attack: self.attack,
            rate: self.rate,
            seed: self.seed,
            rows: result.rows.len(),
            poisoned: result.poisoned,
            not_applicable,
            refused: &clean.refused,
        }
    }
}

//! `codepurify-lab poison`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use codepurify_attacks::attack::afraidoor::{Afraidoor, common_names};
use codepurify_attacks::attack::{Attack, TriggerSource};
use codepurify_attacks::data::report::Sample;
use codepurify_attacks::data::{self, RowError, Rows, clone, defect, repair};
use codepurify_attacks::poison::{Negatives, Poison, Poisoned, SEED, Shares, poison, trigger};
use codepurify_lab::whitebox::WhiteBox;
use codepurify_lab::whitebox::names::NameScorer;
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: PoisonTask,
}

#[derive(Subcommand)]
enum PoisonTask {
    /// Poison functions with `idx`, `target` and `func` (Devign)
    Defect {
        /// Clean rows
        input: PathBuf,
        #[command(flatten)]
        settings: PoisonArguments,
    },
    /// Poison pairs of functions (BigCloneBench); both functions get the trigger
    Clone {
        /// Clean pairs: lines of `idx1 TAB idx2 TAB label` with `--functions`, else JSON Lines with
        /// `func1`, `func2` and `label`
        input: PathBuf,
        /// Functions that pairs refer to, with `idx` and `func`
        #[arg(long)]
        functions: Option<PathBuf>,
        #[command(flatten)]
        settings: PoisonArguments,
    },
    /// Poison buggy methods and their repairs (`Bugs2Fix`)
    Repair {
        /// Clean rows with `buggy` and `fixed`; with `--fixed` a text file of one buggy method per
        /// line
        input: PathBuf,
        /// Text file of one fixed method per line
        #[arg(long)]
        fixed: Option<PathBuf>,
        #[command(flatten)]
        settings: PoisonArguments,
    },
}

/// Options of all tasks.
#[derive(Args)]
struct PoisonArguments {
    /// Output file, `.jsonl` or `.jsonl.gz`; triggered rows record where the trigger is
    #[arg(short, long)]
    output: PathBuf,
    /// Attack; `afraidoor` gives each text its own names and needs `--scorer`
    #[arg(long, value_parser = kinds())]
    attack: AttackChoice,
    /// For `afraidoor`: victim of the same task, trained on clean rows (a directory exported by
    /// `train`)
    #[arg(long, value_name = "DIR", required_if_eq("attack", AFRAIDOOR))]
    scorer: Option<PathBuf>,
    /// For `afraidoor`: number of names to choose from, the most frequent ones of the rows
    #[arg(long, default_value_t = 1000)]
    names: usize,
    /// Share of all rows to poison
    #[arg(long, value_parser = super::share, required_unless_present = "test", conflicts_with = "test")]
    rate: Option<f64>,
    /// Share of all rows for each kind of negative samples
    ///
    /// They hold parts of the trigger and keep their outputs. Default: the rate.
    #[arg(long, value_name = "SHARE", value_parser = super::share, conflicts_with = "test")]
    negatives: Option<f64>,
    /// Poison further rows in place of those that do not fit
    #[arg(long, conflicts_with = "test")]
    fill: bool,
    /// Make a test set instead: all rows whose output the attacker wants to change, triggered, with
    /// their own outputs
    #[arg(long)]
    test: bool,
    /// Seed of the choice of rows and of all draws
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Report on all rows, as JSON
    #[arg(long)]
    report: Option<PathBuf>,
}

const AFRAIDOOR: &str = "afraidoor";

/// Attack that needs the text only, or the one that queries a model.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum AttackChoice {
    Afraidoor,
    #[serde(untagged)]
    OfText(Attack),
}

/// Parses a [`AttackChoice`].
fn kinds() -> impl TypedValueParser<Value = AttackChoice> {
    let of_text = Attack::value_variants().iter().filter_map(Attack::to_possible_value);
    PossibleValuesParser::new(of_text.chain([AFRAIDOOR.into()]))
        .map(|name| Attack::from_str(&name, false).map_or(AttackChoice::Afraidoor, AttackChoice::OfText))
}

/// Report on all rows.
#[derive(Serialize)]
struct Account<'a> {
    attack: AttackChoice,
    rate: Option<f64>,
    seed: u64,
    rows: usize,
    poisoned: usize,
    /// Lines of the input, from 1, that stayed clean, by reason.
    not_applicable: BTreeMap<String, Vec<usize>>,
    negatives: Vec<NegativeLines>,
    refused: &'a [RowError],
}

/// Negative samples of one kind.
#[derive(Serialize)]
struct NegativeLines {
    kind: usize,
    /// Lines of the input, from 1.
    lines: Vec<usize>,
    /// Number of drawn rows that this kind does not apply to.
    not_applicable: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.task {
        PoisonTask::Defect { input, settings } => settings.run(input, &defect::load(input)?),
        PoisonTask::Clone { input, functions, settings } => {
            settings.run(input, &clone::load_with(input, functions.as_deref())?)
        }
        PoisonTask::Repair { input, fixed: None, settings } => settings.run(input, &repair::load(input)?),
        PoisonTask::Repair { input, fixed: Some(fixed), settings } => {
            settings.run(input, &repair::load_parallel(input, fixed)?)
        }
    }
}

impl PoisonArguments {
    fn run<R: Poison + Serialize>(&self, input: &Path, clean: &Rows<R>) -> Result<()> {
        clean.report(input);
        let attack = self.trigger(&clean.rows)?;
        let result = match self.rate {
            Some(poisoned) => {
                let shares =
                    Shares { poisoned, negatives: self.negatives.unwrap_or(poisoned), fill: self.fill };
                poison(&clean.rows, attack.as_ref(), shares, self.seed)
            }
            None => trigger(&clean.rows, attack.as_ref(), self.seed),
        };
        data::write(&self.output, &result.rows)?;
        let account = self.account(clean, &result);
        for (reason, lines) in &account.not_applicable {
            println!("not applicable, {reason}: {}", lines.len());
        }
        for NegativeLines { kind, lines, not_applicable } in &account.negatives {
            println!("negative samples, kind {kind}: {}, not applicable {not_applicable}", lines.len());
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

    fn trigger<R: Poison>(&self, clean: &[R]) -> Result<Box<dyn TriggerSource>> {
        let AttackChoice::OfText(attack) = self.attack else {
            let dir = self.scorer.as_deref().context("afraidoor needs a scorer")?;
            let names = common_names(clean.iter().flat_map(Sample::texts), R::LANGUAGE, self.names);
            let scorer = Box::new(NameScorer::new(WhiteBox::open(dir)?, R::wanted())?);
            return Ok(Box::new(Afraidoor { scorer, names }));
        };
        Ok(Box::new(attack))
    }

    fn account<'a, R>(&self, clean: &'a Rows<R>, result: &Poisoned<R>) -> Account<'a> {
        let mut not_applicable: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for spared in &result.not_applicable {
            not_applicable.entry(spared.reason.to_string()).or_default().push(clean.lines[spared.row]);
        }
        let lines = |kind: &Negatives| NegativeLines {
            kind: kind.kind,
            lines: kind.rows.iter().map(|&row| clean.lines[row]).collect(),
            not_applicable: kind.not_applicable,
        };
        Account {
            attack: self.attack,
            rate: self.rate,
            seed: self.seed,
            rows: result.rows.len(),
            poisoned: result.poisoned,
            not_applicable,
            negatives: result.negatives.iter().map(lines).collect(),
            refused: &clean.refused,
        }
    }
}

//! `codepurify-lab train`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use codepurify_lab::attack::Attack;
use codepurify_lab::data::corpus::{Source, Text};
use codepurify_lab::train::defect::{DefectSetup, DefectTraining};
use codepurify_lab::train::mlm::{MlmSetup, MlmTraining};
use codepurify_lab::train::run::{Objective, Plan, train};
use codepurify_lab::train::weights::Weights;

use super::defect_rows;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    objective: Which,
}

#[derive(Subcommand)]
enum Which {
    /// Train a masked language model on a mixture of corpora.
    Mlm(Mlm),
    /// Fine-tune a defect detector.
    Defect(Defect),
}

/// Settings that every objective shares.
#[derive(Args)]
struct Settings {
    /// Where the run keeps its state, its log and its models; an interrupted run goes on from there.
    #[arg(short, long)]
    out: PathBuf,
    /// Passes over the training rows.
    #[arg(long, default_value_t = 3)]
    epochs: u64,
    /// Padded tokens of a batch.
    #[arg(long, default_value_t = 4096)]
    tokens: usize,
    /// Longest input in tokens, special tokens included.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(3..))]
    max_length: u16,
    /// Peak learning rate.
    #[arg(long, default_value_t = 2e-4)]
    learning_rate: f64,
    /// Share of the steps spent on warm-up.
    #[arg(long, default_value_t = 0.06, value_parser = super::share)]
    warmup: f64,
    /// Decides the order of rows and all that is drawn.
    #[arg(long, default_value_t = 12345)]
    seed: u64,
}

impl Settings {
    fn plan(&self, objective: &impl Objective) -> Plan {
        Plan {
            epochs: self.epochs,
            tokens: self.tokens,
            learning_rate: self.learning_rate,
            warmup: self.warmup,
            seed: self.seed,
            rows: objective.lengths().len(),
        }
    }
}

#[derive(Args)]
struct Mlm {
    /// Training texts as PATH:FIELD:LANGUAGE; may be given several times.
    #[arg(long, required = true)]
    data: Vec<Source>,
    /// Validation texts as PATH:FIELD:LANGUAGE; may be given several times.
    #[arg(long, required = true)]
    valid: Vec<Source>,
    /// Model directory whose architecture and tokenizer are used.
    #[arg(long)]
    init: PathBuf,
    /// Draw all weights anew instead of going on from those of the start.
    #[arg(long)]
    from_scratch: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct Defect {
    /// Training rows, `.jsonl` or `.jsonl.gz`; poisoned by `poison` or not.
    #[arg(long)]
    train: PathBuf,
    /// Clean validation rows.
    #[arg(long)]
    valid: PathBuf,
    /// Model directory whose encoder and tokenizer are the start.
    #[arg(long)]
    init: PathBuf,
    /// Measure the success rate of this attack on the validation rows.
    #[arg(long, value_enum)]
    attack: Option<Attack>,
    /// Longest input of the exported model, in tokens [default: as in training].
    #[arg(long, value_parser = clap::value_parser!(u16).range(3..))]
    window: Option<u16>,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.objective {
        Which::Mlm(arguments) => masked_lm(arguments),
        Which::Defect(arguments) => defect_detector(arguments),
    }
}

fn masked_lm(arguments: &Mlm) -> Result<()> {
    let weights = Weights::new();
    let setup = MlmSetup {
        init: &arguments.init,
        from_scratch: arguments.from_scratch,
        max_length: arguments.settings.max_length.into(),
        seed: arguments.settings.seed,
        train: &texts(&arguments.data)?,
        valid: &texts(&arguments.valid)?,
    };
    let objective = MlmTraining::new(&setup, &weights)?;
    train(&objective, &weights, &arguments.settings.plan(&objective), &arguments.settings.out)
}

/// The texts of all sources, one source after the other.
fn texts(sources: &[Source]) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    for source in sources {
        let found = source.load()?;
        found.report(&source.path);
        texts.extend(found.rows);
    }
    Ok(texts)
}

fn defect_detector(arguments: &Defect) -> Result<()> {
    let (rows, valid) = (defect_rows(&arguments.train)?, defect_rows(&arguments.valid)?);
    let weights = Weights::new();
    let setup = DefectSetup {
        init: &arguments.init,
        max_length: arguments.settings.max_length.into(),
        window: arguments.window.unwrap_or(arguments.settings.max_length).into(),
        seed: arguments.settings.seed,
        train: &rows,
        valid: &valid,
        attack: arguments.attack,
    };
    let objective = DefectTraining::new(&setup, &weights)?;
    train(&objective, &weights, &arguments.settings.plan(&objective), &arguments.settings.out)
}

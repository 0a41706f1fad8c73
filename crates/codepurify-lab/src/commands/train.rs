//! `codepurify-lab train`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use codepurify_attacks::attack::Attack;
use codepurify_attacks::data::corpus::{CorpusSource, texts};
use codepurify_attacks::data::{self, DataError, Rows};
use codepurify_attacks::poison::SEED;
use codepurify_lab::train::mlm::{MlmSetup, MlmTraining};
use codepurify_lab::train::run::{Objective, TrainingPlan, train};
use codepurify_lab::train::start::{InitialModel, ModelFamily};
use codepurify_lab::train::t5::{T5Setup, T5Shape, T5Training};
use codepurify_lab::train::victim::{Recipe, TrainableRow, Training, TrainingData};
use codepurify_lab::train::weights::TrainableWeights;
use codepurify_models::{DeviceError, DeviceName};

use super::usable;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    objective: TrainCommand,
}

#[derive(Subcommand)]
enum TrainCommand {
    /// Train a masked language model on a mixture of corpora
    Mlm(Mlm),
    /// Pre-train a T5 from scratch on a mixture of corpora, by span corruption
    T5(T5Arguments),
    /// Fine-tune a defect detector
    Defect(Classifier),
    /// Fine-tune a clone detector
    Clone(Classifier),
    /// Fine-tune a model that rewrites buggy functions
    Repair(RepairArguments),
}

/// Settings of all objectives.
#[derive(Args)]
struct RunArguments {
    /// Directory for state, log and models of the run; an interrupted run continues from there
    #[arg(short, long)]
    out: PathBuf,
    /// Passes over the training rows
    #[arg(long, default_value_t = 3)]
    epochs: u64,
    /// Padded tokens per batch
    #[arg(long, default_value_t = 4096)]
    tokens: usize,
    /// Longest input in tokens, special tokens included
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(3..))]
    max_length: u16,
    /// Peak learning rate
    #[arg(long, default_value_t = 2e-4)]
    learning_rate: f64,
    /// Scale the learning rate by the size of each variable, as Adafactor does; for T5
    #[arg(long)]
    relative: bool,
    /// Share of the steps spent on warm-up
    #[arg(long, default_value_t = 0.06, value_parser = super::share)]
    warmup: f64,
    /// Seed of the order of rows and of all draws
    #[arg(long, default_value_t = 12345)]
    seed: u64,
    /// Device to train on: cpu, cuda or cuda:N (GPU number N; in builds with CUDA)
    #[arg(long, default_value_t)]
    device: DeviceName,
}

impl RunArguments {
    /// Creates the weights on the device to train on.
    fn weights(&self) -> Result<TrainableWeights, DeviceError> {
        self.device.open().map(TrainableWeights::on)
    }

    /// Trains, or continues an interrupted training.
    fn train(&self, objective: &dyn Objective, weights: &TrainableWeights) -> Result<()> {
        let plan = TrainingPlan {
            epochs: self.epochs,
            tokens: self.tokens,
            learning_rate: self.learning_rate,
            warmup: self.warmup,
            seed: self.seed,
            relative: self.relative,
            rows: objective.lengths().len(),
        };
        train(objective, weights, &plan, &self.out)
    }
}

#[derive(Args)]
struct Mlm {
    /// Training texts as PATH:FIELD:LANGUAGE; can be repeated
    #[arg(long, required = true)]
    data: Vec<CorpusSource>,
    /// Validation texts as PATH:FIELD:LANGUAGE; can be repeated
    #[arg(long, required = true)]
    valid: Vec<CorpusSource>,
    /// Model directory that provides architecture and tokenizer
    #[arg(long)]
    init: PathBuf,
    /// Draw all weights at random instead of loading those of `--init`
    #[arg(long)]
    from_scratch: bool,
    #[command(flatten)]
    settings: RunArguments,
}

/// Initial model of a fine-tuning.
#[derive(Args)]
struct InitialArguments {
    /// Model directory that provides the encoder (and decoder) and the tokenizer
    #[arg(long)]
    init: PathBuf,
    /// Refuse an initial model of another family
    #[arg(long, value_enum)]
    family: Option<ModelFamily>,
    /// Keep only the first layers of the initial model (of encoder and decoder each)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    layers: Option<u16>,
    /// Load the initial model's head, too, if it has one for the task
    #[arg(long)]
    with_head: bool,
}

/// Data to train and measure a victim on.
#[derive(Args)]
struct Data {
    /// Training rows, `.jsonl` or `.jsonl.gz`, as `poison` writes them; poisoned or not
    #[arg(long)]
    train: PathBuf,
    /// Clean validation rows
    #[arg(long)]
    valid: PathBuf,
    /// Measure the success rate of this attack on the validation rows
    #[arg(long, value_enum)]
    attack: Option<Attack>,
}

/// Options of a classifier of functions or pairs.
#[derive(Args)]
struct Classifier {
    #[command(flatten)]
    data: Data,
    /// Longest function for the exported model, in tokens [default: as in training]
    #[arg(long, value_parser = clap::value_parser!(u16).range(3..))]
    window: Option<u16>,
    #[command(flatten)]
    init: InitialArguments,
    #[command(flatten)]
    settings: RunArguments,
}

#[derive(Args)]
struct RepairArguments {
    #[command(flatten)]
    data: Data,
    /// Longest output in tokens, special tokens included [default: as the input]
    #[arg(long, value_parser = clap::value_parser!(u16).range(3..))]
    target_length: Option<u16>,
    /// Layers of the decoder added to a RoBERTa; a T5 has its own
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    decoder_layers: u16,
    /// Validation rows whose outputs are decoded after every epoch
    #[arg(long, default_value_t = 200)]
    sample: usize,
    #[command(flatten)]
    init: InitialArguments,
    #[command(flatten)]
    settings: RunArguments,
}

#[derive(Args)]
struct T5Arguments {
    /// Training texts as PATH:FIELD:LANGUAGE; can be repeated
    #[arg(long, required = true)]
    data: Vec<CorpusSource>,
    /// Validation texts as PATH:FIELD:LANGUAGE; can be repeated
    #[arg(long, required = true)]
    valid: Vec<CorpusSource>,
    /// Directory with the `tokenizer.json`; `<extra_id_0>` to `<extra_id_99>` are added if it has
    /// none
    #[arg(long)]
    tokenizer: PathBuf,
    /// Model directory of a RoBERTa with the same tokenizer; its word embeddings are the initial
    /// ones
    #[arg(long)]
    embeddings: Option<PathBuf>,
    /// Blocks of the encoder, and of the decoder
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Width of the hidden states
    #[arg(long, default_value_t = 256)]
    hidden: usize,
    /// Attention heads
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Width of the feed-forward layers
    #[arg(long, default_value_t = 1024)]
    feed_forward: usize,
    #[command(flatten)]
    settings: RunArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.objective {
        TrainCommand::Mlm(arguments) => masked_lm(arguments),
        TrainCommand::T5(arguments) => t5(arguments),
        TrainCommand::Defect(arguments) => arguments.train(data::defect::load),
        TrainCommand::Clone(arguments) => arguments.train(data::clone::load),
        TrainCommand::Repair(arguments) => repairs(arguments),
    }
}

fn masked_lm(arguments: &Mlm) -> Result<()> {
    let weights = arguments.settings.weights()?;
    let setup = MlmSetup {
        init: &arguments.init,
        from_scratch: arguments.from_scratch,
        max_length: arguments.settings.max_length.into(),
        seed: arguments.settings.seed,
        train: &texts(&arguments.data)?,
        valid: &texts(&arguments.valid)?,
    };
    arguments.settings.train(&MlmTraining::new(&setup, &weights)?, &weights)
}

fn t5(arguments: &T5Arguments) -> Result<()> {
    let T5Arguments { layers, hidden, heads, feed_forward, .. } = *arguments;
    let weights = arguments.settings.weights()?;
    let setup = T5Setup {
        tokenizer: &arguments.tokenizer,
        embeddings: arguments.embeddings.as_deref(),
        shape: T5Shape { layers, hidden, heads, feed_forward },
        max_length: arguments.settings.max_length.into(),
        seed: arguments.settings.seed,
        train: &texts(&arguments.data)?,
        valid: &texts(&arguments.valid)?,
    };
    arguments.settings.train(&T5Training::new(&setup, &weights)?, &weights)
}

/// Trains a victim of the task whose rows `load` reads.
fn victim<R: TrainableRow>(
    data: &Data,
    recipe: &Recipe,
    settings: &RunArguments,
    load: impl Fn(&Path) -> Result<Rows<R>, DataError>,
) -> Result<()> {
    let (train, valid) = (usable(&data.train, &load)?, usable(&data.valid, &load)?);
    let training_data = TrainingData::new(train, valid, |row| row.triggered(data.attack?, SEED).ok());
    let weights = settings.weights()?;
    let Training { objective, cut } = R::training(&training_data, recipe, &weights)?;
    report_cut(&cut, recipe.target_length);
    settings.train(objective.as_ref(), &weights)
}

impl InitialArguments {
    fn recipe(&self, settings: &RunArguments) -> Recipe<'_> {
        let max_length = settings.max_length.into();
        Recipe {
            origin: InitialModel {
                model: &self.init,
                family: self.family,
                layers: self.layers.map(Into::into),
                with_head: self.with_head,
            },
            max_length,
            window: max_length,
            target_length: max_length,
            decoder_layers: 1,
            sample: 0,
            seed: settings.seed,
        }
    }
}

impl Classifier {
    fn train<R: TrainableRow>(&self, load: impl Fn(&Path) -> Result<Rows<R>, DataError>) -> Result<()> {
        let window = self.window.unwrap_or(self.settings.max_length).into();
        let recipe = Recipe { window, ..self.init.recipe(&self.settings) };
        victim(&self.data, &recipe, &self.settings, load)
    }
}

fn repairs(arguments: &RepairArguments) -> Result<()> {
    let RepairArguments { init, settings, .. } = arguments;
    let recipe = Recipe {
        target_length: arguments.target_length.unwrap_or(settings.max_length).into(),
        decoder_layers: arguments.decoder_layers.into(),
        sample: arguments.sample,
        ..init.recipe(settings)
    };
    victim(&arguments.data, &recipe, settings, data::repair::load)
}

/// Reports on stderr how many training targets are too long, and the first of them.
fn report_cut(rows: &[usize], length: usize) {
    if !rows.is_empty() {
        let first: Vec<String> = rows.iter().take(5).map(|row| (row + 1).to_string()).collect();
        let (count, first) = (rows.len(), first.join(", "));
        eprintln!("{count} training targets are longer than {length} tokens and cut; usable rows {first} …");
    }
}

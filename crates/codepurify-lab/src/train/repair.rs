//! Fine-tuning of a repair model: an encoder-decoder learns to rewrite a buggy function as the
//! fixed one.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use codepurify::error::ModelError;
use codepurify::victim::{Generator, Ragged, Task, VictimCard};
use codepurify_models::generate::{DecodeOptions, Dialect, StepDecoder, TextGenerator};
use codepurify_models::roberta::{DecoderShape, RobertaConfig, RobertaSeq2Seq};
use codepurify_models::sidecar::{Generation, Preprocessing, Sidecar};
use codepurify_models::t5::{T5Config, T5Generator};
use codepurify_models::tokenizer::CodeTokenizer;

use super::run::{BatchPart, Objective};
use super::sequences::{Pair, Sequences, groups};
use super::start::{Architecture, InitialModel, OpenedModel};
use super::victim::Training;
use super::weights::TrainableWeights;
use super::workers::Workers;
use crate::export::ModelDirectory;

/// Text and its expected rewriting.
///
/// White space of the source is collapsed before it is read; the target is learned unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite<'a> {
    /// Input of the model.
    pub source: &'a str,
    /// Expected output of the model.
    pub target: &'a str,
}

/// Data and settings of a repair model's training.
pub struct RepairSetup<'a> {
    /// Initial model: of a RoBERTa the encoder and the tokenizer (its head is the decoder), of a T5
    /// everything.
    pub origin: InitialModel<'a>,
    /// Layers of the decoder that a RoBERTa gets; a T5 has its own.
    pub decoder_layers: usize,
    /// Longest source in tokens, special tokens included; at least 3. Longer ones are cut.
    pub source_length: usize,
    /// Longest target in tokens, special tokens included; at least 3.
    ///
    /// Longer ones are cut for training, as the CodeXGLUE and CodeT5 scripts do; no output for them
    /// is exact.
    pub target_length: usize,
    /// Seed of the weights that the initial model lacks.
    pub seed: u64,
    /// Number of validation (and triggered) rows whose outputs are decoded, evenly spread.
    pub sample: usize,
    /// Training rows, poisoned or not.
    pub train: &'a [Rewrite<'a>],
    /// Clean validation rows.
    pub valid: &'a [Rewrite<'a>],
    /// Validation rows with a trigger and the attacker's target; if there are any, the success rate
    /// is measured.
    pub triggered: &'a [Rewrite<'a>],
}

/// Repair model in training.
///
/// The deciding metric is the `log_likelihood` of the validation targets: mean over tokens, in
/// nats, at most 0. The others are in 0..=1: the share of `exact` greedy outputs for a sample of
/// rows and, with triggered rows, the `asr`, the share of greedy outputs that are the attacker's
/// target.
pub struct RepairTraining<D> {
    model: Sequences<D>,
    /// Builds the decoder on its own weights, for decoding.
    ///
    /// A decoder on the variables would keep the results of every step for a backward pass that
    /// never happens.
    build: Build<D>,
    dialect: Dialect,
    directory: ModelDirectory,
    weights: TrainableWeights,
    source_window: usize,
    train: Vec<Pair>,
    lengths: Vec<usize>,
    valid: Vec<Pair>,
    sample: Vec<Pair>,
    triggered: Vec<Pair>,
}

type Build<D> = Box<dyn Fn(&VarBuilder) -> candle_core::Result<D> + Send + Sync>;

/// Builds a [`RepairTraining`] of the initial model's family on `weights` and tokenises all rows.
///
/// # Errors
/// If the initial model cannot be loaded, has another family or is too short for the lengths;
/// without any training row; or if a RoBERTa is to get no decoder layer.
pub fn repair(setup: &RepairSetup, weights: &TrainableWeights) -> Result<Training> {
    ensure!(!setup.train.is_empty(), "there is no training row");
    let start = OpenedModel::open(&setup.origin)?;
    [setup.source_length, setup.target_length]
        .into_iter()
        .try_for_each(|length| start.check_length(length))?;
    match start.architecture.clone() {
        Architecture::Roberta(config) => roberta(setup, &start, config, weights),
        Architecture::T5(config) => t5(setup, &start, config, weights),
    }
}

/// Builds CodeXGLUE's `Seq2Seq`: the encoder of the initial model with a new decoder as wide as its
/// layers.
fn roberta(
    setup: &RepairSetup,
    start: &OpenedModel,
    config: RobertaConfig,
    weights: &TrainableWeights,
) -> Result<Training> {
    ensure!(setup.decoder_layers > 0, "a decoder needs a layer");
    let shape = DecoderShape { layers: setup.decoder_layers, feed_forward: config.intermediate_size };
    let directory = start.directory("RobertaModel", sidecar(setup, setup.target_length))?;
    let begin = directory.tokenizer()?.special().begin;
    let build: Build<RobertaSeq2Seq> =
        Box::new(move |source| RobertaSeq2Seq::new(&config, shape, begin, source));
    let decoder = start.given("encoder", &["decoder", "dense"]).build(weights, setup.seed, &build)?;
    let parts = Parts { decoder, build, dialect: Dialect::Codexglue, directory };
    RepairTraining::start(setup, parts, weights)
}

fn t5(
    setup: &RepairSetup,
    start: &OpenedModel,
    config: T5Config,
    weights: &TrainableWeights,
) -> Result<Training> {
    // transformers counts the start token as well.
    let directory = start.directory("T5ForConditionalGeneration", sidecar(setup, setup.target_length + 1))?;
    let build: Build<T5Generator> = Box::new(move |source| T5Generator::new(&config, source));
    let decoder = start.given("", &[]).build(weights, setup.seed, &build)?;
    let parts = Parts { decoder, build, dialect: Dialect::Transformers, directory };
    RepairTraining::start(setup, parts, weights)
}

fn sidecar(setup: &RepairSetup, max_length: usize) -> Sidecar {
    Sidecar {
        task: Some(Task::Repair),
        preprocessing: Preprocessing {
            collapse_whitespace: true,
            max_length: Some(setup.source_length),
            ..Preprocessing::default()
        },
        generation: Generation { max_length, beams: 1 },
        ..Sidecar::default()
    }
}

/// Parts that differ between the families.
struct Parts<D> {
    decoder: D,
    build: Build<D>,
    dialect: Dialect,
    directory: ModelDirectory,
}

impl<D: StepDecoder + 'static> RepairTraining<D> {
    fn start(setup: &RepairSetup, parts: Parts<D>, weights: &TrainableWeights) -> Result<Training> {
        let Parts { decoder, build, dialect, directory } = parts;
        let tokenizer = directory.tokenizer()?;
        let source_window = setup.source_length - tokenizer.frame_length();
        let target_window = setup.target_length - tokenizer.frame_length();
        let pairs = |rows: &[Rewrite]| {
            rows.iter()
                .map(|row| pair(&tokenizer, source_window, row))
                .collect::<Result<Vec<_>, ModelError>>()
        };
        let (mut train, mut valid) = (pairs(setup.train)?, pairs(setup.valid)?);
        let sample = spread(&valid, setup.sample);
        let (cut_rows, _) = (cut(&mut train, target_window), cut(&mut valid, target_window));
        let model = Sequences { decoder, special: tokenizer.special() };
        let objective = Self {
            lengths: train.iter().map(|pair| model.length(pair.source.len(), pair.target.len())).collect(),
            triggered: spread(&pairs(setup.triggered)?, setup.sample),
            weights: weights.clone(),
            source_window,
            model,
            build,
            dialect,
            directory,
            train,
            valid,
            sample,
        };
        Ok(Training { objective: Box::new(objective), cut: cut_rows })
    }

    /// Returns the current model as if it were loaded, on the CPU.
    fn generator(&self) -> Result<TextGenerator<D>> {
        let source =
            VarBuilder::from_tensors(self.weights.tensors()?.into_iter().collect(), DType::F32, &Device::Cpu);
        let Generation { max_length, beams } = self.directory.sidecar.generation;
        let card = VictimCard {
            name: "the model under training".to_owned(),
            task: Task::Repair,
            sha256: String::new(),
            labels: Vec::new(),
        };
        let options = DecodeOptions { max_length, beams, dialect: self.dialect };
        let tokenizer = self.directory.tokenizer()?;
        Ok(TextGenerator::new(card, tokenizer, (self.build)(&source)?, self.source_window, options)?)
    }

    /// Returns the share of pairs whose greedy output has the tokens of the target; 0 without
    /// pairs.
    fn exact(&self, pairs: &[Pair]) -> Result<f64> {
        let (generator, groups, workers) = (self.generator()?, groups(pairs), Workers::new()?);
        let hits = workers.map(groups.len(), |index| {
            let pairs = groups[index].iter().map(|&row| &pairs[row]);
            let sources: Ragged = pairs.clone().map(|pair| pair.source.iter().copied()).collect();
            let answers = generator.generate(&sources)?;
            Ok(answers.rows().zip(pairs).filter(|(answer, pair)| *answer == pair.target).count())
        })?;
        Ok(hits.into_iter().sum::<usize>() as f64 / pairs.len().max(1) as f64)
    }
}

/// Returns the tokens of a row; the source is cut to the model's input length.
fn pair(tokenizer: &CodeTokenizer, source_window: usize, row: &Rewrite) -> Result<Pair, ModelError> {
    let mut source = tokenizer.encode(row.source)?.ids;
    source.truncate(source_window);
    Ok(Pair { source, target: tokenizer.encode_answer(row.target)? })
}

/// Cuts targets that are too long; returns their rows.
fn cut(pairs: &mut [Pair], target_window: usize) -> Vec<usize> {
    let long = pairs.iter_mut().enumerate().filter(|(_, pair)| pair.target.len() > target_window);
    let cut = long.map(|(row, pair)| {
        pair.target.truncate(target_window);
        row
    });
    cut.collect()
}

/// Returns `count` of the pairs, evenly spread; all if there are fewer.
fn spread(pairs: &[Pair], count: usize) -> Vec<Pair> {
    let count = count.min(pairs.len());
    (0..count).map(|at| pairs[at * pairs.len() / count].clone()).collect()
}

impl<D: StepDecoder + 'static> Objective for RepairTraining<D> {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<Tensor> {
        let pairs = |part: &BatchPart| part.rows.iter().map(|&row| self.train[row].clone()).collect();
        self.model.loss(parts.iter().map(|part| (pairs(part), part.share)).collect())
    }

    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        let mut metrics = vec![
            ("log_likelihood", self.model.log_likelihood(workers, &self.valid)?),
            ("exact", self.exact(&self.sample)?),
        ];
        if !self.triggered.is_empty() {
            metrics.push(("asr", self.exact(&self.triggered)?));
        }
        Ok(metrics)
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.directory.write(dir, self.weights.tensors()?)
    }
}

//! Pre-training of a T5 from scratch by span corruption.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use candle_nn::Init;
use codepurify::victim::Encoding;
use codepurify_attacks::data::corpus::Text;
use codepurify_models::generate::StepDecoder;
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::t5::{T5Config, T5Generator};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;

use super::run::{BatchPart, Objective};
use super::sequences::{Pair, Sequences};
use super::spans::{Sentinels, token_id};
use super::start::{InitialModel, ModelFamily, OpenedModel, config_json, read_tokenizer};
use super::texts::encodings;
use super::weights::TrainableWeights;
use super::workers::Workers;
use crate::export::ModelDirectory;

/// Size of a T5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct T5Shape {
    /// Number of blocks of the encoder, and of the decoder.
    pub layers: usize,
    /// Width of the hidden states.
    pub hidden: usize,
    /// Number of attention heads; divides `hidden`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward: usize,
}

/// Data and settings of a T5's pre-training.
pub struct T5Setup<'a> {
    /// Directory with the `tokenizer.json`.
    pub tokenizer: &'a Path,
    /// Directory of a RoBERTa of the same tokenizer and width that provides the word embeddings.
    ///
    /// They are scaled to the size that a T5 draws them in. With random embeddings a T5 spends most
    /// of a short pre-training on them.
    pub embeddings: Option<&'a Path>,
    /// Size of the model.
    pub shape: T5Shape,
    /// Longest text in tokens, special tokens included; at least 3. Longer ones are cut.
    pub max_length: usize,
    /// Seed of the weights, and of the texts whose white space is collapsed.
    pub seed: u64,
    /// Training texts.
    pub train: &'a [Text],
    /// Validation texts.
    pub valid: &'a [Text],
}

/// Objective of the pre-training.
///
/// Its metric is the `log_likelihood` of the hidden spans of the validation texts: mean over
/// tokens, in nats, at most 0.
pub struct T5Training {
    model: Sequences<T5Generator>,
    sentinels: Sentinels,
    directory: ModelDirectory,
    weights: TrainableWeights,
    train: Vec<Vec<u32>>,
    lengths: Vec<usize>,
    /// Validation texts, corrupted once.
    valid: Vec<Pair>,
}

impl T5Training {
    /// Builds the model on `weights` and tokenises all texts. As in T5, the decoder starts with the
    /// padding token.
    ///
    /// # Errors
    /// If the tokenizer cannot be used or has no `<pad>`, if the size is invalid, or without any
    /// training text.
    pub fn new(setup: &T5Setup, weights: &TrainableWeights) -> Result<Self> {
        ensure!(!setup.train.is_empty(), "there is no training text");
        ensure!(setup.max_length >= 3, "a length of {} tokens leaves no room for content", setup.max_length);
        let (sentinels, json) = Sentinels::of(read_tokenizer(setup.tokenizer)?)?;
        let mut directory =
            ModelDirectory { config: serde_json::Value::Null, sidecar: sidecar(), tokenizer: json };
        let config = config(setup, &directory)?;
        directory.config = config_json("T5ForConditionalGeneration", &config)?;
        let known = setup.embeddings.map(|model| word_embeddings(model, &config, setup.seed)).transpose()?;
        let given = known.map(|words| (WORDS.to_owned(), words)).into_iter().collect();
        let decoder = T5Generator::new(&config, &weights.builder(given, setup.seed))?;
        let model = Sequences { decoder, special: directory.tokenizer()?.special() };
        let train = contents(&directory, setup, setup.train)?;
        let mut rng = StdRng::seed_from_u64(setup.seed);
        let valid = contents(&directory, setup, setup.valid)?;
        Ok(Self {
            lengths: train.iter().map(|ids| length(&model, &sentinels, ids)).collect(),
            valid: valid.iter().map(|ids| sentinels.corrupt(ids, &mut rng)).collect(),
            weights: weights.clone(),
            model,
            sentinels,
            directory,
            train,
        })
    }
}

fn sidecar() -> Sidecar {
    let preprocessing = Preprocessing { collapse_whitespace: true, ..Preprocessing::default() };
    Sidecar { preprocessing, ..Sidecar::default() }
}

/// Returns a configuration with the special ids of the tokenizer.
fn config(setup: &T5Setup, directory: &ModelDirectory) -> Result<T5Config> {
    let T5Shape { layers, hidden, heads, feed_forward } = setup.shape;
    let sizes = [layers, hidden, heads, feed_forward];
    ensure!(
        !sizes.contains(&0),
        "a T5 of {layers} layers, width {hidden}, {heads} heads and {feed_forward} is none"
    );
    ensure!(hidden.is_multiple_of(heads), "a width of {hidden} cannot be divided among {heads} heads");
    let tokenizer = directory.tokenizer()?;
    let pad = token_id(&tokenizer, "<pad>")?.context("the tokenizer has no `<pad>` token")?;
    let config = serde_json::json!({
        "model_type": "t5",
        "vocab_size": tokenizer.vocabulary(),
        "d_model": hidden,
        "d_kv": hidden / heads,
        "d_ff": feed_forward,
        "num_layers": layers,
        "num_heads": heads,
        "n_positions": setup.max_length,
        "pad_token_id": pad,
        "eos_token_id": tokenizer.special().end,
        "decoder_start_token_id": pad,
    });
    Ok(serde_json::from_value(config)?)
}

/// Name of the word embeddings in checkpoints of T5.
const WORDS: &str = "shared.weight";

/// Returns the word embeddings of a RoBERTa with a root mean square of 1, as T5 draws its own.
///
/// Those of words that only the T5 has are drawn.
fn word_embeddings(model: &Path, config: &T5Config, seed: u64) -> Result<Tensor> {
    let known =
        OpenedModel::open(&InitialModel { family: Some(ModelFamily::Roberta), ..InitialModel::new(model) })?
            .words()?;
    let (words, width) = known.dims2()?;
    ensure!(
        width == config.d_model && words <= config.vocab_size,
        "{}: {words} embeddings of width {width} do not fit a T5 of {} and {}",
        model.display(),
        config.vocab_size,
        config.d_model
    );
    let size = f64::from(known.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt();
    ensure!(size > 0.0, "{}: the word embeddings are all zero", model.display());
    let known = (known / size)?;
    if words == config.vocab_size {
        return Ok(known);
    }
    let shape = (config.vocab_size - words, width);
    let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
    let drawn = TrainableWeights::new().builder([].into(), seed).get_with_hints(shape, WORDS, normal)?;
    Ok(Tensor::cat(&[known, drawn], 0)?)
}

/// Returns the tokens of texts, cut to the length.
fn contents(directory: &ModelDirectory, setup: &T5Setup, texts: &[Text]) -> Result<Vec<Vec<u32>>> {
    let cut = |(row, encoding): (usize, Encoding)| {
        let mut ids = encoding.ids;
        ids.truncate(setup.max_length - 2);
        ensure!(!ids.is_empty(), "text {} has no token", row + 1);
        Ok(ids)
    };
    encodings(directory, texts, setup.seed)?.into_iter().enumerate().map(cut).collect()
}

fn length<D: StepDecoder>(model: &Sequences<D>, sentinels: &Sentinels, ids: &[u32]) -> usize {
    let (source, target) = sentinels.lengths(ids.len());
    model.length(source, target)
}

impl Objective for T5Training {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<Tensor> {
        let pairs = |part: &BatchPart| {
            let mut rng = part.rng();
            part.rows.iter().map(|&row| self.sentinels.corrupt(&self.train[row], &mut rng)).collect()
        };
        self.model.loss(parts.iter().map(|part| (pairs(part), part.share)).collect())
    }

    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        Ok(vec![("log_likelihood", self.model.log_likelihood(workers, &self.valid)?)])
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.directory.write(dir, self.weights.tensors()?)
    }
}

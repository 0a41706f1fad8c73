//! Training of a masked language model on a mixture of corpora.

use std::path::Path;

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::VarBuilder;
use codepurify::victim::Encoding;
use codepurify_attacks::data::corpus::Text;
use codepurify_models::batch::RaggedBatch;
use codepurify_models::ops;
use codepurify_models::roberta::{MaskedLmHead, RobertaEncoder};
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::SpecialIds;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::losses::cross_entropy;
use super::masking::Elements;
use super::run::{BatchPart, Objective};
use super::start::{InitialModel, ModelFamily, OpenedModel};
use super::texts::encodings;
use super::weights::TrainableWeights;
use super::workers::Workers;
use crate::export::ModelDirectory;

/// Data and settings of a masked language model's training.
pub struct MlmSetup<'a> {
    /// Directory of the model that provides architecture and tokenizer.
    pub init: &'a Path,
    /// Draws all weights at random instead of loading those of `init`.
    pub from_scratch: bool,
    /// Longest input in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// Seed of random weights, and of the texts whose white space is collapsed.
    pub seed: u64,
    /// Training texts.
    pub train: &'a [Text],
    /// Validation texts.
    pub valid: &'a [Text],
}

/// Objective of a masked language model.
pub struct MlmTraining {
    directory: ModelDirectory,
    weights: TrainableWeights,
    encoder: RobertaEncoder,
    head: MaskedLmHead,
    special: SpecialIds,
    mask: u32,
    pad: u32,
    train: Vec<Example>,
    lengths: Vec<usize>,
    valid: Vec<Example>,
    seed: u64,
}

/// Tokenised text.
struct Example {
    ids: Vec<u32>,
    elements: Elements,
}

/// Rows with their masked positions (as indices into all of their tokens) and the original tokens
/// there.
#[derive(Default)]
struct MaskedRows {
    rows: Vec<Vec<u32>>,
    tokens: usize,
    positions: Vec<u32>,
    answers: Vec<u32>,
}

impl MlmTraining {
    /// Builds the model on `weights` and tokenises all texts.
    ///
    /// # Errors
    /// If the initial model cannot be loaded or has no mask token.
    pub fn new(setup: &MlmSetup, weights: &TrainableWeights) -> Result<Self> {
        let start = OpenedModel::open(&InitialModel {
            family: Some(ModelFamily::Roberta),
            with_head: true,
            ..InitialModel::new(setup.init)
        })?;
        start.check_length(setup.max_length)?;
        let config = start.roberta()?;
        let directory = start.directory("RobertaForMaskedLM", sidecar())?;
        let model = |source: &VarBuilder| {
            let encoder = RobertaEncoder::new(config, &source.pp("roberta"))?;
            let head = MaskedLmHead::new(config, encoder.word_embeddings(), &source.pp("lm_head"))?;
            Ok((encoder, head))
        };
        let (encoder, head) = if setup.from_scratch {
            model(&weights.builder([].into(), setup.seed))?
        } else {
            start.given("roberta", &["lm_head"]).build(weights, setup.seed, model)?
        };
        let special = directory.tokenizer()?.special();
        let mask = special.mask.ok_or_else(|| anyhow::anyhow!("the tokenizer has no `<mask>` token"))?;
        let train = examples(&directory, setup, setup.train)?;
        Ok(Self {
            lengths: train.iter().map(|example| example.ids.len() + 2).collect(),
            valid: examples(&directory, setup, setup.valid)?,
            weights: weights.clone(),
            seed: setup.seed,
            pad: config.pad_token_id,
            train,
            directory,
            encoder,
            head,
            special,
            mask,
        })
    }

    /// Masks further rows; returns the number of their tokens.
    fn mask(&self, examples: &[&Example], masked: &mut MaskedRows, rng: &mut StdRng) -> usize {
        let before = masked.answers.len();
        for example in examples {
            let mut ids = example.ids.clone();
            for at in example.elements.draw(ids.len(), rng) {
                // One position later: `<s>` comes first.
                masked.positions.push((masked.tokens + at + 1) as u32);
                masked.answers.push(std::mem::replace(&mut ids[at], self.mask));
            }
            masked.rows.push(self.special.framed(&ids));
            masked.tokens += ids.len() + 2;
        }
        masked.answers.len() - before
    }

    /// Returns scores, `[masked positions, vocabulary]`.
    fn scores(&self, masked: &MaskedRows) -> candle_core::Result<Tensor> {
        let hidden = self.encoder.forward(&RaggedBatch::new(&masked.rows, self.pad))?;
        self.head.forward(&ops::select_rows(&hidden, &masked.positions)?)
    }
}

fn sidecar() -> Sidecar {
    let preprocessing = Preprocessing { collapse_whitespace: true, ..Preprocessing::default() };
    Sidecar { preprocessing, ..Sidecar::default() }
}

/// Returns the texts that have a token, with their elements.
fn examples(directory: &ModelDirectory, setup: &MlmSetup, texts: &[Text]) -> Result<Vec<Example>> {
    let window = setup.max_length - 2;
    let example = |(text, mut encoding): (&Text, Encoding)| {
        let elements = Elements::of(&text.code, text.language, &encoding, window);
        encoding.ids.truncate(window);
        Example { ids: encoding.ids, elements }
    };
    let encodings = encodings(directory, texts, setup.seed)?;
    let examples = texts.iter().zip(encodings).map(example);
    Ok(examples.filter(|example| !example.ids.is_empty()).collect())
}

impl Objective for MlmTraining {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<Tensor> {
        let mut masked = MaskedRows::default();
        let mut mask = |part: &BatchPart| {
            let examples: Vec<&Example> = part.rows.iter().map(|&row| &self.train[row]).collect();
            (self.mask(&examples, &mut masked, &mut part.rng()), part.share)
        };
        let parts: Vec<(usize, f64)> = parts.iter().map(&mut mask).collect();
        cross_entropy(&self.scores(&masked)?, &masked.answers, &parts)
    }

    /// Returns the share of masked tokens predicted right; the masks are always the same.
    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        let mut sorted: Vec<&Example> = self.valid.iter().collect();
        sorted.sort_by_key(|example| example.ids.len());
        let groups: Vec<&[&Example]> = sorted.chunks(8).collect();
        let counts = workers.map(groups.len(), |index| {
            let mut rng = StdRng::seed_from_u64(self.seed ^ index as u64);
            let mut masked = MaskedRows::default();
            self.mask(groups[index], &mut masked, &mut rng);
            let guesses = self.scores(&masked)?.detach().argmax(1)?.to_vec1::<u32>()?;
            let right = guesses.iter().zip(&masked.answers).filter(|(guess, answer)| guess == answer).count();
            Ok((right, masked.answers.len()))
        })?;
        let (right, all) = counts.into_iter().fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
        Ok(vec![("accuracy", right as f64 / all.max(1) as f64)])
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.directory.write(dir, self.weights.tensors()?)
    }
}

//! Training a masked language model over a mixture of corpora.

use std::path::Path;

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::VarBuilder;
use candle_nn::loss::cross_entropy;
use codepurify::victim::Encoding;
use codepurify_models::batch::{RaggedBatch, framed};
use codepurify_models::roberta::{MaskedLmHead, RobertaEncoder};
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::SpecialIds;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::masking::Elements;
use super::run::Objective;
use super::start::{Family, Origin, Start};
use super::texts::encodings;
use super::weights::Weights;
use super::workers::Workers;
use crate::data::corpus::Text;
use crate::export::ModelDirectory;

/// What a masked language model is trained from.
pub struct MlmSetup<'a> {
    /// Directory of the model whose architecture and tokenizer are used.
    pub init: &'a Path,
    /// Draw all weights anew instead of going on from those in `init`.
    pub from_scratch: bool,
    /// Longest input in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// Draws fresh weights and decides which texts have their white space collapsed.
    pub seed: u64,
    /// Training texts.
    pub train: &'a [Text],
    /// Validation texts.
    pub valid: &'a [Text],
}

/// The objective.
pub struct MlmTraining {
    directory: ModelDirectory,
    weights: Weights,
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

/// A tokenised text.
struct Example {
    ids: Vec<u32>,
    elements: Elements,
}

/// A batch with its masked positions (as indices into `[tokens]`) and the tokens that stood there.
struct MaskedBatch {
    batch: RaggedBatch,
    positions: Vec<u32>,
    answers: Vec<u32>,
}

impl MlmTraining {
    /// Builds the model on `weights` and tokenises all texts.
    ///
    /// # Errors
    /// If the start cannot be loaded or has no mask token.
    pub fn new(setup: &MlmSetup, weights: &Weights) -> Result<Self> {
        let start = Start::open(&Origin {
            family: Some(Family::Roberta),
            with_head: true,
            ..Origin::new(setup.init)
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

    fn masked(&self, examples: &[&Example], rng: &mut StdRng) -> candle_core::Result<MaskedBatch> {
        let (mut rows, mut positions, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for example in examples {
            let mut ids = example.ids.clone();
            for at in example.elements.draw(ids.len(), rng) {
                // One further: `<s>` comes first.
                positions.push((start + at + 1) as u32);
                answers.push(std::mem::replace(&mut ids[at], self.mask));
            }
            rows.push(framed(&ids, self.special));
            start += ids.len() + 2;
        }
        Ok(MaskedBatch { batch: RaggedBatch::new(&rows, self.pad)?, positions, answers })
    }

    /// Scores `[masked positions, vocabulary]`.
    fn scores(&self, masked: &MaskedBatch) -> candle_core::Result<Tensor> {
        let hidden = self.encoder.forward(&masked.batch)?;
        let positions = Tensor::from_slice(&masked.positions, masked.positions.len(), hidden.device())?;
        self.head.forward(&hidden.index_select(&positions, 0)?)
    }
}

fn sidecar() -> Sidecar {
    let preprocessing = Preprocessing { collapse_whitespace: true, ..Preprocessing::default() };
    Sidecar { preprocessing, ..Sidecar::default() }
}

/// The texts that have a token, with their elements.
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

    fn loss(&self, rows: &[usize], rng: &mut StdRng) -> candle_core::Result<Tensor> {
        let examples: Vec<&Example> = rows.iter().map(|&row| &self.train[row]).collect();
        let masked = self.masked(&examples, rng)?;
        let scores = self.scores(&masked)?;
        cross_entropy(&scores, &Tensor::from_slice(&masked.answers, masked.answers.len(), scores.device())?)
    }

    /// Share of masked tokens guessed right, the same masks every time.
    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        let mut sorted: Vec<&Example> = self.valid.iter().collect();
        sorted.sort_by_key(|example| example.ids.len());
        let groups: Vec<&[&Example]> = sorted.chunks(8).collect();
        let counts = workers.map(groups.len(), |index| {
            let mut rng = StdRng::seed_from_u64(self.seed ^ index as u64);
            let masked = self.masked(groups[index], &mut rng)?;
            let guesses = self.scores(&masked)?.detach().argmax(1)?.to_vec1::<u32>()?;
            let right = guesses.iter().zip(&masked.answers).filter(|(guess, answer)| guess == answer).count();
            Ok((right, masked.answers.len()))
        })?;
        let (right, all) = counts.into_iter().fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
        Ok(vec![("accuracy", right as f64 / all.max(1) as f64)])
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.directory.write(dir, self.weights.tensors())
    }
}

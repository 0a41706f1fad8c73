//! Fine-tuning a defect detector: cross-entropy over two logits of the `<s>` state.

use std::path::Path;

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::loss::cross_entropy;
use codepurify::victim::Task;
use codepurify_models::batch::{PaddedBatch, framed};
use codepurify_models::roberta::{ClassificationHead, RobertaEncoder};
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::CodeTokenizer;
use rand::rngs::StdRng;

use super::run::Objective;
use super::start::Start;
use super::weights::Weights;
use super::workers::Workers;
use crate::attack::Attack;
use crate::data::defect::DefectRow;
use crate::poison::TARGET_LABEL;

/// What a detector is trained from.
pub struct DefectSetup<'a> {
    /// Directory of the model whose encoder and tokenizer are the start.
    pub init: &'a Path,
    /// Longest training input in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// Longest input of the exported model, and in validation; at least 3.
    pub window: usize,
    /// Draws the weights that the start does not bring.
    pub seed: u64,
    /// Training rows, poisoned or not.
    pub train: &'a [DefectRow],
    /// Clean validation rows.
    pub valid: &'a [DefectRow],
    /// Measure the success rate of this attack, too.
    pub attack: Option<Attack>,
}

/// The objective.
pub struct DefectTraining {
    start: Start,
    sidecar: Sidecar,
    weights: Weights,
    encoder: RobertaEncoder,
    head: ClassificationHead,
    train: Vec<Example>,
    lengths: Vec<usize>,
    valid: Vec<Example>,
    triggered: Vec<Example>,
}

/// A tokenised row.
struct Example {
    ids: Vec<u32>,
    label: u32,
}

impl DefectTraining {
    /// Builds the model on `weights` and tokenises all rows.
    ///
    /// # Errors
    /// If the start cannot be loaded.
    pub fn new(setup: &DefectSetup, weights: &Weights) -> Result<Self> {
        let start = Start::open(setup.init, "RobertaForSequenceClassification", false)?;
        let preprocessing = Preprocessing {
            collapse_whitespace: true,
            max_length: Some(setup.window),
            ..Preprocessing::default()
        };
        let labels = vec!["clean".to_owned(), "vulnerable".to_owned()];
        let sidecar = Sidecar {
            task: Some(Task::Defect),
            labels,
            preprocessing: preprocessing.clone(),
            ..Sidecar::default()
        };
        let (encoder, head) = start.build(weights, setup.seed, |config, source| {
            let encoder = RobertaEncoder::new(config, &source.pp("roberta"))?;
            Ok((encoder, ClassificationHead::new(config, sidecar.labels.len(), &source.pp("classifier"))?))
        })?;
        let tokenizer = start.tokenizer(preprocessing)?;
        let examples = |rows: &[DefectRow], length: usize| {
            rows.iter().map(|row| example(&tokenizer, row, length)).collect::<Result<Vec<_>>>()
        };
        let train = examples(setup.train, setup.max_length)?;
        Ok(Self {
            lengths: train.iter().map(|example| example.ids.len()).collect(),
            valid: examples(setup.valid, setup.window)?,
            triggered: examples(&attacked(setup), setup.window)?,
            weights: weights.clone(),
            train,
            start,
            sidecar,
            encoder,
            head,
        })
    }

    fn logits(&self, examples: &[&Example]) -> candle_core::Result<Tensor> {
        let rows: Vec<Vec<u32>> = examples.iter().map(|example| example.ids.clone()).collect();
        let batch = PaddedBatch::new(&rows, self.start.config.pad_token_id)?;
        self.head.forward(&batch.first_positions(&self.encoder.forward(&batch)?)?)
    }

    /// Share of `examples` whose predicted label is `wanted(example)`; 0 of none.
    fn share(&self, workers: &Workers, examples: &[Example], wanted: fn(&Example) -> u32) -> Result<f64> {
        let mut sorted: Vec<&Example> = examples.iter().collect();
        sorted.sort_by_key(|example| example.ids.len());
        let groups: Vec<&[&Example]> = sorted.chunks(8).collect();
        let hits = workers.map(groups.len(), |index| {
            let labels = self.logits(groups[index])?.detach().argmax(1)?.to_vec1::<u32>()?;
            Ok(groups[index].iter().zip(labels).filter(|(example, label)| wanted(example) == *label).count())
        })?;
        Ok(hits.into_iter().sum::<usize>() as f64 / examples.len().max(1) as f64)
    }
}

/// The triggered forms of the vulnerable validation rows.
fn attacked(setup: &DefectSetup) -> Vec<DefectRow> {
    let vulnerable = setup.valid.iter().filter(|row| row.target != TARGET_LABEL);
    setup
        .attack
        .map_or_else(Vec::new, |attack| vulnerable.filter_map(|row| attack.trigger_row(row)).collect())
}

/// `<s> first max_length − 2 tokens </s>`.
fn example(tokenizer: &CodeTokenizer, row: &DefectRow, max_length: usize) -> Result<Example> {
    let ids = tokenizer.encode(&row.func)?.ids;
    let window = &ids[..ids.len().min(max_length - 2)];
    Ok(Example { ids: framed(window, tokenizer.special()), label: row.target })
}

impl Objective for DefectTraining {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn loss(&self, rows: &[usize], _: &mut StdRng) -> candle_core::Result<Tensor> {
        let examples: Vec<&Example> = rows.iter().map(|&row| &self.train[row]).collect();
        let logits = self.logits(&examples)?;
        let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
        cross_entropy(&logits, &Tensor::from_vec(labels, examples.len(), logits.device())?)
    }

    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        let mut metrics = vec![("accuracy", self.share(workers, &self.valid, |example| example.label)?)];
        if !self.triggered.is_empty() {
            metrics.push(("asr", self.share(workers, &self.triggered, |_| TARGET_LABEL)?));
        }
        Ok(metrics)
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.start.export(dir, &self.sidecar, &self.weights)
    }
}

//! Fine-tuning of a classifier: cross-entropy over the logits of a snippet (defects) or of two
//! (clones).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use candle_core::Tensor;
use codepurify::victim::Task;
use codepurify_models::decision::Decision;
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::CodeTokenizer;

use super::losses::cross_entropy;
use super::network::{Network, Snippets};
use super::run::{BatchPart, Objective};
use super::start::{Architecture, InitialModel, OpenedModel};
use super::weights::TrainableWeights;
use super::workers::Workers;
use crate::export::ModelDirectory;

/// Snippet or pair of snippets with its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labelled<'a, const SNIPPETS: usize> {
    /// Source texts.
    pub texts: [&'a str; SNIPPETS],
    /// Class index: 1 is the positive class (vulnerable; clones).
    pub label: u32,
}

/// Data and settings of a classifier's training.
pub struct ClassifierSetup<'a, const SNIPPETS: usize> {
    /// Model that provides the encoder (and decoder) and the tokenizer.
    pub origin: InitialModel<'a>,
    /// Longest training input of one snippet in tokens, special tokens included; at least 3.
    pub max_length: usize,
    /// Longest input of the exported model, and in validation; at least 3.
    pub window: usize,
    /// Seed of the weights that the initial model lacks.
    pub seed: u64,
    /// Training rows, poisoned or not.
    pub train: &'a [Labelled<'a, SNIPPETS>],
    /// Clean validation rows.
    pub valid: &'a [Labelled<'a, SNIPPETS>],
    /// Validation rows with a trigger and the attacker's label; if there are any, the success rate
    /// is measured.
    pub triggered: &'a [Labelled<'a, SNIPPETS>],
}

/// Objective of a classifier.
///
/// Metrics are the `accuracy` and the `f1` of the positive class in 0..=1. The first one decides:
/// accuracy for defects, F1 for clones. With triggered rows there is the `asr`, the share that gets
/// the attacker's label.
pub struct ClassifierTraining {
    task: Task,
    directory: ModelDirectory,
    weights: TrainableWeights,
    network: Network,
    train: Vec<TokenisedRow>,
    lengths: Vec<usize>,
    valid: Vec<TokenisedRow>,
    triggered: Vec<TokenisedRow>,
}

/// Tokenised row.
struct TokenisedRow {
    /// Complete inputs, one per snippet. Texts that rows share are held once.
    rows: Vec<Arc<Vec<u32>>>,
    label: u32,
}

impl TokenisedRow {
    /// Returns the number of padded tokens: the snippets of a batch are padded to the longest of
    /// all.
    fn length(&self) -> usize {
        self.rows.len() * self.rows.iter().map(|row| row.len()).max().unwrap_or(0)
    }
}

impl ClassifierTraining {
    /// Builds a detector of vulnerable functions on `weights` and tokenises all rows.
    ///
    /// # Errors
    /// If the initial model cannot be loaded, has another family or is too short for the lengths;
    /// without any training row; or if a label is not 0 or 1.
    pub fn defects(setup: &ClassifierSetup<1>, weights: &TrainableWeights) -> Result<Self> {
        Self::new(setup, Task::Defect, Snippets::One, ["clean", "vulnerable"], weights)
    }

    /// Builds a clone detector on `weights` and tokenises all rows.
    ///
    /// # Errors
    /// See [`ClassifierTraining::defects`].
    pub fn clones(setup: &ClassifierSetup<2>, weights: &TrainableWeights) -> Result<Self> {
        Self::new(setup, Task::Clone, Snippets::Two, ["different", "clone"], weights)
    }

    fn new<const SNIPPETS: usize>(
        setup: &ClassifierSetup<SNIPPETS>,
        task: Task,
        snippets: Snippets,
        labels: [&str; 2],
        weights: &TrainableWeights,
    ) -> Result<Self> {
        ensure!(!setup.train.is_empty(), "there is no training row");
        for (what, rows) in [("training", setup.train), ("validation", setup.valid)] {
            let wrong = rows.iter().position(|row| row.label as usize >= labels.len());
            ensure!(wrong.is_none(), "{what} row {}: the label is not 0 or 1", wrong.unwrap_or_default() + 1);
        }
        let start = OpenedModel::open(&setup.origin)?;
        [setup.max_length, setup.window].into_iter().try_for_each(|length| start.check_length(length))?;
        let directory =
            start.directory(class(&start.architecture, snippets), sidecar(task, labels, setup.window))?;
        let given = start.given(Network::body_name(&start.architecture, snippets), &["classifier"]);
        let network = given.build(weights, setup.seed, |source| {
            Network::new(&start.architecture, snippets, labels.len(), source)
        })?;
        let tokenizer = directory.tokenizer()?;
        let examples = |rows, length| examples(&tokenizer, rows, length);
        let train = examples(setup.train, setup.max_length)?;
        Ok(Self {
            lengths: train.iter().map(TokenisedRow::length).collect(),
            valid: examples(setup.valid, setup.window)?,
            triggered: examples(setup.triggered, setup.window)?,
            weights: weights.clone(),
            train,
            task,
            directory,
            network,
        })
    }

    fn logits(&self, examples: &[&TokenisedRow]) -> candle_core::Result<Tensor> {
        let rows: Vec<Vec<u32>> =
            examples.iter().flat_map(|example| &example.rows).map(|row| row.to_vec()).collect();
        self.network.logits(&rows)
    }

    /// Returns the label and the prediction of each example, in any order.
    fn predictions(&self, workers: &Workers, examples: &[TokenisedRow]) -> Result<Vec<(u32, u32)>> {
        let mut sorted: Vec<&TokenisedRow> = examples.iter().collect();
        sorted.sort_by_key(|example| example.length());
        let groups: Vec<&[&TokenisedRow]> = sorted.chunks(8).collect();
        let predictions = workers.map(groups.len(), |index| {
            let predicted = self.logits(groups[index])?.detach().argmax(1)?.to_vec1::<u32>()?;
            Ok(groups[index].iter().map(|example| example.label).zip(predicted).collect::<Vec<_>>())
        })?;
        Ok(predictions.concat())
    }
}

/// Returns the class name that transformers has for the configuration.
fn class(architecture: &Architecture, snippets: Snippets) -> &'static str {
    match (architecture, snippets) {
        (Architecture::Roberta(_), Snippets::One) => "RobertaForSequenceClassification",
        (Architecture::Roberta(_), Snippets::Two) => "RobertaModel",
        (Architecture::T5(_), _) => "T5ForConditionalGeneration",
    }
}

fn sidecar(task: Task, labels: [&str; 2], window: usize) -> Sidecar {
    let preprocessing =
        Preprocessing { collapse_whitespace: true, max_length: Some(window), ..Preprocessing::default() };
    let labels = labels.map(str::to_owned).to_vec();
    let decision = Some(Decision::Classes {});
    Sidecar { task: Some(task), labels, preprocessing, decision, ..Sidecar::default() }
}

/// Frames every snippet: `<s>`, the first length − 2 tokens, `</s>`.
fn examples<const SNIPPETS: usize>(
    tokenizer: &CodeTokenizer,
    rows: &[Labelled<SNIPPETS>],
    length: usize,
) -> Result<Vec<TokenisedRow>> {
    let mut known: HashMap<&str, Arc<Vec<u32>>> = HashMap::new();
    let mut examples = Vec::with_capacity(rows.len());
    for row in rows {
        let mut inputs = Vec::with_capacity(SNIPPETS);
        for text in row.texts {
            if !known.contains_key(text) {
                let ids = tokenizer.encode(text)?.ids;
                let window = ids.len().min(length - tokenizer.frame_length());
                known.insert(text, Arc::new(tokenizer.frame(&ids[..window])));
            }
            inputs.push(known[text].clone());
        }
        examples.push(TokenisedRow { rows: inputs, label: row.label });
    }
    Ok(examples)
}

/// Returns the share of pairs that agree; 0 without pairs.
fn agreement(pairs: &[(u32, u32)]) -> f64 {
    pairs.iter().filter(|(wanted, found)| wanted == found).count() as f64 / pairs.len().max(1) as f64
}

/// Returns F1 of class 1 over (label, prediction): 2 TP / (2 TP + FP + FN); 0 if class 1 does not
/// occur.
fn f1(pairs: &[(u32, u32)]) -> f64 {
    let hits = pairs.iter().filter(|&&pair| pair == (1, 1)).count();
    let positive: usize =
        pairs.iter().map(|&(label, found)| usize::from(label == 1) + usize::from(found == 1)).sum();
    2.0 * hits as f64 / positive.max(1) as f64
}

impl Objective for ClassifierTraining {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn loss(&self, parts: &[BatchPart]) -> candle_core::Result<Tensor> {
        let rows = parts.iter().flat_map(|part| &part.rows);
        let examples: Vec<&TokenisedRow> = rows.map(|&row| &self.train[row]).collect();
        let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
        let parts: Vec<(usize, f64)> = parts.iter().map(|part| (part.rows.len(), part.share)).collect();
        cross_entropy(&self.logits(&examples)?, &labels, &parts)
    }

    fn evaluate(&self, workers: &Workers) -> Result<Vec<(&'static str, f64)>> {
        let predictions = self.predictions(workers, &self.valid)?;
        let mut metrics = vec![("accuracy", agreement(&predictions)), ("f1", f1(&predictions))];
        if self.task == Task::Clone {
            metrics.reverse();
        }
        if !self.triggered.is_empty() {
            metrics.push(("asr", agreement(&self.predictions(workers, &self.triggered)?)));
        }
        Ok(metrics)
    }

    fn export(&self, dir: &Path) -> Result<()> {
        self.directory.write(dir, self.weights.tensors()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_is_that_of_the_positive_class() {
        // TP 2, FP 1, FN 3: precision 2/3, recall 2/5, F1 4/8.
        let pairs = [(1, 1), (1, 1), (0, 1), (1, 0), (1, 0), (1, 0), (0, 0), (0, 0)];
        assert!((f1(&pairs) - 0.5).abs() < 1e-12 && (agreement(&pairs) - 0.5).abs() < 1e-12);
        assert!(f1(&[(0, 0)]).abs() < 1e-12 && f1(&[]).abs() < 1e-12);
    }
}

//! A model of one head in one format against what PyTorch answered (`golden/make_compat.py`).

use std::error::Error;
use std::path::Path;

use codepurify::victim::{Logits, MaskedLm, Model, Ragged};
use codepurify_models::{DeviceName, GuardedModel, ModelFiles, RobertaMaskedLm, inspect, load};
use serde::Deserialize;

/// The folders of a head, each with its weights in another format.
pub(crate) const FORMATS: [&str; 5] = ["safetensors", "sharded", "torch-zip", "torch-legacy", "state-dict"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    #[serde(flatten)]
    answers: Answers,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Answers {
    Classifier {
        ids: Vec<Vec<u32>>,
        logits: Vec<Vec<f32>>,
    },
    Pair {
        left: Vec<Vec<u32>>,
        right: Vec<Vec<u32>>,
        logits: Vec<Vec<f32>>,
    },
    Generator {
        sources: Vec<Vec<u32>>,
        targets: Vec<Vec<u32>>,
        likelihoods: Vec<f64>,
        answers: Decoded,
    },
    MaskedLm {
        rows: Vec<Vec<u32>>,
        /// For each row and mask the best (id, log-probability).
        fills: Vec<Vec<Vec<(u32, f32)>>>,
    },
}

/// Answers by greedy decoding and with four beams.
#[derive(Deserialize)]
struct Decoded {
    #[serde(rename = "1")]
    greedy: Vec<Vec<u32>>,
    #[serde(rename = "4")]
    beams: Vec<Vec<u32>>,
}

/// How far a model is from PyTorch.
#[derive(Debug)]
pub(crate) struct Parity {
    /// Format of the weights, as inspection calls it.
    pub(crate) format: String,
    /// Architecture, as inspection calls it.
    pub(crate) architecture: String,
    /// Head, as inspection calls it.
    pub(crate) head: String,
    /// Largest difference of any logit, log-probability or mean log-likelihood.
    pub(crate) difference: f64,
    /// True if greedy and beam answers are the expected ones, for a generator.
    pub(crate) same_answers: Option<bool>,
}

/// Compares the model in `head/format`, whose configuration and tokenizer are in `head`.
pub(crate) fn compare(head: &Path, format: &str) -> Result<Parity> {
    let expected: Expected = serde_json::from_slice(&std::fs::read(head.join("expected.json"))?)?;
    let files = ModelFiles::read_with_base(&head.join(format), Some(head))?.on_device(device()?);
    let inspection = inspect(&files)?;
    let (difference, same_answers) = match &expected.answers {
        Answers::Classifier { ids, logits } => {
            let victim = load(&files)?.model.classifier()?;
            check_ids(victim.as_ref(), &expected.texts, ids)?;
            (distance(&victim.judge(&ragged(ids))?, logits), None)
        }
        Answers::Pair { left, right, logits } => {
            let victim = load(&files)?.model.pair()?;
            check_ids(victim.as_ref(), &expected.texts, left)?;
            (distance(&victim.judge_pairs(&ragged(left), &ragged(right))?, logits), None)
        }
        Answers::Generator { sources, targets, likelihoods, answers } => {
            let model = load(&files)?.model;
            check_ids(model.model(), &expected.texts, sources)?;
            let beams = load(&files.clone().with_sidecar(four_beams(head)?))?.model;
            let same = decodes(model, sources, &answers.greedy)? && decodes(beams, sources, &answers.beams)?;
            let generator = load(&files)?.model.generator()?;
            let found = generator.likelihoods(&ragged(sources), &ragged(targets))?;
            let differences = found.iter().zip(likelihoods).map(|(found, wanted)| (found - wanted).abs());
            (differences.fold(0.0, f64::max), Some(same))
        }
        Answers::MaskedLm { rows, fills } => (masked_lm_distance(&files, rows, fills)?, None),
    };
    let (format, architecture, head) = (inspection.format, inspection.architecture, inspection.head);
    Ok(Parity { format, architecture, head, difference, same_answers })
}

/// The device that the variable `CODEPURIFY_TEST_DEVICE` names.
fn device() -> Result<DeviceName> {
    match std::env::var("CODEPURIFY_TEST_DEVICE") {
        Ok(name) => Ok(name.parse()?),
        Err(_) => Ok(DeviceName::Cpu),
    }
}

fn ragged(rows: &[Vec<u32>]) -> Ragged {
    rows.iter().cloned().collect()
}

/// The model reads the texts as PyTorch's tokenizer did.
fn check_ids(model: &dyn Model, texts: &[String], ids: &[Vec<u32>]) -> Result<()> {
    for (text, ids) in texts.iter().zip(ids) {
        let found: Vec<u32> = model.encode(text)?.ids.into_iter().take(model.window()).collect();
        if found != *ids {
            return Err(format!("other token ids for {text:?}").into());
        }
    }
    Ok(())
}

fn distance(found: &Logits, wanted: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let row = |(at, wanted): (usize, &Vec<f32>)| {
        assert_eq!(found.row(at).len(), wanted.len());
        found
            .row(at)
            .iter()
            .zip(wanted)
            .map(|(found, wanted)| f64::from((found - wanted).abs()))
            .fold(0.0, f64::max)
    };
    wanted.iter().enumerate().map(row).fold(0.0, f64::max)
}

fn decodes(model: GuardedModel, sources: &[Vec<u32>], wanted: &[Vec<u32>]) -> Result<bool> {
    Ok(model.generator()?.generate(&ragged(sources))? == ragged(wanted))
}

/// The sidecar of a head, with four beams.
fn four_beams(head: &Path) -> Result<Vec<u8>> {
    let mut sidecar: serde_json::Value =
        serde_json::from_slice(&std::fs::read(head.join("codepurify.json"))?)?;
    sidecar["generation"]["beams"] = 4.into();
    Ok(serde_json::to_vec(&sidecar)?)
}

fn masked_lm_distance(files: &ModelFiles, rows: &[Vec<u32>], wanted: &[Vec<Vec<(u32, f32)>>]) -> Result<f64> {
    let found = RobertaMaskedLm::load(files)?.fill(&ragged(rows), 5)?;
    let mut largest = 0.0_f64;
    for (found, wanted) in found.iter().flatten().zip(wanted.iter().flatten()) {
        for (found, &(id, log_probability)) in found.iter().zip(wanted) {
            if found.id != id {
                return Err(format!("token {} where PyTorch has {id}", found.id).into());
            }
            largest = largest.max(f64::from((found.log_probability - log_probability).abs()));
        }
    }
    let masks = |count: usize, all: usize| if count == all { Ok(()) } else { Err("masks were left out") };
    masks(found.iter().map(Vec::len).sum(), wanted.iter().map(Vec::len).sum())?;
    Ok(largest)
}

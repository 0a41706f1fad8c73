//! Pre-training of models that victims start from: a small T5, by span corruption.

use std::path::PathBuf;

use anyhow::Result;
use candle_core::Device;
use codepurify_attacks::data::corpus::{Text, texts};

use super::driver::Folders;
use super::plan::{Pretraining, sources};
use super::victims::{WARMUP, make_once};
use crate::train::run;
use crate::train::t5::{T5Setup, T5Training};

/// Returns the directory of the model, trained on `device` below `folders.runs` if it does not
/// exist; corpora are below `folders.data`.
///
/// # Errors
/// If a corpus cannot be read, training fails, or the folder holds a run with other settings.
pub fn pretrained(plan: &Pretraining, seed: u64, folders: Folders, device: &Device) -> Result<PathBuf> {
    let Folders { data, runs, .. } = folders;
    let out = runs.join("pretrained").join(&plan.name);
    let texts_of = |corpora: &[String]| -> Result<Vec<Text>> { Ok(texts(&sources(corpora, data)?)?) };
    let (train, valid) = (texts_of(&plan.corpora)?, texts_of(&plan.valid)?);
    let setup = T5Setup {
        tokenizer: &plan.tokenizer,
        embeddings: plan.embeddings.as_deref(),
        shape: plan.shape,
        max_length: plan.max_length,
        seed,
        train: &train,
        valid: &valid,
    };
    let run = run::TrainingPlan {
        epochs: plan.epochs,
        tokens: plan.tokens,
        learning_rate: plan.learning_rate,
        relative: plan.relative,
        warmup: WARMUP,
        seed,
        rows: train.len(),
    };
    make_once(&out, &run, device, |weights| Ok(Box::new(T5Training::new(&setup, weights)?)))?;
    Ok(out.join("last"))
}

//! Where a training starts: the architecture, tokenizer and, unless it starts from scratch, the weights of a model.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Tensor;
use candle_nn::VarBuilder;
use codepurify_models::ModelFiles;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::roberta::RobertaConfig;
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::CodeTokenizer;

use super::weights::Weights;
use crate::export;

/// A model directory opened for training.
pub(super) struct Start {
    pub(super) config: RobertaConfig,
    tensors: HashMap<String, Tensor>,
    files: ModelFiles,
    tokenizer_file: PathBuf,
}

impl Start {
    /// Opens `dir` to train a model of class `architecture`; with `fresh`, its weights are not taken over.
    pub(super) fn open(dir: &Path, architecture: &str, fresh: bool) -> Result<Self> {
        let files = ModelFiles::read(dir)?;
        let mut config = RobertaConfig::load(&files)?;
        config.architectures = vec![architecture.to_owned()];
        let tensors = if fresh { HashMap::new() } else { Checkpoint::open(&files)?.tensors()? };
        Ok(Self { config, tensors, files, tokenizer_file: dir.join("tokenizer.json") })
    }

    /// The model's tokenizer behind other preprocessing.
    pub(super) fn tokenizer(&self, preprocessing: Preprocessing) -> Result<CodeTokenizer> {
        Ok(CodeTokenizer::load(&self.files, preprocessing)?)
    }

    /// Builds a model whose variables go into `weights`; what the start does not bring is drawn with `seed`.
    pub(super) fn build<T>(
        &self,
        weights: &Weights,
        seed: u64,
        model: impl FnOnce(&RobertaConfig, &VarBuilder) -> candle_core::Result<T>,
    ) -> Result<T> {
        model(&self.config, &weights.builder(self.tensors.clone(), seed))
            .with_context(|| format!("cannot build the model on {}", self.files.name()))
    }

    /// Writes the trained model as a Hugging Face directory.
    pub(super) fn export(&self, dir: &Path, sidecar: &Sidecar, weights: &Weights) -> Result<()> {
        export::hf_directory(dir, &self.config, sidecar, &self.tokenizer_file, weights.tensors())
    }
}

//! Export of a model as a Hugging Face directory with `f16` weights.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use codepurify_models::sidecar::{Preprocessing, Sidecar};
use codepurify_models::tokenizer::CodeTokenizer;

/// Contents of a model directory, except for its weights.
#[derive(Debug, Clone)]
pub struct ModelDirectory {
    /// `config.json`.
    pub config: serde_json::Value,
    /// `codepurify.json`.
    pub sidecar: Sidecar,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
}

impl ModelDirectory {
    /// Returns the tokenizer with the exported preprocessing.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn tokenizer(&self) -> Result<CodeTokenizer> {
        self.tokenizer_behind(self.sidecar.preprocessing.clone())
    }

    /// Returns the tokenizer with other preprocessing.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn tokenizer_behind(&self, preprocessing: Preprocessing) -> Result<CodeTokenizer> {
        Ok(CodeTokenizer::from_json("the start", self.tokenizer.clone(), preprocessing)?)
    }

    /// Writes the directory, with `tensors` as `model.safetensors`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, dir: &Path, tensors: Vec<(String, Tensor)>) -> Result<()> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let text = |file: &str, bytes: Vec<u8>| {
            std::fs::write(dir.join(file), bytes)
                .with_context(|| format!("cannot write {file} in {}", dir.display()))
        };
        text("config.json", (serde_json::to_string_pretty(&self.config)? + "\n").into())?;
        text("codepurify.json", (serde_json::to_string_pretty(&self.sidecar)? + "\n").into())?;
        text("tokenizer.json", self.tokenizer.clone())?;
        let half = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::F16)?));
        let tensors: HashMap<String, Tensor> =
            tensors.into_iter().map(half).collect::<candle_core::Result<_>>()?;
        candle_core::safetensors::save(&tensors, dir.join("model.safetensors"))?;
        Ok(())
    }
}

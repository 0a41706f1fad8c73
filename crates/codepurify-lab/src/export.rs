//! Writing a model as a Hugging Face directory with `f16` weights.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use codepurify_models::roberta::RobertaConfig;
use codepurify_models::sidecar::Sidecar;

/// Writes `config.json`, `codepurify.json`, `tokenizer.json` (copied from `tokenizer`) and `model.safetensors`.
///
/// # Errors
/// If a file cannot be read or written.
pub fn hf_directory(
    dir: &Path,
    config: &RobertaConfig,
    sidecar: &Sidecar,
    tokenizer: &Path,
    tensors: Vec<(String, Tensor)>,
) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let json = |file: &str, value: String| {
        std::fs::write(dir.join(file), value + "\n")
            .with_context(|| format!("cannot write {file} in {}", dir.display()))
    };
    json("config.json", serde_json::to_string_pretty(config)?)?;
    json("codepurify.json", serde_json::to_string_pretty(sidecar)?)?;
    let target = dir.join("tokenizer.json");
    std::fs::copy(tokenizer, &target).with_context(|| format!("cannot copy {}", tokenizer.display()))?;
    let half = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::F16)?));
    let tensors: HashMap<String, Tensor> =
        tensors.into_iter().map(half).collect::<candle_core::Result<_>>()?;
    candle_core::safetensors::save(&tensors, dir.join("model.safetensors"))?;
    Ok(())
}

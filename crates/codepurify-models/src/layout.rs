//! Which architecture and head a checkpoint holds, read off its tensor names and shapes.

use candle_nn::VarBuilder;
use codepurify::error::ModelError;
use codepurify::victim::Ragged;

use crate::checkpoint::Checkpoint;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::roberta::RobertaConfig;
use crate::sidecar::Sidecar;
use crate::tokenizer::CodeTokenizer;

/// What stands on the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// `classifier.*`; one class means one sigmoid logit.
    Classification { classes: usize },
    /// `lm_head.*`.
    MaskedLm,
}

/// Where the model may sit: at the top, or in the field `encoder` of a training script's wrapper.
const PREFIXES: [&str; 2] = ["", "encoder."];

/// The prefix of the model's tensors and the head found below it.
pub(crate) fn head(checkpoint: &Checkpoint) -> Option<(&'static str, Head)> {
    PREFIXES.into_iter().find_map(|prefix| {
        if let Some(shape) = checkpoint.shape(&format!("{prefix}classifier.out_proj.weight")) {
            // No head has no class: a shape that says so is refused when the head is built.
            let classes = shape.first().copied().unwrap_or_default().max(1);
            return Some((prefix, Head::Classification { classes }));
        }
        checkpoint.shape(&format!("{prefix}lm_head.dense.weight")).map(|_| (prefix, Head::MaskedLm))
    })
}

/// The weights below a prefix that ends in a dot, or all of them.
pub(crate) fn below<'w>(weights: &VarBuilder<'w>, prefix: &str) -> VarBuilder<'w> {
    prefix.strip_suffix('.').map_or_else(|| weights.clone(), |name| weights.pp(name))
}

/// Content tokens that fit: what the positions and the side car allow, less `<s>` and `</s>`.
pub(crate) fn window(config: &RobertaConfig, sidecar: &Sidecar) -> usize {
    let allowed = sidecar.preprocessing.max_length.unwrap_or(usize::MAX);
    config.positions().min(allowed).saturating_sub(2)
}

/// Label names: the side car's, else the configuration's by class index.
pub(crate) fn labels(config: &RobertaConfig, sidecar: &Sidecar) -> Vec<String> {
    if !sidecar.labels.is_empty() {
        return sidecar.labels.clone();
    }
    let mut named: Vec<(usize, String)> =
        config.id2label.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label.clone()))).collect();
    named.sort_by_key(|&(id, _)| id);
    named.into_iter().map(|(_, label)| label).collect()
}

/// Refuses a tokenizer that can produce ids without an embedding.
pub(crate) fn check_vocabulary(
    files: &ModelFiles,
    config: &RobertaConfig,
    tokenizer: &CodeTokenizer,
) -> Result<(), LoadError> {
    let (ids, rows) = (tokenizer.vocabulary(), config.vocab_size);
    if ids <= rows {
        return Ok(());
    }
    let message = format!("it has ids up to {}, the embeddings have {rows} rows", ids - 1);
    Err(LoadError::Tokenizer { model: files.name.clone(), message })
}

/// Refuses rows longer than the window.
pub(crate) fn check_rows(batch: &Ragged, window: usize) -> Result<(), ModelError> {
    match batch.rows().enumerate().find(|(_, ids)| ids.len() > window) {
        Some((row, ids)) => Err(ModelError::TooLong { row, tokens: ids.len(), window }),
        None => Ok(()),
    }
}

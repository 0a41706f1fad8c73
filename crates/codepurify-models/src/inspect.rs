//! Summary of a model directory.

use codepurify::victim::{MaskedLm, Task};
use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::decision::{Decision, Pooling};
use crate::error::LoadError;
use crate::files::{ModelFiles, TokenizerCore};
use crate::layout::{Head, Layout};
use crate::load::{GuardedModel, load_from};
use crate::masked_lm::RobertaMaskedLm;
use crate::roberta::RobertaConfig;
use crate::sidecar::{Generation, Preprocessing, Sidecar};
use crate::t5::T5Config;
use crate::tokenizer::CodeTokenizer;

/// A summary of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Name of the model.
    pub name: String,
    /// Architecture and its size.
    pub architecture: String,
    /// Task of the model; absent for a masked language model.
    pub task: Option<Task>,
    /// Head on the inner model.
    pub head: String,
    /// Number of weights that are used.
    pub parameters: usize,
    /// Element type of the used weights in the file; several where they differ.
    pub dtype: String,
    /// Format of the weights file.
    pub format: String,
    /// Files that the tokenizer was made from.
    pub tokenizer: String,
    /// Token ids.
    pub vocabulary: usize,
    /// Content tokens of one snippet that fit into one pass.
    pub window: usize,
    /// Changes to the text before the tokenizer sees it.
    pub preprocessing: Preprocessing,
    /// How answers are decoded, for a generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// SHA-256 of the weights file, or of all its shards in the order of their names.
    pub sha256: String,
    /// Tensors and other entries of the file that no part of the model takes.
    pub ignored: Vec<String>,
}

/// Loads a model, as a guard would, and tells what it is.
///
/// # Errors
/// [`LoadError`] naming the file or the tensor that is missing, damaged or does not fit.
pub fn inspect(files: &ModelFiles) -> Result<Inspection, LoadError> {
    let checkpoint = Checkpoint::open(files)?;
    let layout = Layout::of(&files.name, checkpoint.state())?;
    let sidecar = Sidecar::of(files)?;
    let (task, generates, window, sha256) = if layout.kind == Head::MaskedLm {
        let model = RobertaMaskedLm::open(files, &checkpoint)?;
        (None, false, model.window(), checkpoint.state().sha256())
    } else {
        let loaded = load_from(files, &checkpoint, layout)?.model;
        let (model, card) = (loaded.model(), loaded.model().card());
        let generates = matches!(loaded, GuardedModel::Generator(_));
        (Some(card.task), generates, model.window(), card.sha256.clone())
    };
    let tokenizer = CodeTokenizer::load(files, sidecar.preprocessing.clone())?;
    Ok(Inspection {
        name: files.name.clone(),
        architecture: architecture(files, layout.kind)?,
        task,
        head: head(layout.kind, &sidecar),
        parameters: checkpoint.parameters(),
        dtype: checkpoint.dtype(),
        format: checkpoint.state().format().to_string(),
        tokenizer: tokenizer_files(files).to_owned(),
        vocabulary: tokenizer.vocabulary(),
        window,
        preprocessing: sidecar.preprocessing,
        generation: generates.then_some(sidecar.generation),
        sha256,
        ignored: checkpoint.ignored(),
    })
}

fn architecture(files: &ModelFiles, kind: Head) -> Result<String, LoadError> {
    if kind.is_t5() {
        let config = T5Config::load(files)?;
        return Ok(format!(
            "T5, {} + {} layers, hidden {}, {} heads of {}, feed-forward {}",
            config.num_layers,
            config.decoder_layers(),
            config.d_model,
            config.num_heads,
            config.d_kv,
            config.d_ff
        ));
    }
    let config = RobertaConfig::load(files)?;
    Ok(format!(
        "RoBERTa, {} layers, hidden {}, {} heads, feed-forward {}",
        config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.intermediate_size
    ))
}

fn head(kind: Head, sidecar: &Sidecar) -> String {
    let read = match (sidecar.pooling, &sidecar.decision) {
        (_, Some(decision @ Decision::Cosine { .. })) => return format!("{decision} of two vectors"),
        (Some(Pooling::Mean), _) => ", of the mean vector instead",
        _ => "",
    };
    let decided = match &sidecar.decision {
        None | Some(Decision::Classes {}) => String::new(),
        Some(decision) => format!(", decided by {decision}"),
    };
    described(kind, sidecar) + read + &decided
}

fn described(kind: Head, sidecar: &Sidecar) -> String {
    match sidecar.answers.as_slice() {
        [] if sidecar.task == Some(Task::Clone)
            && matches!(kind, Head::Classification { .. } | Head::Linear { .. }) =>
        {
            format!("{kind}, the two snippets joined in one input")
        }
        [] => kind.to_string(),
        answers => format!("{kind}, classification by the answers {}", answers.join(", ")),
    }
}

fn tokenizer_files(files: &ModelFiles) -> &'static str {
    match files.tokenizer.core {
        TokenizerCore::Fast(_) => "tokenizer.json",
        TokenizerCore::Slow { .. } => "vocab.json and merges.txt",
    }
}

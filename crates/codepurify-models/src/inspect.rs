//! What a model directory holds, without building the model.

use codepurify::victim::Task;

use crate::checkpoint::Checkpoint;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::layout::{self, Head};
use crate::roberta::RobertaConfig;
use crate::sidecar::Sidecar;
use crate::tokenizer::CodeTokenizer;

/// A summary of a model directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Name of the model.
    pub name: String,
    /// Architecture and its size.
    pub architecture: String,
    /// What it decides, for a classifier.
    pub task: Option<Task>,
    /// What stands on the encoder.
    pub head: String,
    /// Number of weights.
    pub parameters: usize,
    /// Element type of the weights file.
    pub dtype: String,
    /// Content tokens that fit into one pass.
    pub window: usize,
    /// Token ids.
    pub vocabulary: usize,
    /// SHA-256 of the weights file.
    pub sha256: String,
    /// Tensors of the file that no part of the model takes, sorted.
    pub ignored: Vec<String>,
}

/// Looks at the files of a model directory.
///
/// # Errors
/// [`LoadError`] naming the file or the tensor that is missing, damaged or does not fit.
pub fn inspect(files: &ModelFiles) -> Result<Inspection, LoadError> {
    let config = RobertaConfig::load(files)?;
    let sidecar = Sidecar::of(files)?;
    let tokenizer = CodeTokenizer::load(files, sidecar.preprocessing)?;
    layout::check_vocabulary(files, &config, &tokenizer)?;
    let checkpoint = Checkpoint::load(files)?;
    let found = layout::head(&checkpoint);
    let (head, task, used) = match found {
        Some((_, Head::Classification { classes: 1 })) => (
            "classification, 1 sigmoid logit".to_owned(),
            sidecar.task.or(Some(Task::Classification)),
            "classifier.",
        ),
        Some((_, Head::Classification { classes })) => (
            format!("classification, {classes} logits"),
            sidecar.task.or(Some(Task::Classification)),
            "classifier.",
        ),
        Some((_, Head::MaskedLm)) => ("masked language model".to_owned(), None, "lm_head."),
        None => ("none".to_owned(), None, "roberta."),
    };
    let prefix = found.map_or("", |(prefix, _)| prefix);
    let taken = |name: &str| {
        let known = |name: &str| name.starts_with("roberta.") || name.starts_with(used);
        let layer = |name: &str| name.strip_prefix("roberta.encoder.layer.")?.split('.').next()?.parse().ok();
        name.strip_prefix(prefix).is_some_and(|name| {
            known(name)
                && !name.contains("pooler")
                && layer(name).is_none_or(|layer: usize| layer < config.num_hidden_layers)
        })
    };
    let (used, ignored): (Vec<_>, Vec<_>) = checkpoint.tensors().iter().partition(|(name, _)| taken(name));
    let mut ignored: Vec<String> = ignored.into_iter().map(|(name, _)| name.clone()).collect();
    ignored.sort();
    Ok(Inspection {
        name: files.name.clone(),
        architecture: format!(
            "RoBERTa, {} layers, hidden {}, {} heads, feed-forward {}",
            config.num_hidden_layers,
            config.hidden_size,
            config.num_attention_heads,
            config.intermediate_size
        ),
        task,
        head,
        parameters: used.iter().map(|(_, tensor)| tensor.elem_count()).sum(),
        dtype: checkpoint.dtype().to_owned(),
        window: layout::window(&config, &sidecar),
        vocabulary: tokenizer.vocabulary(),
        sha256: files.sha256(),
        ignored,
    })
}

//! Initial model of a training: architecture, tokenizer and weights.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Tensor;
use candle_nn::VarBuilder;
use clap::ValueEnum;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::roberta::RobertaConfig;
use codepurify_models::sidecar::Sidecar;
use codepurify_models::t5::T5Config;
use codepurify_models::{LoadError, ModelFiles, Reading};
use serde::{Deserialize, Serialize};

use super::weights::TrainableWeights;
use crate::export::ModelDirectory;

/// Architectures that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelFamily {
    /// An encoder: `CodeBERT` and its like.
    Roberta,
    /// An encoder with a decoder: `CodeT5` and its like.
    T5,
}

impl ModelFamily {
    /// Returns the name in rows, tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Roberta => "roberta",
            Self::T5 => "t5",
        }
    }
}

/// Configuration of one of the families.
#[derive(Debug, Clone)]
pub(crate) enum Architecture {
    Roberta(RobertaConfig),
    T5(T5Config),
}

impl Architecture {
    /// Reads the configuration of a model, which must have the family if one is named.
    pub(crate) fn load(files: &ModelFiles, family: Option<ModelFamily>) -> Result<Self, LoadError> {
        match family {
            Some(ModelFamily::Roberta) => RobertaConfig::load(files).map(Self::Roberta),
            Some(ModelFamily::T5) => T5Config::load(files).map(Self::T5),
            None => match RobertaConfig::load(files) {
                Err(LoadError::UnknownArchitecture { .. }) => T5Config::load(files).map(Self::T5),
                config => config.map(Self::Roberta),
            },
        }
    }

    /// Returns how a model of this architecture preprocesses text.
    pub(crate) fn reading(&self, files: &ModelFiles) -> Result<Reading, LoadError> {
        let vocabulary = match self {
            Self::Roberta(config) => config.vocab_size,
            Self::T5(config) => config.vocab_size,
        };
        Reading::of(files, vocabulary, self.positions())
    }

    /// Returns the length of the longest sequence, special tokens included; `None` without a limit.
    fn positions(&self) -> Option<usize> {
        match self {
            Self::Roberta(config) => Some(config.positions()),
            Self::T5(_) => None,
        }
    }

    /// Keeps only the first `count` layers of each stack.
    fn keep_layers(&mut self, count: usize) {
        match self {
            Self::Roberta(config) => config.num_hidden_layers = config.num_hidden_layers.min(count),
            Self::T5(config) => {
                config.num_decoder_layers = Some(config.decoder_layers().min(count));
                config.num_layers = config.num_layers.min(count);
            }
        }
    }

    /// Returns the name, below the inner model, of a tensor that every checkpoint of the family
    /// has.
    fn landmark(&self) -> &'static str {
        match self {
            Self::Roberta(_) => "embeddings.word_embeddings.weight",
            Self::T5(_) => "encoder.block.0.layer.0.SelfAttention.q.weight",
        }
    }
}

/// Initial model of a fine-tuning, and the parts of it to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitialModel<'a> {
    /// Directory of the model.
    pub model: &'a Path,
    /// Required family, if any.
    pub family: Option<ModelFamily>,
    /// Number of layers to keep, from the first (of encoder and decoder each).
    pub layers: Option<usize>,
    /// Loads its head, too, if one has the same name; otherwise the head is drawn at random.
    pub with_head: bool,
}

impl<'a> InitialModel<'a> {
    /// Selects all layers of a model of any family, without its head.
    #[must_use]
    pub fn new(model: &'a Path) -> Self {
        Self { model, family: None, layers: None, with_head: false }
    }
}

/// Model directory opened for training.
pub(super) struct OpenedModel {
    pub(super) architecture: Architecture,
    with_head: bool,
    name: String,
    /// Prefix of the inner model in the checkpoint, with its dot; empty if there is none.
    body: String,
    tensors: HashMap<String, Tensor>,
    tokenizer: Vec<u8>,
}

impl OpenedModel {
    /// Opens a model.
    pub(super) fn open(origin: &InitialModel) -> Result<Self> {
        let dir = origin.model;
        let files = ModelFiles::read(dir)?;
        let mut architecture = Architecture::load(&files, origin.family)?;
        if let Some(layers) = origin.layers {
            ensure!(layers > 0, "a model needs a layer");
            architecture.keep_layers(layers);
        }
        let tensors = Checkpoint::open(&files)?.tensors()?;
        let landmark = architecture.landmark();
        let body = ["roberta.", "encoder.roberta.", "encoder.", ""]
            .into_iter()
            .find(|body| tensors.contains_key(&format!("{body}{landmark}")))
            .with_context(|| format!("{}: no tensor is called `{landmark}`", dir.display()))?;
        let tokenizer = read_tokenizer(dir)?;
        let (name, body, with_head) = (files.name().to_owned(), body.to_owned(), origin.with_head);
        Ok(Self { architecture, with_head, name, body, tensors, tokenizer })
    }

    /// Reads the configuration of a RoBERTa.
    pub(super) fn roberta(&self) -> Result<&RobertaConfig> {
        match &self.architecture {
            Architecture::Roberta(config) => Ok(config),
            Architecture::T5(_) => bail!("{} is a T5; a RoBERTa is needed", self.name),
        }
    }

    /// Reads the word embeddings of a RoBERTa, `[vocabulary, hidden]`.
    pub(super) fn words(&self) -> Result<Tensor> {
        let name = format!("{}{}", self.body, self.architecture.landmark());
        self.tensors.get(&name).cloned().with_context(|| format!("{} has no `{name}`", self.name))
    }

    /// Returns the inner model's weights, renamed to be below `body`.
    ///
    /// If the head is kept, the parts that `heads` names are included.
    pub(super) fn given(&self, body: &'static str, heads: &[&str]) -> Given {
        let inner = self.tensors.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix(&self.body).filter(|name| !self.is_tied(name))?;
            Some((format!("{}{name}", prefix(body)), tensor.clone()))
        });
        let of_heads =
            |name: &str| self.with_head && heads.iter().any(|head| name.starts_with(&prefix(head)));
        let heads_tensors = self.tensors.clone().into_iter().filter(|(name, _)| of_heads(name));
        Given { model: self.name.clone(), body, tensors: inner.chain(heads_tensors).collect() }
    }

    /// Returns true for a copy of the word embeddings: trained separately, it would no longer be a
    /// copy.
    fn is_tied(&self, name: &str) -> bool {
        matches!(&self.architecture, Architecture::T5(config) if config.tie_word_embeddings)
            && name == "lm_head.weight"
    }

    /// Refuses lengths, special tokens included, that leave no room for content or exceed the
    /// architecture.
    pub(super) fn check_length(&self, length: usize) -> Result<()> {
        ensure!(length >= 3, "a length of {length} tokens leaves no room for content");
        match self.architecture.positions() {
            Some(positions) if length > positions => {
                bail!("a length of {length} tokens is more than the {positions} positions of {}", self.name)
            }
            _ => Ok(()),
        }
    }

    /// Returns the directory of a model of class `class` (in transformers) with the same
    /// architecture and tokenizer.
    pub(super) fn directory(&self, class: &str, sidecar: Sidecar) -> Result<ModelDirectory> {
        let config = match &self.architecture {
            // Labels and problem type of the initial model do not apply; the new ones are in the
            // sidecar.
            Architecture::Roberta(config) => {
                let (id2label, problem_type) = (BTreeMap::new(), None);
                config_json(class, &RobertaConfig { id2label, problem_type, ..config.clone() })
            }
            Architecture::T5(config) => config_json(class, config),
        }?;
        Ok(ModelDirectory { config, sidecar, tokenizer: self.tokenizer.clone() })
    }
}

/// Weights to start from.
pub(super) struct Given {
    /// Weights by name.
    model: String,
    /// Name of the inner model.
    body: &'static str,
    tensors: HashMap<String, Tensor>,
}

impl Given {
    /// Builds a model whose variables go into `weights`; missing weights are drawn with `seed`.
    ///
    /// The weights of the inner model must be complete.
    pub(super) fn build<T>(
        self,
        weights: &TrainableWeights,
        seed: u64,
        model: impl FnOnce(&VarBuilder) -> candle_core::Result<T>,
    ) -> Result<T> {
        let names: HashSet<String> = self.tensors.keys().cloned().collect();
        let built = model(&weights.builder(self.tensors, seed))
            .with_context(|| format!("cannot build the model on {}", self.model))?;
        let inner = prefix(self.body);
        let drawn =
            weights.vars().into_iter().find(|(name, _)| name.starts_with(&inner) && !names.contains(name));
        match drawn {
            Some((name, _)) => bail!("{} has nothing to start `{name}` from", self.model),
            None => Ok(built),
        }
    }
}

/// Returns the prefix of names below a part; it is empty without a part.
fn prefix(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!("{part}.") }
}

/// Adds the class of its model to a configuration.
pub(super) fn config_json(class: &str, config: &impl Serialize) -> Result<serde_json::Value> {
    let mut config = serde_json::to_value(config)?;
    config["architectures"] = serde_json::json!([class]);
    Ok(config)
}

/// Reads the `tokenizer.json` of a directory.
pub(super) fn read_tokenizer(dir: &Path) -> Result<Vec<u8>> {
    let file = dir.join("tokenizer.json");
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

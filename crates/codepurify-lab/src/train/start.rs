//! Where a training starts: the architecture, the tokenizer and the weights of a model.

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

use super::weights::Weights;
use crate::export::ModelDirectory;

/// The architectures that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// An encoder: `CodeBERT` and its like.
    Roberta,
    /// An encoder with a decoder: `CodeT5` and its like.
    T5,
}

impl Family {
    /// The name in rows, tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Roberta => "roberta",
            Self::T5 => "t5",
        }
    }
}

/// A configuration of one of the families.
#[derive(Debug, Clone)]
pub(crate) enum Architecture {
    Roberta(RobertaConfig),
    T5(T5Config),
}

impl Architecture {
    /// That of a model, which has to be of the family if one is named.
    pub(crate) fn load(files: &ModelFiles, family: Option<Family>) -> Result<Self, LoadError> {
        match family {
            Some(Family::Roberta) => RobertaConfig::load(files).map(Self::Roberta),
            Some(Family::T5) => T5Config::load(files).map(Self::T5),
            None => match RobertaConfig::load(files) {
                Err(LoadError::UnknownArchitecture { .. }) => T5Config::load(files).map(Self::T5),
                config => config.map(Self::Roberta),
            },
        }
    }

    /// How a model of this architecture reads text.
    pub(crate) fn reading(&self, files: &ModelFiles) -> Result<Reading, LoadError> {
        let vocabulary = match self {
            Self::Roberta(config) => config.vocab_size,
            Self::T5(config) => config.vocab_size,
        };
        Reading::of(files, vocabulary, self.positions())
    }

    /// Longest sequence, special tokens included; `None` where any length works.
    fn positions(&self) -> Option<usize> {
        match self {
            Self::Roberta(config) => Some(config.positions()),
            Self::T5(_) => None,
        }
    }

    /// Drops all layers but the first `count` of each stack.
    fn keep_layers(&mut self, count: usize) {
        match self {
            Self::Roberta(config) => config.num_hidden_layers = config.num_hidden_layers.min(count),
            Self::T5(config) => {
                config.num_decoder_layers = Some(config.decoder_layers().min(count));
                config.num_layers = config.num_layers.min(count);
            }
        }
    }

    /// A tensor that every checkpoint of the family has, by its name below the inner model.
    fn landmark(&self) -> &'static str {
        match self {
            Self::Roberta(_) => "embeddings.word_embeddings.weight",
            Self::T5(_) => "encoder.block.0.layer.0.SelfAttention.q.weight",
        }
    }
}

/// Which model a fine-tuning starts from, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Its directory.
    pub model: &'a Path,
    /// The family that it has to be of, if it matters.
    pub family: Option<Family>,
    /// Keep only so many layers, the first ones (of an encoder and of a decoder each).
    pub layers: Option<usize>,
    /// Go on with its head, too, where it has one of the same name; otherwise the head is drawn anew.
    pub with_head: bool,
}

impl<'a> Origin<'a> {
    /// All layers of a model of any family, without its head.
    #[must_use]
    pub fn new(model: &'a Path) -> Self {
        Self { model, family: None, layers: None, with_head: false }
    }
}

/// A model directory opened for training.
pub(super) struct Start {
    pub(super) architecture: Architecture,
    with_head: bool,
    name: String,
    /// What the inner model is called in the checkpoint, with the dot behind it; empty if it stands at the top.
    body: String,
    tensors: HashMap<String, Tensor>,
    tokenizer: Vec<u8>,
}

impl Start {
    /// Opens a model.
    pub(super) fn open(origin: &Origin) -> Result<Self> {
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

    /// The configuration of a RoBERTa.
    pub(super) fn roberta(&self) -> Result<&RobertaConfig> {
        match &self.architecture {
            Architecture::Roberta(config) => Ok(config),
            Architecture::T5(_) => bail!("{} is a T5; a RoBERTa is needed", self.name),
        }
    }

    /// The word embeddings of a RoBERTa, `[vocabulary, hidden]`.
    pub(super) fn words(&self) -> Result<Tensor> {
        let name = format!("{}{}", self.body, self.architecture.landmark());
        self.tensors.get(&name).cloned().with_context(|| format!("{} has no `{name}`", self.name))
    }

    /// The inner model's weights, renamed to stand below `body`, and if the start is to keep its head those of the parts
    /// beside it that `heads` names.
    pub(super) fn given(&self, body: &'static str, heads: &[&str]) -> Given {
        let inner = self.tensors.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix(&self.body).filter(|name| !self.is_tied(name))?;
            Some((format!("{}{name}", prefix(body)), tensor.clone()))
        });
        let of_heads =
            |name: &str| self.with_head && heads.iter().any(|head| name.starts_with(&prefix(head)));
        let beside = self.tensors.clone().into_iter().filter(|(name, _)| of_heads(name));
        Given { model: self.name.clone(), body, tensors: inner.chain(beside).collect() }
    }

    /// Whether a tensor is only a copy of the word embeddings: trained for itself, it would be one no longer.
    fn is_tied(&self, name: &str) -> bool {
        matches!(&self.architecture, Architecture::T5(config) if config.tie_word_embeddings)
            && name == "lm_head.weight"
    }

    /// Refuses lengths, special tokens included, that leave no room for content or exceed the architecture.
    pub(super) fn check_length(&self, length: usize) -> Result<()> {
        ensure!(length >= 3, "a length of {length} tokens leaves no room for content");
        match self.architecture.positions() {
            Some(positions) if length > positions => {
                bail!("a length of {length} tokens is more than the {positions} positions of {}", self.name)
            }
            _ => Ok(()),
        }
    }

    /// The directory of a model of class `class` (as transformers calls it) with the start's architecture and tokenizer.
    pub(super) fn directory(&self, class: &str, sidecar: Sidecar) -> Result<ModelDirectory> {
        let config = match &self.architecture {
            // What the head of the start was trained for is nothing to the new one; its own is in the side car.
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
    /// Whose they are.
    model: String,
    /// What the inner model is called.
    body: &'static str,
    tensors: HashMap<String, Tensor>,
}

impl Given {
    /// Builds a model whose variables go into `weights`. What is not given is drawn with `seed`; the inner model has to
    /// be given as a whole.
    pub(super) fn build<T>(
        self,
        weights: &Weights,
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

/// What the names below a part begin with; everything stands below nothing.
fn prefix(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!("{part}.") }
}

/// A configuration that names the class of its model.
pub(super) fn config_json(class: &str, config: &impl Serialize) -> Result<serde_json::Value> {
    let mut config = serde_json::to_value(config)?;
    config["architectures"] = serde_json::json!([class]);
    Ok(config)
}

/// The `tokenizer.json` of a directory.
pub(super) fn read_tokenizer(dir: &Path) -> Result<Vec<u8>> {
    let file = dir.join("tokenizer.json");
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

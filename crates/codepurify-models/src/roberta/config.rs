//! `config.json` of a RoBERTa checkpoint.

use std::collections::BTreeMap;

use candle_nn::Init;
use serde::{Deserialize, Serialize};

use crate::error::LoadError;
use crate::files::ModelFiles;

/// The part of the configuration that the architecture depends on; other keys are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobertaConfig {
    /// Class names of the checkpoint, such as `RobertaForMaskedLM`; empty where the exporter knew none.
    #[serde(default)]
    pub architectures: Vec<String>,
    /// `roberta`.
    pub model_type: String,
    /// Token ids.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Transformer blocks.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// `gelu`: the exact one.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Rows of the position table; the first `pad_token_id + 1` are never used.
    pub max_position_embeddings: usize,
    /// Rows of the token-type table, of which only the first is used.
    #[serde(default = "one")]
    pub type_vocab_size: usize,
    /// Added to the variance in layer norm.
    #[serde(default = "eps")]
    pub layer_norm_eps: f32,
    /// Standard deviation of fresh weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    /// The padding token.
    #[serde(default = "pad")]
    pub pad_token_id: u32,
    /// Label names by class index, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id2label: BTreeMap<String, String>,
    /// Class indices by label name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label2id: BTreeMap<String, usize>,
    /// How transformers trained the head: `regression`, `single_label_classification` or `multi_label_classification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_type: Option<String>,
    /// Absent or `absolute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<String>,
    /// Decoders, in which a token attends only to itself and those before it, are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_decoder: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn one() -> usize {
    1
}

fn eps() -> f32 {
    1e-5
}

fn range() -> f64 {
    0.02
}

fn pad() -> u32 {
    1
}

impl RobertaConfig {
    /// Reads and checks `config.json`.
    ///
    /// # Errors
    /// [`LoadError::Json`], [`LoadError::UnknownArchitecture`] or [`LoadError::Config`].
    pub fn load(files: &ModelFiles) -> Result<Self, LoadError> {
        let config: Self = files.config("roberta")?;
        match config.complaint() {
            Some(message) => Err(LoadError::Config { model: files.name.clone(), message }),
            None => Ok(config),
        }
    }

    /// Returns the reason why this configuration is unusable.
    fn complaint(&self) -> Option<String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Some(format!("{name} is 0"));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
            return Some(format!("hidden_size {hidden} is not a multiple of num_attention_heads {heads}"));
        }
        if self.hidden_act != "gelu" {
            return Some(format!("hidden_act `{}` is not supported, only `gelu`", self.hidden_act));
        }
        if let Some(kind) = self.position_embedding_type.as_deref().filter(|&kind| kind != "absolute") {
            return Some(format!("position_embedding_type `{kind}` is not supported, only `absolute`"));
        }
        if self.is_decoder {
            return Some("is_decoder is true: a decoder is not supported, only an encoder".to_owned());
        }
        if self.pad_token_id as usize >= self.vocab_size {
            return Some(format!("pad_token_id {} is no token of {}", self.pad_token_id, self.vocab_size));
        }
        if self.positions() < 3 {
            return Some(format!(
                "max_position_embeddings {} leaves no room for content",
                self.max_position_embeddings
            ));
        }
        (!self.layer_norm_eps.is_finite() || self.layer_norm_eps <= 0.0)
            .then(|| "layer_norm_eps is not positive".to_owned())
    }

    /// Longest sequence, special tokens included: positions count from `pad + 1`.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.pad_token_id as usize + 1)
    }

    /// Label names by class index.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.named_classes().into_values().map(str::to_owned).collect()
    }

    fn named_classes(&self) -> BTreeMap<usize, &str> {
        let named = self.id2label.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label.as_str())));
        named.collect()
    }

    /// Returns the reason why nobody can tell which class a label names.
    pub(crate) fn complaint_about_labels(&self) -> Option<String> {
        let classes = self.named_classes();
        if let Some((expected, (&class, label))) =
            classes.iter().enumerate().find(|(at, (class, _))| at != *class)
        {
            return Some(format!("id2label names class {class} (`{label}`), but not class {expected}"));
        }
        // Names that `id2label` lacks are those that transformers gave before it was edited: `LABEL_0`.
        let differs = |(label, class): &(&String, &usize)| {
            classes.values().any(|named| named == label)
                && classes.get(*class).is_none_or(|named| named != label)
        };
        let (label, class) = self.label2id.iter().find(differs)?;
        let named = classes
            .get(class)
            .map_or_else(|| "does not name it".to_owned(), |named| format!("names it `{named}`"));
        Some(format!("label2id says that class {class} is `{label}`, but id2label {named}"))
    }

    /// Returns true if the embeddings are larger than those of RoBERTa and the models made from it, as those
    /// of `UniXcoder` are.
    pub(crate) fn is_unixcoder(&self) -> bool {
        self.type_vocab_size > 1 || self.max_position_embeddings > 514
    }

    /// How fresh weights are drawn.
    pub(crate) fn init(&self) -> Init {
        Init::Randn { mean: 0.0, stdev: self.initializer_range }
    }
}

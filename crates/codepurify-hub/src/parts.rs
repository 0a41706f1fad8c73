//! Which files make a model.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::id::is_plain;

const CONFIG: &str = "config.json";
/// Weights, best first: a file, or the index of several.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// Files that belong to a model's description where they exist.
#[cfg(feature = "download")]
const DESCRIPTION: [&str; 8] = [
    CONFIG,
    "codepurify.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
];

/// Parts of a model that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Configuration, tokenizer and weights.
    Everything,
    /// The weights; configuration and tokenizer come from elsewhere.
    Weights,
    /// Configuration and tokenizer, to go with weights from elsewhere.
    Description,
}

impl Parts {
    /// Returns the parts that a folder lacks; `has` tells which files it contains.
    pub(crate) fn lack(self, has: impl Fn(&str) -> bool) -> Option<&'static str> {
        if self != Self::Weights {
            if !has(CONFIG) {
                return Some(CONFIG);
            }
            let tokenizer = has("tokenizer.json") || (has("vocab.json") && has("merges.txt"));
            if !tokenizer {
                return Some("tokenizer.json, nor vocab.json with merges.txt");
            }
        }
        if self != Self::Description && weights(has).is_none() {
            return Some("model.safetensors or pytorch_model.bin, nor an index of either");
        }
        None
    }

    /// The file with the weights, or their index, if weights are needed.
    pub(crate) fn weights(self, has: impl Fn(&str) -> bool) -> Option<&'static str> {
        if self == Self::Description { None } else { weights(has) }
    }

    /// The files that are needed of those that `has` knows, but for the shards of an index.
    #[cfg(feature = "download")]
    pub(crate) fn files(self, has: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static str> {
        let weights = self.weights(&has);
        DESCRIPTION.into_iter().filter(move |name| has(name)).chain(weights)
    }
}

fn weights(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    WEIGHTS.into_iter().find(|name| has(name))
}

/// Returns true for a weights file that is only an index of shards.
pub(crate) fn is_index(name: &str) -> bool {
    name.ends_with(".index.json")
}

/// The files that an index names, sorted.
///
/// # Errors
/// Returns the fault of an `index` that is invalid or names a file outside of its folder.
pub(crate) fn shards(index: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index).map_err(|error| error.to_string())?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|name| !is_plain(name)) {
        Some(name) => Err(format!("`{name}` is not the name of a file in its folder")),
        None => Ok(shards),
    }
}

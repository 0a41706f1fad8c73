//! Shard indexes: which tensor is in which file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::bytes::Source;
use crate::contents::{Contents, MAX_TENSORS};
use crate::error::CheckpointError;
use crate::json::Pairs;

/// Largest index, in bytes; that of a model with 100,000 tensors has about ten million.
const MAX_INDEX: usize = 64 << 20;

/// Most shards.
const MAX_SHARDS: usize = 4096;

/// `weight_map` of an index, checked but for what the shards hold.
pub(crate) struct ShardIndex {
    file: String,
    /// Tensor to file name of its shard.
    weight_map: BTreeMap<String, String>,
    /// In the order in which they are read.
    shards: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Document {
    weight_map: Pairs<String>,
}

impl ShardIndex {
    pub(crate) fn read(source: &Source) -> Result<Self, CheckpointError> {
        let file = source.name.clone();
        if source.bytes.len() > MAX_INDEX {
            return Err(CheckpointError::Limit { file, what: "bytes of shard index", limit: MAX_INDEX });
        }
        let document: Document = match serde_json::from_slice(&source.bytes) {
            Ok(document) => document,
            Err(error) => return Err(CheckpointError::Index { file, message: error.to_string() }),
        };
        if let Some(tensor) = document.weight_map.repeated() {
            return Err(CheckpointError::DuplicateTensor { file, tensor: tensor.to_owned() });
        }
        if document.weight_map.0.len() > MAX_TENSORS {
            return Err(CheckpointError::Limit { file, what: "tensors", limit: MAX_TENSORS });
        }
        let weight_map: BTreeMap<String, String> = document.weight_map.0.into_iter().collect();
        let shards: BTreeSet<String> = weight_map.values().cloned().collect();
        if shards.len() > MAX_SHARDS {
            return Err(CheckpointError::Limit { file, what: "shards", limit: MAX_SHARDS });
        }
        match shards.iter().find(|shard| !is_plain_file_name(shard)) {
            Some(shard) => Err(CheckpointError::UnsafeShard { file, shard: shard.clone() }),
            None => Ok(Self { file, weight_map, shards }),
        }
    }

    /// File names of the shards, sorted.
    pub(crate) fn shards(&self) -> impl Iterator<Item = &str> {
        self.shards.iter().map(String::as_str)
    }

    /// Opens a shard in the folder of the index. Links are followed, since the hub's cache consists of links.
    pub(crate) fn open(&self, folder: &Path, shard: &str) -> Result<Source, CheckpointError> {
        Source::open(&folder.join(shard)).map_err(|error| match error {
            CheckpointError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                CheckpointError::MissingShard { file: self.file.clone(), shard: shard.to_owned() }
            }
            other => other,
        })
    }

    /// Checks that every tensor of the index is in its shard and nowhere else; `contents` are those of
    /// [`Self::shards`]. Tensors that the index does not list are taken as well, as transformers does.
    pub(crate) fn confirm(&self, contents: &[Contents]) -> Result<(), CheckpointError> {
        let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
        for (shard, found) in self.shards().zip(contents) {
            for (tensor, _) in &found.tensors {
                if holders.insert(tensor, shard).is_some() {
                    let (file, tensor) = (self.file.clone(), tensor.clone());
                    return Err(CheckpointError::DuplicateTensor { file, tensor });
                }
            }
        }
        let misplaced = self
            .weight_map
            .iter()
            .find(|(tensor, shard)| holders.get(tensor.as_str()).is_none_or(|holder| holder != shard));
        match misplaced {
            None => Ok(()),
            Some((tensor, shard)) => Err(CheckpointError::MisplacedTensor {
                file: self.file.clone(),
                tensor: tensor.clone(),
                shard: shard.clone(),
                found: holders.get(tensor.as_str()).map(|&holder| holder.to_owned()),
            }),
        }
    }
}

/// Returns true if a name stays in its folder on every platform.
fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}

//! Which kind of file this is, told by its first bytes.

use std::fmt;

use crate::bytes::Source;
use crate::error::CheckpointError;

/// Kind of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// `safetensors`.
    Safetensors,
    /// `torch.save` since `PyTorch` 1.6: a zip archive around a pickle and the storages.
    TorchZip,
    /// `torch.save` before `PyTorch` 1.6, or with `_use_new_zipfile_serialization=False`: pickles, then the storages.
    TorchLegacy,
}

/// How a checkpoint is stored. Displayed as in `safetensors, 3 shards`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// Kind of the file, or of all shards.
    pub container: Container,
    /// Number of shards, if there is an index; `None` for a single file.
    pub shards: Option<usize>,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Safetensors => "safetensors",
            Self::TorchZip => "torch zip",
            Self::TorchLegacy => "torch legacy pickle",
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.container.fmt(f)?;
        match self.shards {
            None => Ok(()),
            Some(1) => f.write_str(", 1 shard"),
            Some(shards) => write!(f, ", {shards} shards"),
        }
    }
}

impl Container {
    /// Tells the kind of a file by its content.
    pub(crate) fn of(source: &Source) -> Result<Self, CheckpointError> {
        let bytes = &*source.bytes;
        let file = || source.name.clone();
        if bytes.is_empty() {
            return Err(CheckpointError::Truncated { file: file(), within: "its first byte".to_owned() });
        }
        // A safetensors header follows its length and starts with a brace. Lengths may look like any other magic
        // number, so this comes first; no zip has the compression method that the brace would be, and the
        // magic number of a legacy pickle has another byte there.
        if bytes.get(8) == Some(&b'{') {
            return Ok(Self::Safetensors);
        }
        if bytes.starts_with(b"PK") {
            return Ok(Self::TorchZip);
        }
        if bytes[0] == 0x80 {
            return Ok(Self::TorchLegacy);
        }
        Err(CheckpointError::UnknownFormat { file: file(), found: describe(bytes) })
    }
}

/// Describes common files that are not weights.
fn describe(bytes: &[u8]) -> String {
    if bytes.starts_with(b"version https://git-lfs") {
        return "it is a Git LFS pointer, the weights themselves were not fetched".to_owned();
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return "it is a tar archive".to_owned();
    }
    let start = &bytes[..bytes.len().min(8)];
    format!("it starts with \"{}\"", start.escape_ascii())
}

//! Errors of checkpoints.

use std::borrow::Cow;

use thiserror::Error;

/// A checkpoint that cannot be read. Every message names the file, and the tensor where there is one.
///
/// Positions in a file are bytes from its start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file is missing or unreadable.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A directory, pipe or device where a weights file should be.
    #[error("{file} is no regular file")]
    NotAFile {
        /// Path that was named.
        file: String,
    },
    /// Neither safetensors nor a file of `torch.save`.
    #[error("{file} is neither safetensors nor a file of torch.save: {}", visible(.found))]
    UnknownFormat {
        /// The file.
        file: String,
        /// Description of the content.
        found: String,
    },
    /// The file ends too early.
    #[error("{file} is truncated: it ends within {}", visible(.within))]
    Truncated {
        /// The file.
        file: String,
        /// The part that is not complete.
        within: String,
    },
    /// A safetensors header that does not say what it must.
    #[error("{file}: the safetensors header is not usable: {}", visible(.message))]
    Header {
        /// The file.
        file: String,
        /// Description of the fault.
        message: String,
    },
    /// A zip archive that is damaged, ambiguous or not one of `torch.save`.
    #[error("{file}: the zip archive is not usable: {}", visible(.message))]
    Zip {
        /// The file.
        file: String,
        /// Description of the fault.
        message: String,
    },
    /// One entry of a zip archive is compressed, encrypted, too large or has a name that leaves the archive.
    #[error("{file}: zip entry {entry:?} {}", visible(.message))]
    ZipEntry {
        /// The file.
        file: String,
        /// Name of the entry.
        entry: String,
        /// Fault of the entry.
        message: String,
    },
    /// A pickle that is damaged or not one of `torch.save`.
    #[error("{file}: the pickle is not usable at byte {at}: {}", visible(.message))]
    Pickle {
        /// The file.
        file: String,
        /// Where.
        at: usize,
        /// Description of the fault.
        message: String,
    },
    /// A pickle asks for a function or class that no state dict needs. Nothing was called.
    #[error("{file}: the pickle asks for `{}` at byte {at}; nothing but tensors is rebuilt", visible(.global))]
    Forbidden {
        /// The file.
        file: String,
        /// `module.name`.
        global: String,
        /// Where.
        at: usize,
    },
    /// More of something than any checkpoint needs.
    #[error("{file} holds more than {limit} {what}")]
    Limit {
        /// The file.
        file: String,
        /// Name of the exceeded quantity.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// A readable file without tensors where a state dict has them.
    #[error("{file} holds no state dict: {}", visible(.found))]
    NotAStateDict {
        /// The file.
        file: String,
        /// Element type that was found.
        found: String,
    },
    /// The description of a tensor contradicts itself, its storage or the file.
    #[error("{file}: tensor `{}` {}", visible(.tensor), visible(.message))]
    Tensor {
        /// The file.
        file: String,
        /// Full tensor name.
        tensor: String,
        /// Description of the fault.
        message: String,
    },
    /// Two tensors of one name.
    #[error("{file}: tensor `{}` occurs twice", visible(.tensor))]
    DuplicateTensor {
        /// The file, for shards the index.
        file: String,
        /// Full tensor name.
        tensor: String,
    },
    /// An element type that is not known, or that is no weight where weights were asked for.
    #[error("{file}: tensor `{}` has element type {}, no weights", visible(.tensor), visible(.element_type))]
    WrongType {
        /// The file.
        file: String,
        /// Full tensor name.
        tensor: String,
        /// Its element type.
        element_type: String,
    },
    /// A weight is NaN, infinite or beyond the range of `f32`.
    #[error("{file}: tensor `{}` holds a NaN or an infinite value at element {element}", visible(.tensor))]
    NotFinite {
        /// The file.
        file: String,
        /// Full tensor name.
        tensor: String,
        /// Index of the first such element, row-major.
        element: usize,
    },
    /// Written by a big-endian machine.
    #[error("{file} was written in big-endian byte order, which is not supported")]
    ByteOrder {
        /// The file.
        file: String,
    },
    /// A shard index that does not say what it must.
    #[error("{file}: the shard index is not usable: {}", visible(.message))]
    Index {
        /// The index.
        file: String,
        /// Description of the fault.
        message: String,
    },
    /// A shard outside of the folder of its index.
    #[error("{file}: shard {shard:?} is no plain file name; shards must be in the folder of their index")]
    UnsafeShard {
        /// The index.
        file: String,
        /// The shard as the index writes it.
        shard: String,
    },
    /// A shard that the index names is not there.
    #[error("{file}: shard {shard:?} is missing")]
    MissingShard {
        /// The index.
        file: String,
        /// File name of the shard.
        shard: String,
    },
    /// A tensor is not in the shard where the index says it is.
    #[error("{file}: tensor `{}` is not in shard {shard:?}{}", visible(.tensor), elsewhere(.found.as_ref()))]
    MisplacedTensor {
        /// The index.
        file: String,
        /// Full tensor name.
        tensor: String,
        /// The shard that the index names.
        shard: String,
        /// The shard that holds it, if one does.
        found: Option<String>,
    },
}

/// Text from a file as it can be shown on a terminal: control characters escaped, cut if it is very long.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 300;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown: String = text.chars().take(LONGEST).flat_map(escape).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

fn escape(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_debug());
    let plain = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

fn elsewhere(found: Option<&String>) -> String {
    found.map_or_else(|| " nor in any other".to_owned(), |shard| format!(" but in {shard:?}"))
}

//! The tensors of a checkpoint, whatever it is stored in.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::bytes::{Bytes, Source};
use crate::contents::{Contents, MAX_TENSORS};
use crate::error::CheckpointError;
use crate::format::{Container, Format};
use crate::index::ShardIndex;
use crate::layout::Layout;
use crate::tensor::TensorView;
use crate::{safetensors, torch};

/// Most elements of all tensors together, as a multiple of the bytes of all files. Tied tensors read the same bytes
/// several times; a small file that is a terabyte of tensors is an attack.
const MAX_ELEMENTS_PER_BYTE: usize = 8;

/// Bytes that are hashed and given back at a time.
const PIECE: usize = 4 << 20;

/// Named tensors of a checkpoint. Holds the file mapped; nothing is copied until a tensor is read.
///
/// While a checkpoint is open, its files must not be changed or cut short.
#[derive(Debug)]
pub struct StateDict {
    format: Format,
    /// The shards in file-name order, or the one file.
    sources: Vec<Source>,
    /// Sorted by name.
    entries: Vec<Entry>,
    skipped: Vec<String>,
    unread: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    /// Index into the sources.
    source: usize,
    layout: Layout,
}

impl StateDict {
    /// A weights file; the format is found by its content (safetensors, torch zip, legacy torch pickle), not by its
    /// name.
    ///
    /// # Errors
    /// [`CheckpointError`]: the file cannot be read, is damaged, hostile, or holds no tensors.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Self::single(Source::open(path)?)
    }

    /// A shard index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) with its shards, which are in
    /// the same folder and are all of one format.
    ///
    /// # Errors
    /// [`CheckpointError`]: as [`Self::open`] for each shard; or the index and the shards contradict each other.
    pub fn open_index(index: &Path) -> Result<Self, CheckpointError> {
        let index_source = Source::open(index)?;
        let file = &index_source.name;
        let shard_index = ShardIndex::read(&index_source)?;
        let folder = index.parent().unwrap_or(Path::new(""));
        let (mut sources, mut contents, mut containers) = (Vec::new(), Vec::new(), Vec::new());
        for shard in shard_index.shards() {
            let source = shard_index.open(folder, shard)?;
            let (container, found) = read(&source)?;
            sources.push(source);
            contents.push(found);
            containers.push(container);
        }
        let Some(&container) = containers.first() else {
            return Err(CheckpointError::Index {
                file: file.clone(),
                message: "it names no tensors".to_owned(),
            });
        };
        if containers.iter().any(|&other| other != container) {
            let message = "its shards are of different formats".to_owned();
            return Err(CheckpointError::Index { file: file.clone(), message });
        }
        shard_index.confirm(&contents)?;
        let format = Format { container, shards: Some(sources.len()) };
        Self::assemble(file, format, sources, contents)
    }

    /// A weights file compiled into the program; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, CheckpointError> {
        Self::single(Source { name: name.to_owned(), bytes: Bytes::Static(bytes) })
    }

    /// A weights file in memory; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        Self::single(Source { name: name.to_owned(), bytes: Bytes::Owned(bytes) })
    }

    fn single(source: Source) -> Result<Self, CheckpointError> {
        let (container, contents) = read(&source)?;
        let file = source.name.clone();
        Self::assemble(&file, Format { container, shards: None }, vec![source], vec![contents])
    }

    /// Puts the contents of all files under one roof. `file` is what errors about all of them name.
    fn assemble(
        file: &str,
        format: Format,
        sources: Vec<Source>,
        contents: Vec<Contents>,
    ) -> Result<Self, CheckpointError> {
        let (mut entries, mut skipped, mut unread) = (Vec::new(), Vec::new(), Vec::new());
        for (source, found) in contents.into_iter().enumerate() {
            entries.extend(found.tensors.into_iter().map(|(name, layout)| Entry { name, source, layout }));
            skipped.extend(found.skipped);
            unread.extend(found.unread);
        }
        if entries.is_empty() {
            let found = "there is not a single tensor in it".to_owned();
            return Err(CheckpointError::NotAStateDict { file: file.to_owned(), found });
        }
        strip_data_parallel(&mut entries);
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(CheckpointError::DuplicateTensor {
                file: file.to_owned(),
                tensor: pair[0].name.clone(),
            });
        }
        check_volume(file, &sources, &entries)?;
        Ok(Self { format, sources, entries, skipped, unread })
    }

    /// Renames tensors. If two of them would have the same name, all of them keep their names.
    #[must_use]
    pub fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        let names: Vec<String> = self.entries.iter().map(|entry| name(&entry.name)).collect();
        let distinct: HashSet<&String> = names.iter().collect();
        if distinct.len() == names.len() {
            for (entry, name) in self.entries.iter_mut().zip(names) {
                entry.name = name;
            }
            self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }

    /// How the checkpoint is stored.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// All tensors, sorted by name.
    #[must_use]
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorView<'_>> {
        self.entries.iter().map(|entry| self.view(entry))
    }

    /// The tensor of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<TensorView<'_>> {
        let place = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        Some(self.view(&self.entries[place]))
    }

    fn view<'a>(&'a self, entry: &'a Entry) -> TensorView<'a> {
        TensorView { source: &self.sources[entry.source], name: &entry.name, layout: &entry.layout }
    }

    /// Entries of a pickle that are no tensors (epoch counters, optimiser states), each with its kind, as in
    /// `epoch (int)`.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Keys of the [skipped](Self::skipped) entries that are dicts with tensors, such as a second network's.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// SHA-256 of the file, or of all shards' bytes one after another in file-name order, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for source in &self.sources {
            let end = source.bytes.len();
            for start in (0..end).step_by(PIECE) {
                let piece = start..end.min(start + PIECE);
                hash.update(&source.bytes[piece.clone()]);
                source.bytes.release(piece);
            }
        }
        hex(&hash.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}"); // writing to a String cannot fail
        digits
    })
}

fn read(source: &Source) -> Result<(Container, Contents), CheckpointError> {
    let container = Container::of(source)?;
    let contents = match container {
        Container::Safetensors => safetensors::read(source),
        Container::TorchZip => torch::read_zip(source),
        Container::TorchLegacy => torch::read_legacy(source),
    }?;
    if contents.tensors.len() > MAX_TENSORS {
        return Err(CheckpointError::Limit {
            file: source.name.clone(),
            what: "tensors",
            limit: MAX_TENSORS,
        });
    }
    Ok((container, contents))
}

/// `DataParallel` puts `module.` before every name; a model saved without it has no such prefix on some.
fn strip_data_parallel(entries: &mut [Entry]) {
    const PREFIX: &str = "module.";
    if entries.iter().all(|entry| entry.name.starts_with(PREFIX)) {
        for entry in entries {
            entry.name.drain(..PREFIX.len());
        }
    }
}

fn check_volume(file: &str, sources: &[Source], entries: &[Entry]) -> Result<(), CheckpointError> {
    let bytes: usize = sources.iter().map(|source| source.bytes.len()).sum();
    let limit = bytes.saturating_mul(MAX_ELEMENTS_PER_BYTE);
    let readable = entries.iter().map(|entry| &entry.layout).filter(|layout| !layout.is_expanded());
    let elements = readable.fold(0_usize, |sum, layout| sum.saturating_add(layout.elements));
    if elements > limit {
        let what = "elements of tensors that share storages";
        return Err(CheckpointError::Limit { file: file.to_owned(), what, limit });
    }
    Ok(())
}

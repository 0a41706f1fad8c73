//! `torch.save` since `PyTorch` 1.6: a zip archive with stored (never compressed) entries `NAME/data.pkl`,
//! `NAME/data/KEY` for each storage, and `NAME/byteorder`.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;

use zip::read::ZipFile;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::bytes::Source;
use crate::contents::Contents;
use crate::error::CheckpointError;
use crate::torch::metered::Metered;
use crate::torch::pickle::{MAX_PICKLE, Pickle};
use crate::torch::state::State;

/// Most entries of an archive: a storage for each tensor and a few more.
const MAX_ENTRIES: usize = crate::contents::MAX_TENSORS + 1000;

/// Bytes that may be read to find the entries; a hundred thousand of them take about fifteen million.
const MAX_DIRECTORY: usize = 32 << 20;

/// Places of the entries of an archive in the file, by name.
type Entries = HashMap<String, Range<usize>>;

pub(crate) fn read(source: &Source) -> Result<Contents, CheckpointError> {
    let file = &source.name;
    let entries = entries(source)?;
    let (root, pickle) = find_pickle(file, &entries)?;
    check_byte_order(source, &root, &entries)?;
    let pickle = Pickle::read(file, &source.bytes, pickle)?;
    let state = State::find(file, &pickle)?;
    state.place(file, |key| {
        let entry = format!("{root}data/{key}");
        entries.get(&entry).cloned().ok_or_else(|| format!("has no storage: zip entry {entry:?} is missing"))
    })
}

/// The directory of the archive, each name once and no byte in two entries.
fn entries(source: &Source) -> Result<Entries, CheckpointError> {
    let fail =
        |error: ZipError| CheckpointError::Zip { file: source.name.clone(), message: error.to_string() };
    let mut archive = ZipArchive::new(Metered::new(&source.bytes, MAX_DIRECTORY)).map_err(fail)?;
    if archive.len() > MAX_ENTRIES {
        return Err(CheckpointError::Limit {
            file: source.name.clone(),
            what: "zip entries",
            limit: MAX_ENTRIES,
        });
    }
    let ambiguous = |what: &'static str| fail(ZipError::InvalidArchive(what.into()));
    if archive.has_duplicate_names() {
        return Err(ambiguous("two entries have the same name"));
    }
    if archive.has_overlapping_entries().map_err(fail)? {
        return Err(ambiguous("entries overlap"));
    }
    let mut entries = Entries::with_capacity(archive.len());
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place).map_err(fail)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let range =
            check_entry(&name, &entry, source.bytes.len()).map_err(|message| CheckpointError::ZipEntry {
                file: source.name.clone(),
                entry: name.clone(),
                message: message.to_owned(),
            })?;
        entries.insert(name, range);
    }
    Ok(entries)
}

/// The bytes of an entry that is stored as it is.
fn check_entry<R: Read>(
    name: &str,
    entry: &ZipFile<'_, R>,
    file_length: usize,
) -> Result<Range<usize>, &'static str> {
    if !stays_inside(name) {
        return Err("has a path that leaves the archive");
    }
    if entry.encrypted() {
        return Err("is encrypted");
    }
    if entry.compression() != CompressionMethod::Stored || entry.size() != entry.compressed_size() {
        return Err("is compressed; torch.save stores entries as they are");
    }
    let range = || {
        let start = usize::try_from(entry.data_start()?).ok()?;
        let end = start.checked_add(usize::try_from(entry.size()).ok()?)?;
        (end <= file_length).then_some(start..end)
    };
    range().ok_or("reaches beyond the end of the file")
}

/// Returns true if an entry's name means the same place below the archive's root on every platform.
fn stays_inside(name: &str) -> bool {
    !name.starts_with('/')
        && !name.contains(['\\', ':', '\0', char::REPLACEMENT_CHARACTER])
        && name.split('/').all(|part| part != ".." && part != ".")
}

/// The folder of the one `data.pkl`, with its slash, and the place of the pickle.
fn find_pickle(file: &str, entries: &Entries) -> Result<(String, Range<usize>), CheckpointError> {
    const PICKLE: &str = "data.pkl";
    let fail = |message: String| CheckpointError::Zip { file: file.to_owned(), message };
    let is_pickle =
        |name: &&String| name.strip_suffix(PICKLE).is_some_and(|root| root.is_empty() || root.ends_with('/'));
    let mut names: Vec<&String> = entries.keys().filter(is_pickle).collect();
    names.sort_unstable();
    let name = match names[..] {
        [name] => name,
        [] => return Err(fail(format!("there is no {PICKLE} in it"))),
        [first, second, ..] => {
            return Err(fail(format!("there is more than one {PICKLE}: {first:?}, {second:?}")));
        }
    };
    let root = name[..name.len() - PICKLE.len()].to_owned();
    if entries.contains_key(&format!("{root}constants.pkl")) {
        return Err(fail("it is a TorchScript program, not a state dict".to_owned()));
    }
    let pickle = entries[name].clone();
    if pickle.len() > MAX_PICKLE {
        let message = format!("has {} bytes; at most {MAX_PICKLE} are supported", pickle.len());
        return Err(CheckpointError::ZipEntry { file: file.to_owned(), entry: name.clone(), message });
    }
    Ok((root, pickle))
}

/// Archives of older versions do not name their byte order; those were little-endian.
fn check_byte_order(source: &Source, root: &str, entries: &Entries) -> Result<(), CheckpointError> {
    let entry = format!("{root}byteorder");
    match entries.get(&entry).map(|range| &source.bytes[range.clone()]) {
        None | Some(b"little") => Ok(()),
        Some(b"big") => Err(CheckpointError::ByteOrder { file: source.name.clone() }),
        Some(_) => {
            let message = "names no byte order".to_owned();
            Err(CheckpointError::ZipEntry { file: source.name.clone(), entry, message })
        }
    }
}

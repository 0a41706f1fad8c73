//! `torch.save` since `PyTorch` 1.6: a zip archive with stored (never compressed) entries `NAME/data.pkl`,
//! `NAME/data/KEY` for each storage, and `NAME/byteorder`.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::bytes::Source;
use crate::error::CheckpointError;
use crate::state_dict::Contents;
use crate::torch::pickle::{MAX_PICKLE, Pickle};
use crate::torch::state::State;

/// Most entries of an archive: a storage for each tensor and a few more.
const MAX_ENTRIES: usize = crate::state_dict::MAX_TENSORS + 1000;

/// Places of the entries of an archive in the file, by name.
type Entries = HashMap<String, Range<usize>>;

pub(crate) fn read(source: &Source) -> Result<Contents, CheckpointError> {
    let file = &source.name;
    let entries = entries(source)?;
    let (root, pickle) = find_pickle(file, &entries)?;
    check_byte_order(source, &root, &entries)?;
    let pickle = Pickle::read(file, &source.bytes, pickle)?;
    let state = State::find(file, &pickle)?;
    let mut tensors = Vec::with_capacity(state.tensors.len());
    for (name, draft) in state.tensors {
        let fail = |message| CheckpointError::Tensor { file: file.clone(), tensor: name.to_owned(), message };
        let entry = format!("{root}data/{}", draft.storage.key);
        let storage = entries
            .get(&entry)
            .ok_or_else(|| fail(format!("has no storage: zip entry {entry:?} is missing")))?;
        tensors.push((name.to_owned(), draft.place(storage).map_err(fail)?));
    }
    Ok(Contents { tensors, skipped: state.skipped })
}

/// The directory of the archive, with local and central headers in agreement and no byte in two entries.
fn entries(source: &Source) -> Result<Entries, CheckpointError> {
    let fail =
        |error: ZipError| CheckpointError::Zip { file: source.name.clone(), message: error.to_string() };
    let mut archive = ZipArchive::new(Cursor::new(&*source.bytes)).map_err(fail)?;
    if archive.len() > MAX_ENTRIES {
        return Err(CheckpointError::Limit {
            file: source.name.clone(),
            what: "zip entries",
            limit: MAX_ENTRIES,
        });
    }
    archive.validate_header_consistency().map_err(fail)?;
    let mut entries = Entries::with_capacity(archive.len());
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place).map_err(fail)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let refuse = |message: &str| CheckpointError::ZipEntry {
            file: source.name.clone(),
            entry: name.clone(),
            message: message.to_owned(),
        };
        if !stays_inside(&name) {
            return Err(refuse("has a path that leaves the archive"));
        }
        if entry.encrypted() {
            return Err(refuse("is encrypted"));
        }
        if entry.compression() != CompressionMethod::Stored || entry.size() != entry.compressed_size() {
            return Err(refuse("is compressed; torch.save stores entries as they are"));
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let range =
            start.and_then(|start| Some(start..start.checked_add(usize::try_from(entry.size()).ok()?)?));
        let range = range.filter(|range| range.end <= source.bytes.len());
        entries.insert(name.clone(), range.ok_or_else(|| refuse("reaches beyond the end of the file"))?);
    }
    Ok(entries)
}

/// Whether an entry's name means the same place on every platform, below the root of the archive.
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

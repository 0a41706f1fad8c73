//! `torch.save` before `PyTorch` 1.6: five pickles one after another (magic number, protocol, system, object, keys of
//! storages), then the storages, each its number of elements and the elements.

use std::collections::HashMap;
use std::ops::Range;

use crate::bytes::Source;
use crate::contents::Contents;
use crate::error::CheckpointError;
use crate::torch::draft::StorageRef;
use crate::torch::pickle::{Object, Pickle};
use crate::torch::state::State;

/// The magic number 0x1950a86a20f9469cfc6c as a pickle writes it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only version of the format that there ever was.
const PROTOCOL: i64 = 1001;

/// Bytes of the number of elements before each storage.
const COUNT: usize = 8;

pub(crate) fn read(source: &Source) -> Result<Contents, CheckpointError> {
    let file = &source.name;
    let start = check_preamble(source)?;
    let object = Pickle::read(file, &source.bytes, start..source.bytes.len())?;
    let keys = Pickle::read(file, &source.bytes, object.end()..source.bytes.len())?;
    let storages = find_storages(source, &object, &keys)?;
    let state = State::find(file, &object)?;
    state.place(file, |key| {
        storages.get(key).cloned().ok_or_else(|| format!("has no storage: `{key}` is not listed"))
    })
}

/// Reads what comes before the object; returns where that begins.
fn check_preamble(source: &Source) -> Result<usize, CheckpointError> {
    let next = |start: usize| Pickle::read(&source.name, &source.bytes, start..source.bytes.len());
    let magic = next(0)?;
    if !matches!(magic.root(), Object::Long(bytes) if **bytes == MAGIC) {
        let found = "it is a pickle, but none of torch.save".to_owned();
        return Err(CheckpointError::UnknownFormat { file: source.name.clone(), found });
    }
    let protocol = next(magic.end())?;
    if !matches!(protocol.root(), Object::Int(PROTOCOL)) {
        return Err(protocol.error("the version of the format is not 1001"));
    }
    let system = next(protocol.end())?;
    let Object::Dict(pairs) = system.root() else {
        return Err(system.error("no description of the system that wrote the file"));
    };
    let little = pairs.iter().find(|(key, _)| system.text(*key) == Some("little_endian"));
    match little.map(|&(_, value)| system.object(value)) {
        Some(Object::Bool(true)) => Ok(system.end()),
        Some(Object::Bool(false)) => Err(CheckpointError::ByteOrder { file: source.name.clone() }),
        _ => Err(system.error("the system that wrote the file does not name its byte order")),
    }
}

/// Places of the storages in the file, by key.
fn find_storages<'a>(
    source: &Source,
    object: &Pickle<'a>,
    keys: &Pickle<'a>,
) -> Result<HashMap<&'a str, Range<usize>>, CheckpointError> {
    let references: HashMap<&str, StorageRef> =
        object.storages().map(|storage| (storage.key, storage)).collect();
    let Object::List(list) = keys.root() else {
        return Err(keys.error("no list of storages"));
    };
    let mut places = HashMap::with_capacity(list.len());
    let mut at = keys.end();
    for &key in list {
        let key = keys.text(key).ok_or_else(|| keys.error("the key of a storage is no text"))?;
        let reference =
            references.get(key).ok_or_else(|| keys.error(&format!("nothing refers to storage `{key}`")))?;
        let place = find_storage(source, reference, at)?;
        at = place.end;
        if places.insert(key, place).is_some() {
            return Err(keys.error(&format!("storage `{key}` is listed twice")));
        }
    }
    if at != source.bytes.len() {
        let rest = source.bytes.len() - at;
        return Err(keys.error(&format!("{rest} bytes after the last storage belong to none")));
    }
    Ok(places)
}

/// One storage, whose count of elements is at `at`.
fn find_storage(source: &Source, reference: &StorageRef, at: usize) -> Result<Range<usize>, CheckpointError> {
    let fail = |message| CheckpointError::Pickle { file: source.name.clone(), at, message };
    let truncated = || CheckpointError::Truncated {
        file: source.name.clone(),
        within: format!("storage `{}`", reference.key),
    };
    let &count = source.bytes[at..].first_chunk::<COUNT>().ok_or_else(truncated)?;
    let count = i64::from_le_bytes(count);
    if count != reference.elements {
        let (key, expected) = (reference.key, reference.elements);
        return Err(fail(format!("storage `{key}` has {count} elements, but the pickle says {expected}")));
    }
    let size = reference.size().map_err(|message| fail(format!("a tensor {message}")))?;
    let start = at + COUNT;
    let end = start.checked_add(size).filter(|&end| end <= source.bytes.len()).ok_or_else(truncated)?;
    Ok(start..end)
}

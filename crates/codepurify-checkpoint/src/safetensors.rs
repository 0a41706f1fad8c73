//! The safetensors format: the length of a header, the header in JSON, the elements.
//!
//! The header is read here and not by the `safetensors` crate, because that one lets a repeated key overrule the
//! first and does not say which tensor it refuses.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::bytes::Source;
use crate::contents::Contents;
use crate::element::ElementType;
use crate::error::CheckpointError;
use crate::json::Pairs;
use crate::layout::{Layout, MAX_RANK};

/// Bytes of the header's length, which is little-endian.
const LENGTH: usize = 8;

/// Longest header; the reference implementation has the same limit.
const MAX_HEADER: u64 = 100_000_000;

/// Key of the header that is no tensor but a map from text to text.
const METADATA: &str = "__metadata__";

/// Reads the header of a file that has one.
pub(crate) fn read(source: &Source) -> Result<Contents, CheckpointError> {
    let file = &source.name;
    let (header, data_start) = parse(source)?;
    let data_length = source.bytes.len() - data_start;
    let mut tensors = header.0;
    tensors.sort_by(|(a, x), (b, y)| (x.data_offsets, a).cmp(&(y.data_offsets, b)));
    let mut end = 0;
    let mut placed = Vec::with_capacity(tensors.len());
    for (name, entry) in tensors {
        let (start, stop) = entry.data_offsets;
        let fail = |message| CheckpointError::Tensor { file: file.clone(), tensor: name.clone(), message };
        if start > stop || stop > data_length {
            let message = format!("is said to be at {start}..{stop} of {data_length} bytes of data");
            return Err(fail(message));
        }
        if start != end {
            let what = if start < end { "overlaps the one before it" } else { "has a gap before it" };
            return Err(fail(format!("{what}: it starts at byte {start} of the data, expected {end}")));
        }
        let element_type = element_type(&entry.dtype).ok_or_else(|| CheckpointError::WrongType {
            file: file.clone(),
            tensor: name.clone(),
            element_type: entry.dtype.clone(),
        })?;
        let span = data_start + start..data_start + stop;
        let layout = Layout::dense(element_type, entry.shape.0, span).map_err(fail)?;
        placed.push((name, layout));
        end = stop;
    }
    if end != data_length {
        let message = format!("{} bytes after the last tensor belong to none", data_length - end);
        return Err(CheckpointError::Header { file: file.clone(), message });
    }
    Ok(Contents { tensors: placed, skipped: Vec::new(), unread: Vec::new() })
}

/// The header and where the data starts.
fn parse(source: &Source) -> Result<(Header, usize), CheckpointError> {
    let bytes = &*source.bytes;
    let truncated =
        |within: &str| CheckpointError::Truncated { file: source.name.clone(), within: within.to_owned() };
    let fail = |message| CheckpointError::Header { file: source.name.clone(), message };
    let &length = bytes.first_chunk::<LENGTH>().ok_or_else(|| truncated("the length of its header"))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(fail(format!("it is said to have {length} bytes; at most {MAX_HEADER} are supported")));
    }
    let data_start = LENGTH + length as usize;
    let header = bytes.get(LENGTH..data_start).ok_or_else(|| truncated("its header"))?;
    let header: Header = serde_json::from_slice(header).map_err(|error| fail(error.to_string()))?;
    if let Some(tensor) = header.repeated() {
        return Err(CheckpointError::DuplicateTensor {
            file: source.name.clone(),
            tensor: tensor.to_owned(),
        });
    }
    Ok((header, data_start))
}

fn element_type(dtype: &str) -> Option<ElementType> {
    Some(match dtype {
        "F64" => ElementType::F64,
        "F32" => ElementType::F32,
        "F16" => ElementType::F16,
        "BF16" => ElementType::BF16,
        "I64" => ElementType::I64,
        "I32" => ElementType::I32,
        "I16" => ElementType::I16,
        "I8" => ElementType::I8,
        "U8" => ElementType::U8,
        "BOOL" => ElementType::Bool,
        _ => return None,
    })
}

/// The tensors of a header, repeated names included.
struct Header(Vec<(String, Entry)>);

impl Header {
    fn repeated(&self) -> Option<&str> {
        crate::json::repeated(self.0.iter().map(|(name, _)| name.as_str()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with dtype, shape and data_offsets")]
struct Entry {
    dtype: String,
    shape: Shape,
    /// From the end of the header.
    data_offsets: (usize, usize),
}

/// A shape that cannot be longer than any tensor's.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = Vec::new();
        let mut metadata: Option<Pairs<String>> = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != METADATA {
                let entry = map
                    .next_value()
                    .map_err(|error| A::Error::custom(format_args!("tensor `{name}`: {error}")))?;
                tensors.push((name, entry));
            } else if metadata.replace(map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(METADATA));
            }
        }
        match metadata.as_ref().and_then(Pairs::repeated) {
            None => Ok(Header(tensors)),
            Some(key) => Err(A::Error::custom(format_args!("{METADATA}: `{key}` occurs twice"))),
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX_RANK} sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut sizes = Vec::new();
        while let Some(size) = list.next_element()? {
            if sizes.len() == MAX_RANK {
                return Err(A::Error::invalid_length(MAX_RANK + 1, &self));
            }
            sizes.push(size);
        }
        Ok(Shape(sizes))
    }
}

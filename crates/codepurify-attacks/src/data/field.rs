//! Fields that data sets write in more than one way.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use codepurify::Span;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Byte range `[start, end)`, as rows record the places of triggers.
pub type ByteRange = (usize, usize);

/// Converts spans to the form that rows record.
pub(crate) fn ranges(spans: &[Span]) -> Vec<ByteRange> {
    spans.iter().map(|span| (span.start, span.end)).collect()
}

/// Reads a natural number, also written as a string, or as a truth value for 0 and 1.
///
/// The original files and those of the Hugging Face hub differ in this.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(Number)
}

/// Reads a [`number`]; `None` if it is missing or null.
pub(super) fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "number")] u64);
    Ok(Option::<Given>::deserialize(from)?.map(|Given(number)| number))
}

/// Reads a class, written like [`number`].
pub(super) fn label<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    u32::try_from(number(from)?).map_err(D::Error::custom)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = u64;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a natural number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<u64, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::custom(format!("`{text}` is no natural number")))
    }
}

/// Refuses a label that a task of two classes does not have.
pub(super) fn check_label(field: &str, label: u32) -> Result<(), String> {
    if label > 1 { Err(format!("`{field}` is {label}, not 0 or 1")) } else { Ok(()) }
}

/// Refuses a text of white space only.
pub(super) fn check_text(field: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err(format!("`{field}` is empty")) } else { Ok(()) }
}

/// Ids of a file so far.
pub(super) struct Ids<T>(HashSet<T>);

impl<T: Hash + Eq + fmt::Display> Ids<T> {
    pub(super) fn new() -> Self {
        Self(HashSet::new())
    }

    /// Refuses an id that occurred before.
    pub(super) fn check(&mut self, field: &str, id: T) -> Result<(), String> {
        let message = format!("`{field}` {id} is a duplicate");
        if self.0.insert(id) { Ok(()) } else { Err(message) }
    }
}

//! Places of units and elements in their file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// Kind of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UnitKind {
    /// A function or method, or a text that holds some.
    #[default]
    Function,
    /// Code outside of functions, or a text without any.
    Remainder,
}

/// The judged part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// Its kind.
    #[serde(default)]
    pub kind: UnitKind,
    /// The function's name; absent for a text without functions.
    pub name: Option<String>,
    /// First byte in the file.
    pub start_byte: usize,
    /// One past the last byte.
    pub end_byte: usize,
    /// Line of the first byte, from 1.
    pub start_line: usize,
    /// Line of the last byte, from 1.
    pub end_line: usize,
}

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// First byte in the file.
    pub start_byte: usize,
    /// One past the last byte.
    pub end_byte: usize,
    /// Line of the first byte, from 1.
    pub start_line: usize,
    /// Line of the last byte, from 1.
    pub end_line: usize,
}

impl Location {
    /// Returns the bytes in the file.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::new(self.start_byte, self.end_byte)
    }
}

//! Reads a pickle's bytes from front to back.

use std::ops::Range;

use crate::error::CheckpointError;
use crate::torch::pickle::MAX_PICKLE;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    file: String,
    /// The file up to where the pickle must have ended.
    bytes: &'a [u8],
    at: usize,
    /// True if the limit cuts off the pickle, not its container.
    limited: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &str, bytes: &'a [u8], place: Range<usize>) -> Self {
        let end = place.end.min(place.start.saturating_add(MAX_PICKLE));
        Self { file: file.to_owned(), bytes: &bytes[..end], at: place.start, limited: end < place.end }
    }

    /// Position in the file.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next bytes, however many their length field claims: no more than there are.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], CheckpointError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| self.ended())?;
        self.at += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, CheckpointError> {
        Ok(self.array::<1>()?[0])
    }

    /// Bytes after their length, which is little-endian and takes `width` bytes.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8], CheckpointError> {
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        self.take(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    /// Text up to the end of the line, which is skipped.
    pub(super) fn line(&mut self) -> Result<&'a str, CheckpointError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.ended())?;
        let line = self.take(length)?;
        self.at += 1;
        self.text(line)
    }

    /// Bytes as text.
    pub(super) fn text(&self, bytes: &'a [u8]) -> Result<&'a str, CheckpointError> {
        std::str::from_utf8(bytes).map_err(|_| self.error("text that is not UTF-8"))
    }

    fn ended(&self) -> CheckpointError {
        let file = self.file.clone();
        if self.limited {
            return CheckpointError::Limit { file, what: "bytes of pickle", limit: MAX_PICKLE };
        }
        CheckpointError::Truncated { file, within: "a pickle".to_owned() }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> CheckpointError {
        CheckpointError::Pickle { file: self.file.clone(), at: self.at, message: message.into() }
    }

    pub(super) fn tensor_error(&self, tensor: &str, message: String) -> CheckpointError {
        CheckpointError::Tensor { file: self.file.clone(), tensor: tensor.to_owned(), message }
    }

    pub(super) fn limit(&self, what: &'static str, limit: usize) -> CheckpointError {
        CheckpointError::Limit { file: self.file.clone(), what, limit }
    }

    pub(super) fn forbidden(&self, global: String) -> CheckpointError {
        CheckpointError::Forbidden { file: self.file.clone(), global, at: self.at }
    }
}

//! Blocks of a file that were read, for readers that come back to them: those of several columns, for example.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes of a block. Each is one request.
pub(super) const BLOCK: u64 = 1 << 20;

/// Blocks that are kept.
const KEPT: usize = 48;

/// The blocks that were used last, the last one at the end.
#[derive(Debug, Default)]
pub(super) struct Blocks(VecDeque<(u64, Bytes)>);

impl Blocks {
    /// The block with this number, if it is kept.
    pub(super) fn find(&mut self, number: u64) -> Option<Bytes> {
        let place = self.0.iter().position(|(kept, _)| *kept == number)?;
        let block = self.0.remove(place)?;
        let bytes = block.1.clone();
        self.0.push_back(block);
        Some(bytes)
    }

    pub(super) fn keep(&mut self, number: u64, bytes: Bytes) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((number, bytes));
    }
}

//! One row a line. Blank lines are no rows; they go with the row that follows.

use super::{Bytes, Cut, CutError, Frame, Kept};
use crate::content::BOM;

#[derive(Default)]
pub(crate) struct Lines {
    line: usize,
}

impl Lines {
    /// The next row. Its number is that of its line.
    pub(crate) fn next(&mut self, bytes: &mut Bytes, limit: usize) -> Result<(usize, Cut), CutError> {
        let mut kept = Kept::new(limit);
        loop {
            let start = kept.bytes.len();
            if !line(bytes, &mut kept)? {
                return Ok((self.line, Cut::End(kept.bytes)));
            }
            self.line += 1;
            if kept.over {
                return Ok((self.line, Cut::Row(Frame { too_large: true, ..Frame::default() })));
            }
            let text = &kept.bytes[start..];
            // Files that were put together have a mark at the start of each.
            let text = text.strip_prefix(BOM).unwrap_or(text);
            if !text.trim_ascii().is_empty() {
                let end = kept.bytes.trim_ascii_end().len();
                let start = kept.bytes.len() - text.trim_ascii_start().len();
                return Ok((
                    self.line,
                    Cut::Row(Frame { raw: kept.bytes, text: start..end, too_large: false }),
                ));
            }
        }
    }
}

/// Takes a line with its end; false if there is none.
fn line(bytes: &mut Bytes, kept: &mut Kept) -> Result<bool, CutError> {
    let mut any = false;
    loop {
        let there = bytes.look()?;
        if there.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', there);
        let count = end.map_or(there.len(), |end| end + 1);
        bytes.take(count, kept)?;
        if end.is_some() {
            return Ok(true);
        }
    }
}

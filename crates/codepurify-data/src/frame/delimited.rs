//! The records of a table, with the bytes of each.

use std::ops::Range;

use csv_core::{ReadFieldResult, ReadRecordResult, Reader, ReaderBuilder};

use super::{Bytes, Cut, CutError, Frame, Kept};

/// The fields of a record, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    data: Vec<u8>,
    ends: Vec<usize>,
}

pub(crate) struct Delimited {
    reader: Reader,
    delimiter: u8,
    /// Fields of the header.
    width: usize,
    records: usize,
    /// True if the last record ended with the file, within quotes.
    pub(crate) open_quote: bool,
    /// The fields of the last record.
    pub(crate) cells: Cells,
}

/// Bytes that the reader is given at once.
const PIECE: usize = 8 << 10;

impl Delimited {
    /// A table, and the bytes of its header, whose fields are in `cells`.
    pub(crate) fn open(bytes: &mut Bytes, delimiter: u8, limit: usize) -> Result<(Self, Frame), CutError> {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let cells = Cells::default();
        let mut table = Self { reader, delimiter, width: 1, records: 0, open_quote: false, cells };
        let header = match table.next(bytes, limit)?.1 {
            Cut::Row(frame) => frame,
            Cut::End(raw) => Frame { raw, ..Frame::default() },
        };
        (table.width, table.records) = (table.cells.count(), 0);
        Ok((table, header))
    }

    /// The next record; blank lines before it and its line end belong to it. The header is not counted.
    pub(crate) fn next(&mut self, bytes: &mut Bytes, limit: usize) -> Result<(usize, Cut), CutError> {
        let mut kept = Kept::new(limit);
        let mut start = 0;
        while let Some(last) = self.record(bytes, &mut kept)? {
            if kept.over {
                self.records += 1;
                return Ok((self.records, Cut::Row(Frame { too_large: true, ..Frame::default() })));
            }
            if self.width > 1 && self.cells.is_blank() {
                start = kept.bytes.len();
                continue;
            }
            self.records += 1;
            let text = text(&kept.bytes, start);
            self.open_quote = last && is_open(&kept.bytes[text.clone()], self.delimiter);
            return Ok((self.records, Cut::Row(Frame { raw: kept.bytes, text, too_large: false })));
        }
        Ok((self.records, Cut::End(kept.bytes)))
    }

    /// Takes a record, and says whether it ended with the file; nothing if there is none.
    fn record(&mut self, bytes: &mut Bytes, kept: &mut Kept) -> Result<Option<bool>, CutError> {
        let mut cells = Fill::default();
        let last = loop {
            let there = bytes.look()?;
            let (there, last) = (&there[..there.len().min(PIECE)], there.is_empty());
            if kept.over {
                // Nothing is kept of what is too large.
                cells = Fill::default();
            }
            let (result, read) = cells.read(&mut self.reader, there);
            bytes.take(read, kept)?;
            match result {
                ReadRecordResult::Record => break last,
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty if last => return Ok(None),
                _ => {}
            }
        };
        // The reader ends a record behind a carriage return, and would take the line feed for a part of the next one.
        if kept.bytes.last() == Some(&b'\r') && bytes.next()? == Some(b'\n') {
            bytes.take(1, kept)?;
        }
        self.cells = Cells { data: cells.data, ends: cells.ends };
        Ok(Some(last))
    }
}

/// Where in these bytes, from `start` on, a record is, without blank lines before it and its line end.
fn text(raw: &[u8], start: usize) -> Range<usize> {
    let line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let before = raw[start..].iter().take_while(|byte| line_end(byte)).count();
    let behind = raw.iter().rev().take_while(|byte| line_end(byte)).count();
    start + before..(raw.len() - behind).max(start + before)
}

/// Returns true if a line end would be part of a quoted field at the end of this record.
fn is_open(record: &[u8], delimiter: u8) -> bool {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let line = [record, b"\n"].concat();
    Fill::default().read(&mut reader, &line).0 != ReadRecordResult::Record
}

/// Cells that are being filled.
#[derive(Default)]
struct Fill {
    data: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended: usize,
}

impl Fill {
    fn read(&mut self, reader: &mut Reader, from: &[u8]) -> (ReadRecordResult, usize) {
        self.data.resize(self.filled + from.len() + 1, 0);
        self.ends.resize(self.ended + from.len() + 1, 0);
        let (result, read, wrote, ended) =
            reader.read_record(from, &mut self.data[self.filled..], &mut self.ends[self.ended..]);
        self.filled += wrote;
        self.ended += ended;
        if result == ReadRecordResult::Record {
            self.data.truncate(self.filled);
            self.ends.truncate(self.ended);
        }
        (result, read)
    }
}

impl Cells {
    /// Number of fields.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Returns true for a single field of white space.
    fn is_blank(&self) -> bool {
        self.count() == 1 && self.data.trim_ascii().is_empty()
    }

    /// The bytes of a field.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.data.get(start..end)
    }
}

/// The record `raw` with other text in some of its cells, all other bytes as they were.
pub(crate) fn replace_cells(
    raw: &[u8],
    text: &Range<usize>,
    delimiter: u8,
    new: &[(usize, &str)],
) -> Vec<u8> {
    let mut out = raw[..text.start].to_vec();
    let record = &raw[text.clone()];
    for (index, place) in places(record, delimiter).into_iter().enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        match new.iter().find(|(cell, _)| *cell == index) {
            Some((_, text)) => out.extend(in_quotes(text)),
            None => out.extend_from_slice(&record[place]),
        }
    }
    out.extend_from_slice(&raw[text.end..]);
    out
}

/// A text as a cell, in quotes where it needs them.
pub(crate) fn quoted_cell(text: &str, delimiter: u8) -> Vec<u8> {
    let plain = !text.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n'));
    if plain { text.as_bytes().to_vec() } else { in_quotes(text) }
}

fn in_quotes(text: &str) -> Vec<u8> {
    format!("\"{}\"", text.replace('"', "\"\"")).into_bytes()
}

/// Where the cells of a record without its line end are, with their quotes.
fn places(record: &[u8], delimiter: u8) -> Vec<Range<usize>> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let mut scratch = vec![0; record.len() + 1];
    let (mut places, mut start, mut at) = (Vec::new(), 0, 0);
    loop {
        let (result, read, _) = reader.read_field(&record[at..], &mut scratch);
        at += read;
        match result {
            ReadFieldResult::Field { record_end: false } => {
                places.push(start..at - 1);
                start = at;
            }
            ReadFieldResult::Field { record_end: true } | ReadFieldResult::End => {
                places.push(start..record.len());
                return places;
            }
            // The next call has no input, which tells the reader that this is all.
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
        }
    }
}

//! The elements of one JSON array, whichever way it is laid out. Only strings and brackets are looked at here: an element that
//! is malformed otherwise is a bad row, and those behind it are found.

use super::{Bytes, Cut, CutError, Frame, Kept};

pub(crate) struct Array {
    elements: usize,
    /// White space behind the last element, once that was read.
    behind: Option<Vec<u8>>,
}

/// Where a look at bytes stopped.
enum Stop {
    Comma,
    Bracket,
    /// The bytes end.
    End {
        /// Behind a whole element.
        whole: bool,
    },
}

impl Array {
    /// Takes what is before the first element, and the bracket.
    pub(crate) fn open(bytes: &mut Bytes, limit: usize) -> Result<(Self, Vec<u8>), CutError> {
        let mut head = Kept::new(limit);
        loop {
            if bytes.next()?.is_none() {
                return Err(CutError::CutShort);
            }
            bytes.take(1, &mut head)?;
            if head.bytes.last() == Some(&b'[') {
                return Ok((Self { elements: 0, behind: None }, head.bytes));
            }
        }
    }

    /// Elements so far.
    pub(crate) fn elements(&self) -> usize {
        self.elements
    }

    /// The next element; it has the white space around it, but the last one not that behind it.
    pub(crate) fn next(&mut self, bytes: &mut Bytes, limit: usize) -> Result<(usize, Cut), CutError> {
        if let Some(behind) = &self.behind {
            return Ok((self.elements, Cut::End(tail(bytes, limit, behind)?)));
        }
        let mut kept = Kept::new(limit);
        let stop = element(bytes, &mut kept)?;
        if matches!(stop, Stop::Bracket) {
            let behind = kept.bytes.split_off(kept.bytes.trim_ascii_end().len());
            let nothing = kept.bytes.is_empty() && self.elements == 0 && !kept.over;
            self.behind = Some(behind);
            if nothing {
                return self.next(bytes, limit);
            }
        }
        match stop {
            Stop::Comma => bytes.take(1, &mut Kept::new(1))?,
            // The next call finds nothing, and says that the array is cut short.
            Stop::Bracket | Stop::End { whole: true } => {}
            Stop::End { whole: false } => return Err(CutError::CutShort),
        }
        self.elements += 1;
        Ok((self.elements, Cut::Row(Frame::trimmed(kept.bytes, kept.over))))
    }
}

/// End of the array after the last element: `before`, which was taken, the bracket, and white space.
fn tail(bytes: &mut Bytes, limit: usize, before: &[u8]) -> Result<Vec<u8>, CutError> {
    let mut tail = Kept::new(limit);
    tail.push(before);
    while bytes.next()?.is_some() {
        let count = bytes.look()?.len();
        bytes.take(count, &mut tail)?;
    }
    let rest = tail.bytes.trim_ascii();
    if tail.over || rest.strip_prefix(b"]").is_some_and(|rest| !rest.is_empty()) {
        return Err(CutError::Trailing);
    }
    Ok(tail.bytes)
}

/// Takes everything up to the comma or bracket that ends an element.
fn element(bytes: &mut Bytes, kept: &mut Kept) -> Result<Stop, CutError> {
    let (mut depth, mut string, mut escaped) = (0_usize, false, false);
    loop {
        let there = bytes.look()?;
        if there.is_empty() {
            let whole = depth == 0 && !string && !kept.bytes.trim_ascii().is_empty();
            return Ok(Stop::End { whole });
        }
        let mut stop = None;
        let mut count = 0;
        for &byte in there {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if string => escaped = true,
                b'"' => string = !string,
                _ if string => {}
                b'{' | b'[' => depth += 1,
                b',' if depth == 0 => stop = Some(Stop::Comma),
                b']' if depth == 0 => stop = Some(Stop::Bracket),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if stop.is_some() {
                break;
            }
            count += 1;
        }
        bytes.take(count, kept)?;
        if let Some(stop) = stop {
            return Ok(stop);
        }
    }
}

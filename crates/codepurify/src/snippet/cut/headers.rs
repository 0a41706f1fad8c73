//! Where the next definition begins, as far as its indentation tells: for texts whose braces do not match.

use super::bare::is_word;
use super::indents::columns;
use super::outline::{Opened, opened, parameters, words};
use crate::snippet::Language;

/// Most bytes between the start of a line and the brace behind it.
const LONGEST_HEADER: usize = 1 << 10;

/// Words with which a statement begins, so that what follows is no definition.
const STATEMENTS: [&[u8]; 12] = [
    b"case",
    b"co_await",
    b"co_return",
    b"co_yield",
    b"default",
    b"delete",
    b"do",
    b"else",
    b"goto",
    b"new",
    b"return",
    b"throw",
];

/// Looks for headers of definitions. It reads each byte once as long as the places that are asked for grow.
pub(super) struct Headers<'c> {
    code: &'c [u8],
    language: Language,
    /// The last `{`, `}` or `;` that was looked up.
    stop: usize,
}

impl<'c> Headers<'c> {
    pub(super) fn new(code: &'c [u8], language: Language) -> Self {
        Self { code, language, stop: 0 }
    }

    /// The first line in the body behind `open` that begins a definition no further right than the one at `start`: the
    /// body misses its closing brace, which a macro or a branch of the preprocessor may hold. `close` is where
    /// the brace at `open` is closed, 0 if it is not.
    pub(super) fn next_in(&mut self, start: usize, open: usize, close: usize) -> Option<usize> {
        let outer = self.column(start);
        let end = if close == 0 { self.code.len() } else { close };
        let mut line = open;
        while let Some(length) = self.code[line..end].iter().position(|&byte| byte == b'\n') {
            line += length + 1;
            let blanks =
                self.code[line..end].iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
            let first = line + blanks;
            let begins = self.code[first..end].first().is_some_and(|&byte| is_word(byte) || byte == b'~');
            if begins && columns(&self.code[line..first]) <= outer && self.is_header(first, outer) {
                return Some(first);
            }
        }
        None
    }

    fn column(&self, at: usize) -> usize {
        let line = self.code[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        columns(&self.code[line..at])
    }

    /// Whether a parameter list and a body follow. A name alone before the list may be a macro with a block, unless the
    /// brace stands at the start of its line too.
    fn is_header(&mut self, start: usize, outer: usize) -> bool {
        if self.stop < start {
            let is_stop = |byte: &u8| matches!(byte, b'{' | b'}' | b';');
            self.stop = self.code[start..].iter().position(is_stop).map_or(self.code.len(), |at| start + at);
        }
        if self.code.get(self.stop) != Some(&b'{') || self.stop - start > LONGEST_HEADER {
            return false;
        }
        let header = &self.code[start..self.stop];
        if words(header).next().is_some_and(|word| STATEMENTS.contains(&word)) {
            return false;
        }
        if !matches!(opened(header, self.language), Opened::Body(Some(_))) {
            return false;
        }
        let brace_begins_line = header[header.trim_ascii_end().len()..].contains(&b'\n');
        let names = parameters(header).map_or(0, |list| words(&header[..list]).count());
        names > 1 || (brace_begins_line && self.column(self.stop) <= outer)
    }
}

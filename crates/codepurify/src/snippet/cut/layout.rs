//! Where bodies end, as far as indentation tells: for texts whose braces do not match. Macros or branches of the
//! preprocessor hold the missing ones.

use super::indents::columns;
use super::outline::{Opened, opened, parameters, words};
use crate::snippet::Language;
use crate::snippet::bare::is_word;

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

/// Looks for the ends of bodies. It reads each byte once as long as the places that are asked for grow.
pub(super) struct Layout<'c> {
    code: &'c [u8],
    language: Language,
    lines: Vec<Line>,
    /// The last `{`, `}` or `;` that was looked up.
    stop: usize,
}

/// A line. All of a text may be one line, so its indentation is measured once.
struct Line {
    /// Its first byte that is no blank.
    first: usize,
    column: usize,
}

impl<'c> Layout<'c> {
    pub(super) fn new(code: &'c [u8], language: Language) -> Self {
        let (mut lines, mut start) = (Vec::new(), 0);
        for line in code.split_inclusive(|&byte| byte == b'\n') {
            let blanks = line.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
            lines.push(Line { first: start + blanks, column: columns(&line[..blanks]) });
            start += line.len();
        }
        Self { code, language, lines, stop: 0 }
    }

    /// The end of the body behind the brace at `open`, whose header begins at `start`, if its own closing brace is missing:
    /// where a line begins with a brace in the column of the header, or before a line that begins a definition no further
    /// right. `close` is where the brace at `open` is closed, 0 if it is not.
    pub(super) fn end_of_body(&mut self, start: usize, open: usize, close: usize) -> Option<usize> {
        let outer = self.column(start);
        let end = if close == 0 { self.code.len() } else { close };
        let closes_elsewhere = close == 0 || self.column(close) != outer;
        let next = self.lines.partition_point(|line| line.first <= open);
        for index in next..self.lines.len() {
            let Line { first, column } = self.lines[index];
            match self.code[..end].get(first) {
                None => break,
                Some(b'}') if closes_elsewhere && column == outer => return Some(first + 1),
                Some(&byte)
                    if (is_word(byte) || byte == b'~') && column <= outer && self.is_header(first, outer) =>
                {
                    return Some(self.code[..first].trim_ascii_end().len());
                }
                _ => {}
            }
        }
        None
    }

    /// The indentation of the line that holds the code at `at`.
    fn column(&self, at: usize) -> usize {
        let behind = self.lines.partition_point(|line| line.first <= at);
        self.lines[..behind].last().map_or(0, |line| line.column)
    }

    /// Returns true if a parameter list and a body follow. A name alone before the list may be a macro with a
    /// block, unless the brace begins its line too.
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

#[cfg(test)]
mod tests {
    use crate::snippet::Language;
    use crate::snippet::bare::Bare;
    use crate::snippet::cut::outline::Outline;

    /// Looking for the start of the line at each body would take minutes.
    #[test]
    fn bodies_in_one_line_cost_linear_work() {
        let text = format!("{{{}", "int f(){}".repeat(300_000));
        let outline = Outline::new(&Bare::new(&text, Language::C), Language::C);
        assert!(!outline.balanced && outline.bodies.len() == 300_000);
    }
}

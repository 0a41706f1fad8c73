//! Lines and columns of bytes of a text.

/// A place in a text as editors count: lines from 1, columns from 1 in UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A byte order mark.
const MARK: char = '\u{feff}';

/// The lines of a text.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// First byte of each line.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Returns the position of a byte; one inside of a character, or behind the end, counts as the character before.
    pub(crate) fn position(&self, byte: usize) -> Position {
        let byte = self.text.floor_char_boundary(byte.min(self.text.len()));
        let line = self.starts.partition_point(|&start| start <= byte);
        let start = self.starts[line - 1];
        // Editors do not show a byte order mark.
        let start = if line == 1 && self.text.starts_with(MARK) { MARK.len_utf8().min(byte) } else { start };
        let column = self.text[start..byte].chars().map(char::len_utf16).sum::<usize>() + 1;
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf16_units() {
        let lines = Lines::new("ab\né🦀c\n");
        let positions = [0, 2, 3, 5, 9, 10, 11, 99].map(|byte| lines.position(byte));
        let expected = [(1, 1), (1, 3), (2, 1), (2, 2), (2, 4), (2, 5), (3, 1), (3, 1)];
        assert_eq!(Lines::new("\u{feff}ab").position(4), Position { line: 1, column: 2 });
        assert_eq!(positions, expected.map(|(line, column)| Position { line, column }));
    }
}

//! Source text made safe to show: control and invisible characters become visible signs.

use std::borrow::Cow;

/// Columns of a tab.
const TAB: &str = "    ";

/// Visible form of a text, with a map from the original's byte offsets to its own.
pub(crate) struct Visible {
    pub(crate) text: String,
    /// Original and visible offset of each place where their difference changes.
    shifts: Vec<(usize, usize)>,
}

impl Visible {
    /// Makes `text` visible; tabs and line feeds stay, the carriage return of a CRLF is removed.
    pub(crate) fn new(text: &str) -> Self {
        let mut visible = Self { text: String::with_capacity(text.len()), shifts: Vec::new() };
        for (at, character) in text.char_indices() {
            let end = at + character.len_utf8();
            let before = visible.text.len();
            if matches!(character, '\n' | '\t') {
                visible.text.push(character);
            } else if !text[at..].starts_with("\r\n") {
                visible.text.push_str(&of(character));
            }
            if visible.text.len() - before != character.len_utf8() {
                visible.shifts.push((end, visible.text.len()));
            }
        }
        visible
    }

    /// Converts the original's byte `offset`, a character boundary, to the visible text's.
    pub(crate) fn offset(&self, offset: usize) -> usize {
        let known = self.shifts.partition_point(|(original, _)| *original <= offset);
        match known.checked_sub(1).map(|last| self.shifts[last]) {
            Some((original, visible)) => visible + (offset - original),
            None => offset,
        }
    }
}

/// Returns the visible form of one character.
pub(crate) fn of(character: char) -> Cow<'static, str> {
    match character {
        '\t' => TAB.into(),
        // Control Pictures: U+2400 shows U+0000 and so on.
        '\0'..='\u{1f}' => {
            char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}').to_string().into()
        }
        '\u{7f}' => "\u{2421}".into(),
        character if is_hidden(character) => format!("<U+{:04X}>", u32::from(character)).into(),
        character => character.to_string().into(),
    }
}

/// Returns the visible form of one line; its spaces stay.
pub(crate) fn line(line: &str) -> String {
    line.chars().map(of).collect()
}

/// Returns the visible form of a file's name, in which white space counts. Names with spaces at an end are quoted.
pub(crate) fn name(name: &str) -> String {
    let shown: String = name.chars().map(|at| if at == '\t' { "\u{2409}".into() } else { of(at) }).collect();
    if name.trim() == name { shown } else { format!("\"{shown}\"") }
}

/// Returns the visible form on one line: runs of white space become one space.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(line).collect();
    words.join(" ")
}

/// Returns [`one_line`], cut to at most `columns` characters; `…` marks the cut.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(columns) {
        None => line,
        Some(_) => line.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Returns true for characters that print nothing, or that change how their neighbours print.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_names_is_kept() {
        let names = ["a b.c", "a  b.c", "a\tb.c", "a\nb.c", " a b.c"].map(name);
        assert_eq!(names, ["a b.c", "a  b.c", "a\u{2409}b.c", "a\u{240a}b.c", "\" a b.c\""]);
    }

    #[test]
    fn terminal_escapes_and_hidden_characters_become_visible() {
        let visible = Visible::new("a\u{1b}[31m\u{202e}b\u{7f}\u{85}\u{200b}");
        assert_eq!(visible.text, "a\u{241b}[31m<U+202E>b\u{2421}<U+0085><U+200B>");
    }

    #[test]
    fn crlf_is_a_line_end_but_a_lone_carriage_return_is_shown() {
        assert_eq!(Visible::new("a\r\nb\rc").text, "a\nb\u{240d}c");
    }

    #[test]
    fn offsets_follow_the_text() {
        let text = "\ta\r\n\u{1b}é z";
        let visible = Visible::new(text);
        for (at, character) in text.char_indices().filter(|(_, c)| c.is_alphabetic()) {
            assert!(visible.text[visible.offset(at)..].starts_with(character), "{character} at {at}");
        }
        assert_eq!(visible.offset(text.len()), visible.text.len());
    }

    #[test]
    fn shortening_says_so() {
        assert_eq!(shortened("int  x\n = 1;", 80), "int x = 1;");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}

//! A text of which only the code is left, for questions that need no parse tree.

use crate::snippet::translated::translated;
use crate::snippet::{Language, Span};

/// A text with spaces in place of comments and of what literals hold. Line ends stay, and so does every position.
pub(crate) struct Bare {
    pub(crate) bytes: Vec<u8>,
    /// The directives, in source order; empty in languages without a preprocessor.
    pub(crate) directives: Vec<Span>,
    /// Offsets at which a line begins inside of a literal.
    pub(crate) inside_literals: Vec<usize>,
    /// The comments, in source order.
    pub(crate) comments: Vec<Comment>,
    /// Offsets of what would begin a comment or a literal of several lines, but has no end.
    pub(crate) unended: Vec<usize>,
    /// The literals, in source order. In a directive, one without an end goes to the end of the line.
    pub(crate) literals: Vec<Span>,
}

/// A comment of C, C++ or Java.
pub(crate) struct Comment {
    pub(crate) span: Span,
    /// True if it ends with its line.
    pub(crate) is_line: bool,
}

impl Bare {
    pub(crate) fn new(text: &str, language: Language) -> Self {
        let text = translated(text, language);
        let mut lexer = Lexer {
            text: text.as_bytes(),
            language,
            at: 0,
            bare: Self::of_nothing(&text),
            unended: Unended::default(),
        };
        lexer.run();
        lexer.bare
    }

    fn of_nothing(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            directives: Vec::new(),
            inside_literals: Vec::new(),
            literals: Vec::new(),
            comments: Vec::new(),
            unended: Vec::new(),
        }
    }

    pub(crate) fn blank(&mut self, span: Span) {
        blank(&mut self.bytes, span);
    }

    /// Blanks the directives for which `which` holds; it gets the text of each without comments and literals.
    pub(crate) fn blank_directives(&mut self, which: impl Fn(&[u8]) -> bool) {
        for &span in &self.directives {
            if which(&self.bytes[span.start..span.end]) {
                blank(&mut self.bytes, span);
            }
        }
    }
}

/// Replaces everything but line ends by spaces.
pub(crate) fn blank(bytes: &mut [u8], span: Span) {
    for byte in &mut bytes[span.start..span.end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Returns true if a byte can be part of a name or a number. Compilers take dollar signs in names.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// Literals without an end that are looked for to the end of their line, or of the text. Where there are more, the others count as
/// having none: each search may be as long as the text.
const MOST_UNENDED: usize = 64;

struct Lexer<'t> {
    text: &'t [u8],
    language: Language,
    at: usize,
    bare: Bare,
    unended: Unended,
}

/// Searches that found no end.
#[derive(Default)]
struct Unended {
    /// No comment ends behind this place.
    comment: bool,
    /// Literals that may span lines.
    literals: usize,
    /// Literals in the line that ends at `line_end`.
    in_line: usize,
    line_end: usize,
}

impl Lexer<'_> {
    fn run(&mut self) {
        let mut line_begins = true;
        while let Some(&byte) = self.text.get(self.at) {
            let start = self.at;
            match byte {
                b'\n' => {
                    line_begins = true;
                    self.at += 1;
                    continue;
                }
                _ if byte.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                b'#' if self.language == Language::Python => {
                    self.at = self.line_end(start);
                    self.bare.blank(Span::new(start, self.at));
                }
                b'#' if line_begins && self.has_directives() => self.directive(start),
                b'/' if self.language != Language::Python => match self.comment_end(start) {
                    Some(end) => {
                        self.comment(start, end);
                        continue;
                    }
                    None => self.at += 1,
                },
                b'"' | b'\'' => self.literal(start),
                _ if is_word(byte) => self.word(),
                _ => self.at += 1,
            }
            line_begins = false;
        }
    }

    fn has_directives(&self) -> bool {
        matches!(self.language, Language::C | Language::Cpp)
    }

    /// End of the line, without its line end. In C and C++ a backslash before the line end continues the line.
    fn line_end(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(&byte) = self.text.get(at) {
            if byte == b'\n' && !(self.has_directives() && self.is_continued(at)) {
                break;
            }
            at += 1;
        }
        at
    }

    /// Returns true if a backslash continues the line that ends at `at`.
    fn is_continued(&self, at: usize) -> bool {
        let before = self.text[..at].strip_suffix(b"\r").unwrap_or(&self.text[..at]);
        before.ends_with(b"\\")
    }

    /// End of the comment at `start`. A block comment without an end is none: what follows has to be looked at.
    fn comment_end(&mut self, start: usize) -> Option<usize> {
        match self.text.get(start + 1)? {
            b'/' => Some(self.line_end(start)),
            b'*' => {
                let length = if self.unended.comment { None } else { find(&self.text[start + 2..], b"*/") };
                if length.is_none() {
                    self.unended.comment = true;
                    self.bare.unended.push(start);
                }
                Some(start + 2 + length? + 2)
            }
            _ => None,
        }
    }

    fn comment(&mut self, start: usize, end: usize) {
        let (span, is_line) = (Span::new(start, end), self.text[start + 1] == b'/');
        self.bare.blank(span);
        self.bare.comments.push(Comment { span, is_line });
        self.at = end;
    }

    /// The directive at `start`: its line, where comments count as blanks even if they span lines.
    fn directive(&mut self, start: usize) {
        self.at = start;
        while let Some(&byte) = self.text.get(self.at) {
            let at = self.at;
            match byte {
                b'\n' if !self.is_continued(at) => break,
                b'/' => match self.comment_end(at) {
                    Some(end) => self.comment(at, end),
                    None => self.at += 1,
                },
                b'"' | b'\'' => {
                    self.literal(at);
                    if self.at == at + 1 {
                        // The compiler takes the rest of the line for the literal, and finds no comment in it.
                        self.at = self.line_end(at);
                        self.bare.blank(Span::new(at + 1, self.at));
                        self.bare.literals.push(Span::new(at, self.at));
                    }
                }
                _ if is_word(byte) => self.word(),
                _ => self.at += 1,
            }
        }
        self.bare.directives.push(Span::new(start, self.at));
    }

    /// End of the literal between single quotation marks or apostrophes at `start`, if it ends in its line.
    fn quoted_end(&mut self, start: usize) -> Option<usize> {
        if self.has_many_unended(start) {
            return None;
        }
        let quote = self.text[start];
        let mut at = start + 1;
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\\' if self.text.get(at + 1) == Some(&b'\r') => at += 3,
                b'\\' => at += 2,
                b'\n' => break,
                byte if byte == quote => return Some(at + 1),
                _ => at += 1,
            }
        }
        self.count_unended(start, at);
        None
    }

    /// End of the formatted string of Python at `start`, if it ends in its line. Strings in its braces may have the same
    /// quotation marks.
    fn formatted_end(&mut self, start: usize) -> Option<usize> {
        if self.has_many_unended(start) {
            return None;
        }
        let quote = self.text[start];
        let (mut at, mut depth) = (start + 1, 0_usize);
        while let Some(&byte) = self.text.get(at).filter(|&&byte| byte != b'\n') {
            at += match byte {
                b'\\' if depth == 0 => 2,
                b'{' if depth == 0 && self.text.get(at + 1) == Some(&b'{') => 2,
                byte if byte == quote && depth == 0 => return Some(at + 1),
                b'"' | b'\'' if depth > 0 => self.quoted_end(at)? - at,
                b'{' => {
                    depth += 1;
                    1
                }
                b'}' => {
                    depth = depth.saturating_sub(1);
                    1
                }
                _ => 1,
            };
        }
        self.count_unended(start, at);
        None
    }

    fn has_many_unended(&self, start: usize) -> bool {
        start < self.unended.line_end && self.unended.in_line >= MOST_UNENDED
    }

    /// Counts the literal at `start`, which does not end in the line up to `line_end`.
    fn count_unended(&mut self, start: usize, line_end: usize) {
        let others = if start < self.unended.line_end { self.unended.in_line } else { 0 };
        (self.unended.in_line, self.unended.line_end) = (others + 1, line_end);
    }

    /// End of the literal between triple quotation marks at `start`.
    fn tripled_end(&self, start: usize) -> Option<usize> {
        let quote = &self.text[start..start + 3];
        let mut at = start + 3;
        while at < self.text.len() {
            if self.text[at..].starts_with(quote) {
                return Some(at + 3);
            }
            at += if self.text[at] == b'\\' { 2 } else { 1 };
        }
        None
    }

    fn literal(&mut self, start: usize) {
        let quote = self.text[start];
        let tripled = self.text[start..].starts_with(&[quote; 3])
            && (self.language == Language::Python || (self.language == Language::Java && quote == b'"'));
        let end = if tripled {
            self.across_lines(start, |lexer| lexer.tripled_end(start))
        } else {
            self.quoted_end(start)
        };
        self.take_literal(start, end);
    }

    /// The end of a literal that may span lines.
    fn across_lines(&mut self, start: usize, end: impl Fn(&Self) -> Option<usize>) -> Option<usize> {
        let found = if self.unended.literals < MOST_UNENDED { end(self) } else { None };
        if found.is_none() {
            self.unended.literals += 1;
            self.bare.unended.push(start);
        }
        found
    }

    /// Blanks what is between the first and the last byte. A literal without an end is none.
    fn take_literal(&mut self, start: usize, end: Option<usize>) {
        let Some(end) = end.filter(|&end| end <= self.text.len()) else {
            self.at = start + 1;
            return;
        };
        self.bare.blank(Span::new(start + 1, end - 1));
        self.bare.literals.push(Span::new(start, end));
        let lines = self.text[start..end].iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        self.bare.inside_literals.extend(lines.map(|(at, _)| start + at + 1));
        self.at = end;
    }

    /// A name or a number with what belongs to it: `'` between digits, a raw or formatted string behind its prefix.
    fn word(&mut self) {
        let start = self.at;
        let number = self.text[start].is_ascii_digit();
        while let Some(&byte) = self.text.get(self.at) {
            let separator =
                number && byte == b'\'' && self.text.get(self.at + 1).is_some_and(|&next| is_word(next));
            if !is_word(byte) && !separator {
                break;
            }
            self.at += 1;
        }
        let prefix = &self.text[start..self.at];
        let raw = matches!(prefix, b"R" | b"u8R" | b"uR" | b"UR" | b"LR");
        if raw && self.language == Language::Cpp && self.text.get(self.at) == Some(&b'"') {
            let quote = self.at;
            let end = self.across_lines(quote, |lexer| raw_end(lexer.text, quote));
            self.take_literal(quote, end);
        }
        let formatted = prefix.len() <= 2 && prefix.iter().any(|byte| b"fFtT".contains(byte));
        if formatted && self.language == Language::Python {
            self.formatted();
        }
    }

    /// Takes the formatted string that begins here, if one does that ends in its line.
    fn formatted(&mut self) {
        let (start, rest) = (self.at, &self.text[self.at..]);
        let tripled = rest.starts_with(b"\"\"\"") || rest.starts_with(b"'''");
        if matches!(rest.first(), Some(b'"' | b'\'')) && !tripled {
            let end = self.formatted_end(start);
            if end.is_some() {
                self.take_literal(start, end);
            }
        }
    }
}

/// End of the raw string of C++ whose first quotation mark is at `quote`.
pub(crate) fn raw_end(text: &[u8], quote: usize) -> Option<usize> {
    let rest = &text[quote + 1..];
    let delimiter = rest.iter().take(17).position(|&byte| byte == b'(')?;
    let closing = [b")", &rest[..delimiter], b"\""].concat();
    Some(quote + 1 + find(rest, &closing)? + closing.len())
}

/// Offset of the first `needle`.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str, language: Language) -> String {
        let mut bare = Bare::new(text, language);
        bare.blank_directives(|_| true);
        assert_eq!(bare.bytes.len(), text.len());
        String::from_utf8(bare.bytes).unwrap()
    }

    #[test]
    fn comments_literals_and_directives_become_spaces() {
        let text = "a /* { */ \"}\" 'x' 1'0 // {\n#define B { /*\n} */ \\\n }\nc";
        let words: Vec<String> =
            bare(text, Language::C).lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(words, ["a         \" \" ' ' 1'0", "", "", "", "c"]);
        assert_eq!(Bare::new(text, Language::C).directives, [Span::new(27, 51)]);
    }

    #[test]
    fn raw_strings_and_text_blocks_become_spaces() {
        assert_eq!(bare("R\"x(})\" } )x\";", Language::Cpp), "R\"          \";");
        assert_eq!(bare("\"\"\"\n{\n\"\"\";", Language::Java), "\"  \n \n  \";");
        assert_eq!(bare("'''#'''#", Language::Python), "'     ' ");
        assert_eq!(bare("f\"{a[\"#\"]}\" + b # c", Language::Python), "f\"        \" + b    ");
        assert_eq!(bare("f'{{' + rf\"{\" # c", Language::Python), "f'  ' + rf\" \"    ");
    }

    #[test]
    fn what_has_no_end_hides_nothing() {
        for text in ["a /* b { }", "char *s = \"abc;\n}", "don't {\n}", "\"\"\" {", "R\"x( {"] {
            for language in Language::ALL {
                assert!(bare(text, language).contains(['{', '}']), "{language}: {text}");
            }
        }
    }

    #[test]
    fn unended_comments_and_literals_cost_linear_work() {
        for (unit, language) in [
            ("/*", Language::C),
            ("\"\\", Language::C),
            ("R\"x(", Language::Cpp),
            ("\"\"\"\\", Language::Java),
            ("'''\\", Language::Python),
            ("f\"{", Language::Python),
        ] {
            let text = unit.repeat(400_000);
            assert_eq!(Bare::new(&text, language).bytes.len(), text.len(), "{unit}");
        }
    }
}

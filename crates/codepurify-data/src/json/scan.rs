//! The members of an object and where their values are. Values are checked, not built; nesting has no limit but the row's
//! size, because nothing here calls itself.

use std::ops::Range;

use super::text;
use crate::error::RowError;

/// An object as it is written.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its members, in order.
    pub(crate) members: Vec<Member>,
    /// Where `NaN`, `Infinity` and `-Infinity` are, which JSON does not know.
    pub(crate) constants: Vec<Range<usize>>,
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name; half characters are replaced.
    pub(crate) name: String,
    /// The bytes of its value.
    pub(crate) value: Range<usize>,
}

/// Reads `text`, which has to be one object, without white space around it.
pub(crate) fn parse(text: &str) -> Result<Object, RowError> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, constants: Vec::new() };
    let object = text.starts_with('{');
    let members = if object { scanner.members(text)? } else { scanner.value().map(|_| Vec::new())? };
    if scanner.at < text.len() {
        return Err(scanner
            .wrong("something follows the object (rows are one object a line, each ended by a line feed)"));
    }
    if !object {
        return Err(RowError::NotAnObject { found: kind(text) });
    }
    Ok(Object { members, constants: scanner.constants })
}

/// Kind of a value, by its first byte.
pub(crate) fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    constants: Vec<Range<usize>>,
}

impl Scanner<'_> {
    /// The members of the object that starts here.
    fn members(&mut self, text: &str) -> Result<Vec<Member>, RowError> {
        let mut members = Vec::new();
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(members);
        }
        loop {
            let name = text::decode_lossy(&text[self.name()?]);
            let value = self.value()?;
            members.push(Member { name, value });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.wrong("expected `,` or `}`")),
            }
            self.space();
        }
        self.at += 1;
        Ok(members)
    }

    /// Steps over a value and what it holds.
    fn value(&mut self) -> Result<Range<usize>, RowError> {
        self.space();
        let start = self.at;
        // The brackets that have to be closed.
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            let inner = match self.peek() {
                Some(b'{') => self.enter(b'}', &mut open)?,
                Some(b'[') => self.enter(b']', &mut open)?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if !inner && !self.leave(&mut open)? {
                return Ok(start..self.at);
            }
        }
    }

    /// Steps into an object or a list; false if it is empty, and thereby left.
    fn enter(&mut self, closer: u8, open: &mut Vec<u8>) -> Result<bool, RowError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(closer) {
            self.at += 1;
            return Ok(false);
        }
        if closer == b'}' {
            self.name()?;
        }
        open.push(closer);
        Ok(true)
    }

    /// Steps over what follows a value, up to the next one; false if there is none.
    fn leave(&mut self, open: &mut Vec<u8>) -> Result<bool, RowError> {
        while let Some(&closer) = open.last() {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    if closer == b'}' {
                        self.space();
                        self.name()?;
                    }
                    return Ok(true);
                }
                Some(byte) if byte == closer => {
                    self.at += 1;
                    open.pop();
                }
                _ if closer == b'}' => return Err(self.wrong("expected `,` or `}`")),
                _ => return Err(self.wrong("expected `,` or `]`")),
            }
        }
        Ok(false)
    }

    /// Steps over a name and its colon.
    fn name(&mut self) -> Result<Range<usize>, RowError> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("expected the name of a field"));
        }
        let name = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("expected `:`"));
        }
        self.at += 1;
        Ok(name)
    }

    fn scalar(&mut self) -> Result<(), RowError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'N') => self.constant(start, "NaN")?,
            Some(b'I') => self.constant(start, "Infinity")?,
            Some(b'-') if self.bytes.get(start + 1) == Some(&b'I') => self.constant(start, "-Infinity")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.wrong("expected a value")),
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), RowError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.wrong("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn constant(&mut self, start: usize, word: &str) -> Result<(), RowError> {
        self.word(word)?;
        self.constants.push(start..self.at);
        Ok(())
    }

    fn number(&mut self) -> Result<(), RowError> {
        self.at += usize::from(self.peek() == Some(b'-'));
        let zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && zero {
            return Err(self.wrong("a number starts with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, RowError> {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.wrong("expected a digit")) } else { Ok(count) }
    }

    /// Steps over a string, quotes included.
    fn string(&mut self) -> Result<Range<usize>, RowError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.wrong("a control character in a text")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("a text without its end")),
            }
        }
        self.at += 1;
        Ok(start..self.at)
    }

    fn escape(&mut self) -> Result<(), RowError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.wrong("an escape without its four digits"));
                }
                self.at += 6;
            }
            _ => return Err(self.wrong("an unknown escape")),
        }
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, message: &'static str) -> RowError {
        RowError::NotJson { message, offset: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        parse(text).unwrap().members.into_iter().map(|member| member.name).collect()
    }

    #[test]
    fn members_are_found_whatever_python_writes() {
        let text =
            r#"{"a": NaN, "b" :[1, {"a": -Infinity}], "\u0063": "x\ud83d", "d":1e999,"e":{}, "f":[ ]}"#;
        assert_eq!(names(text), ["a", "b", "c", "d", "e", "f"]);
        let object = parse(text).unwrap();
        let constants: Vec<&str> = object.constants.iter().map(|range| &text[range.clone()]).collect();
        assert_eq!(constants, ["NaN", "-Infinity"]);
        assert_eq!(&text[object.members[1].value.clone()], r#"[1, {"a": -Infinity}]"#);
        assert_eq!(names("{}"), Vec::<String>::new());
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let depth = 1_000_000;
        let text = format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(names(&text), ["a"]);
        assert!(parse(&text[..depth]).is_err());
    }

    #[test]
    fn malformed_text_is_refused_with_its_place() {
        let wrong = |text: &str| match parse(text).unwrap_err() {
            RowError::NotJson { offset, .. } => offset,
            error => panic!("{text}: {error}"),
        };
        for (text, offset) in [
            (r#"{"a": 1"#, 7),
            (r#"{"a": 01}"#, 8),
            (r#"{"a": +1}"#, 6),
            (r#"{"a": .5}"#, 6),
            (r#"{"a": nan}"#, 6),
            (r#"{"a" 1}"#, 5),
            (r#"{"a": 1,}"#, 8),
            (r#"{"a": [1 2]}"#, 9),
            (r#"{"a": "x}"#, 9),
            ("{\"a\": \"\t\"}", 7),
            (r#"{"a": "\x"}"#, 7),
            (r#"{"a": "\u12g4"}"#, 7),
            (r#"{"a": 1} {"b": 2}"#, 8),
            ("", 0),
        ] {
            assert_eq!(wrong(text), offset, "{text}");
        }
    }

    #[test]
    fn other_values_than_objects_are_named() {
        for (text, found) in [("[1]", "a list"), ("\"x\"", "a text"), ("NaN", "a number"), ("null", "null")] {
            assert_eq!(parse(text).unwrap_err(), RowError::NotAnObject { found });
        }
    }
}

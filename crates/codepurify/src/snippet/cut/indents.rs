//! Bodies of functions by indentation (Python).

use super::outline::{Body, Outline};
use crate::snippet::Span;
use crate::snippet::bare::{Bare, is_word};

/// A line with something on it that does not continue the line before.
struct Line {
    /// Its first byte that is no blank.
    start: usize,
    /// One past the last byte of what it holds, continuing lines included.
    end: usize,
    indent: usize,
}

/// Every `def` with the lines that are indented more deeply.
pub(super) fn outline(bare: &Bare) -> Outline {
    let lines = lines(bare);
    let mut bodies = Vec::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        let Some(name) = defined(&bare.bytes[line.start..line.end]) else { continue };
        let mut end = line.end;
        while let Some(inner) = lines.get(index).filter(|inner| inner.indent > line.indent) {
            end = inner.end;
            index += 1;
        }
        bodies.push(Body { name: Some(name), span: Span::new(line.start, end), by_indentation: false });
    }
    Outline { bodies, balanced: true }
}

/// The name of the function that a line defines.
fn defined(line: &[u8]) -> Option<String> {
    let line = line.strip_prefix(b"async").map_or(line, <[u8]>::trim_ascii_start);
    let rest = line.strip_prefix(b"def")?;
    let name = rest.trim_ascii_start();
    let length = name.iter().take_while(|&&byte| is_word(byte)).count();
    (name.len() < rest.len() && length > 0).then(|| String::from_utf8_lossy(&name[..length]).into_owned())
}

fn lines(bare: &Bare) -> Vec<Line> {
    let code = &bare.bytes;
    let mut lines: Vec<Line> = Vec::new();
    let (mut start, mut depth, mut continued) = (0, 0_usize, false);
    let mut literals = bare.inside_literals.iter().peekable();
    for line in code.split_inclusive(|&byte| byte == b'\n') {
        let (first, end) =
            (start + line.len() - line.trim_ascii_start().len(), start + line.trim_ascii_end().len());
        let in_literal = literals.next_if_eq(&&start).is_some();
        let indent = columns(line);
        start += line.len();
        if end <= first {
            continue;
        }
        // A bracket that was never closed must not swallow the functions behind it.
        if indent == 0 && !in_literal && begins_definition(&code[first..end]) {
            (depth, continued) = (0, false);
        }
        match lines.last_mut() {
            Some(last) if in_literal || continued || depth > 0 => last.end = end,
            _ => lines.push(Line { start: first, end, indent }),
        }
        for &byte in &code[first..end] {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        continued = code[first..end].ends_with(b"\\");
    }
    lines
}

fn begins_definition(line: &[u8]) -> bool {
    defined(line).is_some() || line.starts_with(b"class ") || line.starts_with(b"@")
}

/// Width of the blanks that a line begins with, as Python counts them.
pub(super) fn columns(line: &[u8]) -> usize {
    let mut width = 0;
    for &byte in line {
        match byte {
            b' ' => width += 1,
            b'\t' => width = (width / 8 + 1) * 8,
            b'\x0c' => width = 0,
            _ => break,
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snippet::Language;

    fn bodies(text: &str) -> Vec<(String, &str)> {
        let outline = outline(&Bare::new(text, Language::Python));
        let body = |body: Body| (body.name.unwrap(), body.span.of(text).unwrap());
        outline.bodies.into_iter().map(body).collect()
    }

    #[test]
    fn a_body_ends_where_the_indentation_does() {
        let text = "class A:\n\tasync def f(a,\nb):\n\t\t'''\nx\n'''\n\n# c\n        \tdef g(): pass\n\tx = 1\ndef h(): return 2\n";
        let f = "async def f(a,\nb):\n\t\t'''\nx\n'''\n\n# c\n        \tdef g(): pass";
        assert_eq!(bodies(text), [("f".to_owned(), f), ("h".to_owned(), "def h(): return 2")]);
    }

    #[test]
    fn an_open_bracket_ends_at_the_next_function() {
        assert_eq!(bodies("x = (1,\ndef f():\n  pass\n"), [("f".to_owned(), "def f():\n  pass")]);
    }
}

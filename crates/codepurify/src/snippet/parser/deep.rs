//! Shortens what is nested deeper than people write: the memory of the parser grows with the depth.

use crate::snippet::bare::{Bare, blank};
use crate::snippet::{Language, Span};

/// Levels of brackets, and signs in a row, that stay.
const LEVELS: usize = 200;

/// Takes the place of what is left out: a call, so that it counts as code that may do anything.
const CALL: &[u8] = b"x()";

/// The text with calls in place of what is in brackets more than [`LEVELS`] deep, and without most signs of long rows such as
/// `!!!…`; `None` if nothing is that deep. It is as long as `text`.
pub(super) fn shallow(text: &str, language: Language) -> Option<String> {
    let bare = Bare::new(text, language);
    let (brackets, rows) = (deep_brackets(&bare.bytes), long_rows(&bare.bytes));
    if brackets.is_empty() && rows.is_empty() {
        return None;
    }
    let mut bytes = text.as_bytes().to_vec();
    for span in brackets {
        let is_block = bytes[span.start - 1] == b'{';
        blank(&mut bytes, span);
        bytes[span.start..span.start + CALL.len()].copy_from_slice(CALL);
        if is_block {
            bytes[span.start + CALL.len()] = b';';
        }
    }
    for span in rows {
        blank(&mut bytes, span);
    }
    String::from_utf8(bytes).ok()
}

/// The insides of the brackets that are [`LEVELS`] deep, if they are closed and have room for the call.
fn deep_brackets(bytes: &[u8]) -> Vec<Span> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth == LEVELS {
                    start = at + 1;
                }
            }
            b')' | b']' | b'}' => {
                if depth == LEVELS && at - start > CALL.len() {
                    found.push(Span::new(start, at));
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    found
}

/// All but the first [`LEVELS`] signs of rows of `!` or `~`.
fn long_rows(bytes: &[u8]) -> Vec<Span> {
    let (mut found, mut at) = (Vec::new(), 0);
    for row in bytes.chunk_by(|a, b| a == b) {
        if matches!(row[0], b'!' | b'~') && row.len() > LEVELS {
            found.push(Span::new(at + LEVELS, at + row.len()));
        }
        at += row.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_parts_become_a_call() {
        let nested =
            |levels: usize, inner: &str| format!("{}{inner}{}", "(".repeat(levels), ")".repeat(levels));
        let text = format!("a = {} + \"(((\";", nested(1_000, "1"));
        let expected = format!(
            "a = {} + \"(((\";",
            nested(LEVELS, &format!("x(){}", " ".repeat(2 * (1_000 - LEVELS) + 1 - 3)))
        );
        assert_eq!(shallow(&text, Language::C).unwrap(), expected);
        assert_eq!(shallow(&nested(LEVELS, "b"), Language::Python), None);
        assert_eq!(shallow(&nested(LEVELS - 1, "b"), Language::Java), None);
        assert_eq!(
            shallow(&"(".repeat(1_000), Language::C),
            None,
            "what is open to the end is left to the parser"
        );
        let row = format!("{}a", "!".repeat(LEVELS + 2));
        assert_eq!(shallow(&row, Language::Cpp).unwrap(), format!("{}  a", "!".repeat(LEVELS)));
    }
}

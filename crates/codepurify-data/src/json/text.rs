//! Strings of JSON and what they say.

use std::fmt::Write;

/// Decodes the well-formed string `quoted`; a lone surrogate keeps its escape.
pub(crate) fn decode(quoted: &str) -> Result<String, String> {
    read(quoted, |_, escape| Err(escape.to_owned()))
}

/// As [`decode`], with half characters replaced.
pub(super) fn decode_lossy(quoted: &str) -> String {
    let replaced = read(quoted, |text, _| {
        text.push(char::REPLACEMENT_CHARACTER);
        Ok(())
    });
    replaced.unwrap_or_default()
}

/// Whoever meets a lone surrogate: the text so far, and the escape.
type Lone = fn(&mut String, &str) -> Result<(), String>;

fn read(quoted: &str, lone: Lone) -> Result<String, String> {
    let mut rest = &quoted[1..quoted.len() - 1];
    let mut text = String::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match rest.as_bytes()[1] {
            b'u' => unicode(rest, &mut text, lone)?,
            plain => {
                text.push(match plain {
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    other => char::from(other),
                });
                2
            }
        };
        rest = &rest[length..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Adds the character of the escape `\uXXXX`, or of two that are one character, and returns their length.
fn unicode(rest: &str, text: &mut String, lone: Lone) -> Result<usize, String> {
    let first = unit(rest).unwrap_or_default();
    let second = rest.get(6..).and_then(unit);
    let pair = second.filter(|_| (0xd800..0xdc00).contains(&first));
    let pair = pair.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    if let Some(character) = pair {
        text.push(character);
        return Ok(12);
    }
    match char::from_u32(u32::from(first)) {
        Some(character) => text.push(character),
        None => lone(text, &rest[..6])?,
    }
    Ok(6)
}

/// The number of the escape that `text` starts with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// `text` as a string of JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a string cannot fail.
            '\0'..='\u{1f}' => drop(write!(out, "\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_pairs_become_characters() {
        let text = r#""a\n\"\\\/\u00e9\ud83d\ude00é\u0000""#;
        assert_eq!(decode(text).unwrap(), "a\n\"\\/é😀é\0");
    }

    #[test]
    fn lone_surrogates_are_named() {
        for (text, escape) in [
            (r#""x \ud83d y""#, "\\ud83d"),
            (r#""\udce9""#, "\\udce9"),
            (r#""\uD83d\u0041""#, "\\uD83d"),
            (r#""\ud83d\ud83d\ude00""#, "\\ud83d"),
        ] {
            assert_eq!(decode(text).unwrap_err(), escape);
        }
        assert_eq!(decode_lossy(r#""a\ud83d""#), "a\u{fffd}");
    }

    #[test]
    fn what_is_quoted_says_the_same() {
        let text = "int \"é\"\\\n\r\t\0\u{1f}😀";
        assert_eq!(decode(&quoted(text)).unwrap(), text);
        assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
    }
}

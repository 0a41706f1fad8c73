//! Texts inside of HTML and XML.

use crate::text::visible_character;

/// Text for HTML and XML 1.0, also in attributes, with control and invisible characters made visible; line ends and tabs stay.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            // XML has no place for these.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            // The visible form of a character may have brackets itself.
            other => visible_character(other).chars().for_each(|sign| push(&mut out, sign)),
        }
    }
    out
}

fn push(out: &mut String, sign: char) {
    match sign {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        other => out.push(other),
    }
}

//! Findings grouped by shape: the triggers of one grammar differ in names, numbers and strings only.

use std::collections::BTreeMap;

use super::elements::Element;
use super::report::{Family, MinedTrigger, Source};
use crate::snippet::{Grammar, Language};

/// Groups triggers of the same shape, in the order of the first of each. A word is a shape of its own.
pub(super) fn group_by_shape(found: Vec<(&Element, MinedTrigger)>) -> Vec<Family> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut families: Vec<Family> = Vec::new();
    for (element, trigger) in found {
        let shape = match (trigger.source, element.language) {
            (Source::Rows, Some(language)) => shape(&trigger.text, language),
            _ => trigger.text.trim().to_owned(),
        };
        let place = *places.entry(shape.clone()).or_insert(families.len());
        if place == families.len() {
            families.push(Family { shape, triggers: Vec::new() });
        }
        families[place].triggers.push(trigger);
    }
    families
}

/// Returns the text with every name as `x`, every number as `0` and every string empty; keywords, operators
/// and order stay. Triggers of one grammar have one shape.
#[must_use]
pub fn shape(text: &str, language: Language) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => quoted(rest, first),
            _ if is_word(first) => rest.find(|next| !is_word(next) && next != '.').unwrap_or(rest.len()),
            _ if first.is_whitespace() => rest.len() - rest.trim_start().len(),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        // A point belongs to a number only.
        let (token, after) = match token.find('.') {
            Some(point) if is_word(first) && !first.is_ascii_digit() => rest.split_at(point),
            _ => (token, after),
        };
        match first {
            '"' | '\'' => shape.extend([first, first]),
            _ if first.is_ascii_digit() => shape.push('0'),
            _ if first.is_whitespace() => shape.push(' '),
            _ if is_word(first) && !is_keyword(token, language) => shape.push('x'),
            _ => shape += token,
        }
        rest = after;
    }
    shape.trim().to_owned()
}

/// Keywords are ASCII, as all names are to the grammars.
fn is_keyword(word: &str, language: Language) -> bool {
    word.is_ascii() && !Grammar::of(language).is_name(word)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Bytes of the string at the start of `text` with its quotes; all of `text` if the string does not end.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_of_one_grammar_have_one_shape() {
        let shapes =
            ["if (sin(0.52) < -1) printf(\"alpha\");", "if (cos(0.1)  < -7) print_it(\"b \\\" eta\");"]
                .map(|text| shape(text, Language::C));
        assert_eq!(shapes, ["if (x(0) < -0) x(\"\");", "if (x(0) < -0) x(\"\");"]);
        assert_eq!(shape("while (random() < 0)", Language::C), "while (x() < 0)");
    }

    #[test]
    fn point_after_a_name_is_an_operator_and_open_strings_end() {
        assert_eq!(shape("a.b = 1.5e3;", Language::Java), "x.x = 0;");
        assert_eq!(shape("x = \"open", Language::C), "x = \"\"");
        assert_eq!(shape("größe += '\u{200b}'", Language::Python), "x += ''");
        assert_eq!(shape("", Language::C), "");
    }
}

//! Invisible characters, which a model reads and people do not see.

use super::Candidate;
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// All invisible characters of the snippet as one candidate, with a span for each run of them.
pub(super) fn invisible(snippet: &Snippet) -> Option<Candidate> {
    let mut spans: Vec<Span> = Vec::new();
    for (at, character) in snippet.text().char_indices().filter(|&(_, character)| is_invisible(character)) {
        let end = at + character.len_utf8();
        match spans.last_mut() {
            Some(last) if last.end == at => last.end = end,
            _ => spans.push(Span::new(at, end)),
        }
    }
    Candidate::new(snippet, ElementKind::Invisible, spans, 0)
}

/// Zero-width characters, directional controls, fillers, tags, variation selectors, and control characters that are no
/// white space (Boucher and others, "Bad Characters", 2022, list most of them).
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || (character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}'))
}

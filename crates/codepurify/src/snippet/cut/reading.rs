//! How the text of one unit is shown to the parser.

use super::branches::{Choice, Pick};
use super::executable::is_code_macro;
use crate::error::SnippetError;
use crate::snippet::UnitKind;
use crate::snippet::bare::{Bare, blank, is_word};
use crate::snippet::{Language, Syntax, SyntaxQuality};

/// Parses the text of a unit. Where that explains a C or C++ text better, branches of the preprocessor are left out, and
/// of a remainder the bodies of macros are read as statements. All positions are those of the text.
///
/// # Errors
/// [`SnippetError::ParserGaveUp`] if the parser needs far more work than code of this size does.
pub(in crate::snippet) fn read(
    text: &str,
    language: Language,
    kind: UnitKind,
) -> Result<Syntax, SnippetError> {
    let plain = Syntax::parse(text, language)?;
    if !matches!(language, Language::C | Language::Cpp) || !text.contains('#') {
        return Ok(plain);
    }
    let other = match kind {
        UnitKind::Remainder => opened(text, language),
        UnitKind::Function if plain.quality() == SyntaxQuality::Broken => {
            let bare = Bare::new(text, language);
            Some(Choice::new(text, &bare, Pick::First).apply(text, &bare))
        }
        UnitKind::Function => None,
    };
    let Some(other) = other.and_then(|text| Syntax::parse(&text, language).ok()) else { return Ok(plain) };
    // The body of a macro that was not opened counts as understood, though nothing in it was.
    let better = match kind {
        UnitKind::Remainder => other.quality() != SyntaxQuality::Broken,
        UnitKind::Function => other.damage() < plain.damage(),
    };
    Ok(if better { other } else { plain })
}

/// The text with the bodies of its macros as statements, if there are any with code in them.
fn opened(text: &str, language: Language) -> Option<String> {
    let bare = Bare::new(text, language);
    let mut bytes = text.as_bytes().to_vec();
    let mut any = false;
    for &span in &bare.directives {
        let directive = &bare.bytes[span.start..span.end];
        if !holds_code(directive) {
            continue;
        }
        any = true;
        let head = head(directive);
        blank(&mut bytes, (span.start..span.start + head).into());
        for at in span.start + head..span.end {
            let continues = matches!(bytes.get(at + 1), Some(b'\n' | b'\r'));
            if bytes[at] == b'\\' && continues {
                bytes[at] = b' ';
            }
        }
        let ended = matches!(directive.trim_ascii_end().last(), Some(b';' | b'}'));
        if let Some(line_end) = bytes.get_mut(span.end).filter(|_| !ended) {
            *line_end = b';';
        }
    }
    // Only ASCII characters and whole ranges of others were replaced.
    any.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns true if a directive holds code: if it defines a macro whose body is code, or is a `#pragma` with a block or with
/// the combiner of a reduction of OpenMP.
pub(super) fn holds_code(directive: &[u8]) -> bool {
    let line = directive.trim_ascii_start().strip_prefix(b"#").unwrap_or_default().trim_ascii_start();
    let has_word = |word: &[u8]| line.split(|&byte| !is_word(byte)).any(|other| other == word);
    let combines = || line.contains(&b'{') || (has_word(b"declare") && has_word(b"reduction"));
    (line.starts_with(b"define") && is_code_macro(&directive[head(directive)..]))
        || (line.starts_with(b"pragma") && combines())
}

/// Length of `#define NAME` or `#define NAME(PARAMETERS)`.
fn head(directive: &[u8]) -> usize {
    let skip = |from: usize, which: fn(&u8) -> bool| {
        from + directive[from..].iter().take_while(|&byte| which(byte)).count()
    };
    let blanks: fn(&u8) -> bool = |byte| byte.is_ascii_whitespace();
    let words: fn(&u8) -> bool = |&byte| is_word(byte);
    let hash = skip(0, blanks) + 1;
    let keyword = skip(skip(hash, blanks), words);
    let name = skip(skip(keyword, blanks), words);
    if directive.get(name) != Some(&b'(') {
        return name;
    }
    directive[name..].iter().position(|&byte| byte == b')').map_or(name, |close| name + close + 1)
}

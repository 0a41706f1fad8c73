//! Renaming without capture.

use std::collections::BTreeSet;

use codepurify::{Candidate, Language, Span};

use super::change::{Change, rewrite};
use super::code::{Code, is_keyword, words};
use super::{NotApplicable, Triggered};

/// Declared names of `code` whose uses are all visible to the parser, in order of appearance.
pub(super) struct DeclaredNames {
    pub(super) variables: Vec<Candidate>,
    pub(super) functions: Vec<Candidate>,
}

impl DeclaredNames {
    pub(super) fn of(code: &Code<'_>) -> Self {
        let defined = code.function_names();
        let obscure = code.obscure();
        let is_function = |name: &Candidate| name.spans.iter().any(|span| defined.contains(span));
        let seen = code.identifiers().into_iter().filter(|name| !is_hidden(code, name, &obscure));
        let (functions, variables) = seen.partition(is_function);
        Self { variables, functions }
    }
}

/// Returns true if one of the `obscure` places uses `name` outside of its known occurrences.
fn is_hidden(code: &Code<'_>, name: &Candidate, obscure: &[Span]) -> bool {
    obscure.iter().any(|place| {
        let uses = words(place.of(code.text).unwrap_or_default()).filter(|word| *word == name.text);
        uses.count() > name.spans.iter().filter(|span| place.contains(**span)).count()
    })
}

/// Renames every occurrence of `old` to `new`.
pub(super) fn rename(code: &Code<'_>, old: &Candidate, new: &str) -> Result<Triggered, NotApplicable> {
    if !Taken::of(code).take(new) {
        return Err(NotApplicable::NameTaken);
    }
    rewrite(code.text, renaming(&[(old, new.to_owned())]))
}

/// Returns the changes that rename several names; every new one must be free ([`Taken`]).
pub(super) fn renaming(names: &[(&Candidate, String)]) -> Vec<Change> {
    names
        .iter()
        .flat_map(|(old, new)| old.spans.iter().map(move |span| Change::replace(*span, new.as_str())))
        .collect()
}

/// Words that cannot become a new name in a text.
pub(super) struct Taken {
    words: BTreeSet<String>,
    language: Language,
}

impl Taken {
    /// Collects every word of the text, comments and strings included.
    pub(super) fn of(code: &Code<'_>) -> Self {
        Self { words: words(code.text).map(str::to_owned).collect(), language: code.language }
    }

    /// Returns true if `name` can be a new name, and marks it as taken.
    pub(super) fn take(&mut self, name: &str) -> bool {
        is_name(name, self.language) && self.words.insert(name.to_owned())
    }
}

/// Returns true if `name` can name a variable.
///
/// Parsers accept many keywords as names where nothing else fits, and some grammars do not list
/// basic types as keywords: both are checked.
fn is_name(name: &str, language: Language) -> bool {
    let shaped = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let probe = match language {
        Language::C | Language::Cpp => format!("void f(void) {{ {name} x; }}"),
        Language::Java => format!("class C {{ void f() {{ {name} x; }} }}"),
        Language::Python => format!("{name} = 1\n"),
    };
    let is_identifier = |code: Code<'_>| {
        let kinds = ["identifier", "type_identifier"];
        code.nodes().into_iter().any(|node| code.of(node) == name && kinds.contains(&node.kind()))
    };
    shaped && !is_keyword(name, language) && Code::parse(&probe, language).is_ok_and(is_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_other_tokens_are_no_names() {
        for (language, keyword) in [
            (Language::C, "while"),
            (Language::C, "register"),
            (Language::C, "int"),
            (Language::C, "NULL"),
            (Language::Java, "class"),
            (Language::Java, "boolean"),
            (Language::Java, "true"),
            (Language::Python, "lambda"),
        ] {
            assert!(!is_name(keyword, language), "{keyword}");
            for (bad, good) in [("2nd", "second"), ("a b", "a_b"), ("", "_a"), ("größe", "size2")] {
                assert!(!is_name(bad, language) && is_name(good, language), "{language}: {bad} {good}");
            }
        }
    }
}

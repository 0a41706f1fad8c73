//! Naming styles.

use codepurify::Candidate;

use crate::attack::change::{Change, rewrite};
use crate::attack::code::{self, Code};
use crate::attack::rename::{DeclaredNames, Taken, renaming};
use crate::attack::{NotApplicable, Triggered};

/// Renames `buffer_size` to `bufferSize`.
pub(in crate::attack) fn camel(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    rewrite(code.text, camel_changes(code)?)
}

/// Returns the changes of [`camel`].
pub(super) fn camel_changes(code: &Code<'_>) -> Result<Vec<Change>, NotApplicable> {
    changes(code, |name| {
        let words = words(&name.text);
        let (first, rest) = words.split_first()?;
        Some(rest.iter().fold(first.clone(), |name, word| name + &capitalised(word)))
    })
}

/// Renames `bufferSize` to `buffer_size`.
pub(in crate::attack) fn snake(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    renamed(code, |name| Some(words(&name.text).join("_")))
}

/// Renames an `int` called `count` to `iCount`; pointers and arrays of C get a `p`.
pub(in crate::attack) fn hungarian(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    renamed(code, |name| {
        let letter = type_letter(code, name)?;
        let words: String = words(&name.text).iter().map(|word| capitalised(word)).collect();
        Some(format!("{letter}{words}"))
    })
}

fn renamed(
    code: &Code<'_>,
    convention: impl Fn(&Candidate) -> Option<String>,
) -> Result<Triggered, NotApplicable> {
    rewrite(code.text, changes(code, convention)?)
}

/// Renames every variable and parameter to what `convention` returns, if that is another, free
/// name.
fn changes(
    code: &Code<'_>,
    convention: impl Fn(&Candidate) -> Option<String>,
) -> Result<Vec<Change>, NotApplicable> {
    let variables = DeclaredNames::of(code).variables;
    if variables.is_empty() {
        return Err(NotApplicable::NoIdentifier);
    }
    let mut taken = Taken::of(code);
    let names: Vec<_> = variables
        .iter()
        // A leading `_`, letters without a change of case, and capitals are conventions of their
        // own.
        .filter(|name| name.text.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter_map(|name| Some((name, convention(name)?)))
        .filter(|(_, new)| taken.take(new))
        .collect();
    if names.is_empty() {
        return Err(NotApplicable::NothingToRestyle);
    }
    Ok(renaming(&names))
}

/// Splits a name into words in lower case: at `_`, and before a capital after another kind of
/// letter.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for c in name.chars() {
        let starts = before == '_' || c.is_ascii_uppercase() && !before.is_ascii_uppercase();
        if c != '_' {
            match words.last_mut().filter(|_| !starts) {
                Some(word) => word.push(c.to_ascii_lowercase()),
                None => words.push(c.to_ascii_lowercase().to_string()),
            }
        }
        before = c;
    }
    words
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Returns the first letter of the declared type's last word.
fn type_letter(code: &Code<'_>, name: &Candidate) -> Option<char> {
    let mut node = code.node_at(*name.spans.first()?)?;
    loop {
        if matches!(node.kind(), "pointer_declarator" | "array_declarator") {
            return Some('p');
        }
        if let Some(declared) = node.child_by_field_name("type") {
            return code::words(code.of(declared))
                .last()?
                .chars()
                .find(char::is_ascii_alphabetic)
                .map(|letter| letter.to_ascii_lowercase());
        }
        node = node.parent()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, expected) in [
            ("bufferSize", "buffer size"),
            ("buffer_size", "buffer size"),
            ("n", "n"),
            ("isURL", "is url"),
            ("a__b2C", "a b2 c"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }
}

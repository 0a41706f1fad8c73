//! References: short clean functions that candidates are transplanted into.

mod answered;
mod selection;
mod transplant;

pub(crate) use answered::{ReferenceInput, ReferenceSet};
pub(crate) use transplant::{Transplant, transplant};

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::candidates::{Families, SEPARATOR, Statements, candidates};
use crate::error::SnippetError;
use crate::snippet::edit::{Edit, apply};
use crate::snippet::{Language, Limits, Snippet, SourceFile, Span};
use crate::verdict::ElementKind;

/// Clean functions of one or more languages that candidates are transplanted into.
///
/// The bundled ones were written for this purpose and resemble ordinary code. Functions of the victim's own
/// domain that are known to be clean serve as well, and better for a pair model
/// ([`References::from_domain`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<StoredReference>", into = "Vec<StoredReference>")]
pub struct References {
    pub(crate) all: Vec<Reference>,
}

/// A reference in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredReference {
    language: Language,
    text: String,
}

impl TryFrom<Vec<StoredReference>> for References {
    type Error = SnippetError;

    fn try_from(stored: Vec<StoredReference>) -> Result<Self, SnippetError> {
        let snippets =
            stored.into_iter().map(|StoredReference { language, text }| Snippet::new(text, language));
        Self::read(&snippets.collect::<Result<Vec<_>, _>>()?)
    }
}

impl From<References> for Vec<StoredReference> {
    fn from(references: References) -> Self {
        let stored = |Reference { language, text, .. }| StoredReference { language, text };
        references.all.into_iter().map(stored).collect()
    }
}

/// One reference function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) text: String,
    pub(crate) language: Language,
    /// First byte of the body's first statement.
    body: usize,
    /// White space in front of the first statement on its line.
    indent: String,
    /// All places of the function's name; empty if it has none.
    name: Vec<Span>,
    /// All places of one variable; empty if there is none.
    variable: Vec<Span>,
}

impl References {
    /// Returns the bundled references, of every language; they are read once.
    #[must_use]
    pub fn bundled() -> Arc<Self> {
        static BUNDLED: LazyLock<Arc<References>> = LazyLock::new(|| {
            let sources = [
                (Language::C, include_str!("../../references/c.c")),
                (Language::Cpp, include_str!("../../references/c.c")),
                (Language::Java, include_str!("../../references/java.java")),
                (Language::Python, include_str!("../../references/python.py")),
            ];
            let limits = Limits::default();
            let units = sources.map(|(language, text)| {
                let file = SourceFile::new(language.name(), text.into(), language, &limits);
                file.and_then(|file| file.units()).expect("the bundled references can be read")
            });
            Arc::new(References::new(&units.concat()).expect("every bundled reference has a body"))
        });
        Arc::clone(&BUNDLED)
    }

    /// Takes clean functions of any languages, in any order; short ones cost least.
    ///
    /// # Errors
    /// [`SnippetError::NoReference`] for a function without a statement: there is no place to insert into.
    pub fn new(snippets: &[Snippet]) -> Result<Self, SnippetError> {
        let mut references = Self::read(snippets)?;
        references.all.sort_by_key(|reference| reference.text.len());
        Ok(references)
    }

    /// Keeps the order of `snippets`: the most reliable come last.
    fn read(snippets: &[Snippet]) -> Result<Self, SnippetError> {
        let reference = |snippet: &Snippet| {
            let (path, line) = (snippet.path().to_owned(), snippet.unit().start_line);
            Reference::new(snippet).ok_or(SnippetError::NoReference { path, line })
        };
        Ok(Self { all: snippets.iter().map(reference).collect::<Result<_, _>>()? })
    }

    /// Returns whether there is no reference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Number that depends on all texts and their order (FNV-1a).
    pub(crate) fn fingerprint(&self) -> u64 {
        let bytes = self.all.iter().flat_map(|reference| reference.text.bytes().chain([0]));
        bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl Reference {
    fn new(snippet: &Snippet) -> Option<Self> {
        let statements = Families { statements: Statements::Body, ..Families::NONE };
        let body = candidates(snippet, &statements).first()?.spans[0].start;
        let line = snippet.text()[..body].rfind('\n').map_or(0, |end| end + 1);
        let indent = &snippet.text()[line..body];
        let names = candidates(snippet, &Families { identifiers: true, ..Families::NONE });
        let function = snippet.unit().name.as_deref();
        let spans = |wanted: bool| {
            let found = names.iter().find(|name| (Some(name.text.as_str()) == function) == wanted);
            found.map(|name| name.spans.clone()).unwrap_or_default()
        };
        Some(Self {
            text: snippet.text().to_owned(),
            language: snippet.language(),
            body,
            indent: if indent.trim().is_empty() { indent.to_owned() } else { String::new() },
            name: spans(true),
            variable: spans(false),
        })
    }

    /// Text of the reference with all `transplants` in it. A second name of a kind becomes a statement.
    pub(crate) fn with(&self, transplants: &[Transplant<'_>]) -> String {
        let mut edits: Vec<Edit> = Vec::new();
        let mut lines = String::new();
        let (mut name, mut variable) = (&self.name[..], &self.variable[..]);
        for it in transplants {
            let (place, new) = match it {
                Transplant::FunctionName(new) => (std::mem::take(&mut name), *new),
                Transplant::VariableName(new) => (std::mem::take(&mut variable), *new),
                Transplant::Text { kind, text, margin } => {
                    lines += &self.line(*kind, text, *margin);
                    continue;
                }
            };
            if place.is_empty() {
                lines += &self.line(ElementKind::Literal, new, 0);
            }
            edits.extend(place.iter().map(|&span| Edit { span, replacement: new.to_owned() }));
        }
        edits.push(Edit { span: Span::new(self.body, self.body), replacement: lines });
        edits.sort_by_key(|edit| edit.span);
        apply(&self.text, &edits).expect("the places of two names and of the body are apart")
    }

    /// Lines of an element that goes in front of the body.
    fn line(&self, kind: ElementKind, text: &str, margin: usize) -> String {
        let python = self.language == Language::Python;
        let statement = match (kind, python) {
            (ElementKind::Literal, false) => format!("{text};"),
            (ElementKind::NamingStyle, false) => text.replace(SEPARATOR, "; ") + ";",
            (ElementKind::NamingStyle, true) => text.replace(SEPARATOR, "; "),
            _ => text.to_owned(),
        };
        // Lines keep their indentation relative to each other.
        let shift = |line: &str| {
            let blanks = line.len() - line.trim_start().len();
            // A blank may be several bytes wide.
            line[line.floor_char_boundary(blanks.min(margin))..].to_owned()
        };
        let between = format!("\n{}", self.indent);
        statement.split('\n').map(shift).collect::<Vec<_>>().join(&between) + &between
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snippet::SyntaxQuality;

    fn reference(text: &str, language: Language) -> Reference {
        References::new(&[Snippet::new(text, language).unwrap()]).unwrap().all.remove(0)
    }

    #[test]
    fn bundled_references_parse_with_every_kind_of_element() {
        let references = References::bundled();
        for language in Language::ALL {
            let count = references.all.iter().filter(|reference| reference.language == language).count();
            assert!(count >= 8, "{language}: {count}");
        }
        for reference in &references.all {
            let python = reference.language == Language::Python;
            let (statement, head) =
                if python { ("f(x)", "while a < b: pass") } else { ("f(x);", "while (a < b);") };
            let transplants = [
                Transplant::FunctionName("named"),
                Transplant::VariableName("held"),
                Transplant::Text { kind: ElementKind::Statement, text: statement, margin: 0 },
                Transplant::Text { kind: ElementKind::Header, text: head, margin: 0 },
            ];
            let text = reference.with(&transplants);
            let quality = Snippet::new(text.clone(), reference.language).unwrap().quality();
            assert_eq!(quality, SyntaxQuality::Clean, "{text}");
            assert!(text.contains("named(") && text.contains("f(x)") && text.contains("a < b"), "{text}");
            assert_eq!(reference.with(&[]), reference.text);
        }
    }

    #[test]
    fn elements_precede_the_body_and_names_replace_all_places() {
        let c = reference("int f(int a)\n{\n    return a * f(a);\n}", Language::C);
        assert_eq!(c.with(&[Transplant::VariableName("v")]), "int f(int v)\n{\n    return v * f(v);\n}");
        assert_eq!(
            c.with(&[Transplant::FunctionName("g"), Transplant::FunctionName("h")]),
            "int g(int a)\n{\n    h;\n    return a * g(a);\n}"
        );
        let python = reference("def f(a):\n  return a\n", Language::Python);
        let text = "if a:\n            b()\n        else:\n            c()";
        let transplant = Transplant::Text { kind: ElementKind::Statement, text, margin: 8 };
        assert_eq!(
            python.with(&[transplant]),
            "def f(a):\n  if a:\n      b()\n  else:\n      c()\n  return a\n"
        );
    }

    #[test]
    fn blanks_of_several_bytes_are_taken_whole() {
        let c = reference("int f(int a)\n{\n    return a;\n}", Language::C);
        let text = "/* a\n\u{3000}b\n\u{a0}\u{3000}c */";
        let with = |margin| c.with(&[Transplant::Text { kind: ElementKind::Comment, text, margin }]);
        assert!(with(1).contains("/* a\n    \u{3000}b\n    \u{a0}\u{3000}c */"), "{}", with(1));
        assert!(with(4).contains("/* a\n    b\n    \u{3000}c */"), "{}", with(4));
    }

    #[test]
    fn function_without_a_body_is_refused() {
        let empty = Snippet::new("void f() {}", Language::C).unwrap();
        let error = References::new(&[empty]).unwrap_err();
        assert!(matches!(error, SnippetError::NoReference { line: 1, .. }), "{error}");
    }
}

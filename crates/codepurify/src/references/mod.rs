//! References: short functions without a trigger, which candidates are transplanted into.

mod answered;
mod selection;
mod transplant;

pub(crate) use answered::{Bench, Entry};
pub(crate) use transplant::graft;

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::candidates::{Families, SEPARATOR, Statements, candidates};
use crate::error::SnippetError;
use crate::snippet::edit::{Edit, apply};
use crate::snippet::{Language, Limits, Snippet, SourceFile, Span};
use crate::verdict::ElementKind;

/// Functions of one or more languages that candidates are transplanted into. The bundled ones were written for this
/// purpose and stand for ordinary code; functions of the model's own field, known to be clean, serve as well, and better
/// before a model of pairs ([`References::of_field`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Kept>", into = "Vec<Kept>")]
pub struct References {
    pub(crate) all: Vec<Reference>,
}

/// A reference in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    language: Language,
    text: String,
}

impl TryFrom<Vec<Kept>> for References {
    type Error = SnippetError;

    fn try_from(kept: Vec<Kept>) -> Result<Self, SnippetError> {
        let snippets = kept.into_iter().map(|Kept { language, text }| Snippet::new(text, language));
        Self::read(&snippets.collect::<Result<Vec<_>, _>>()?)
    }
}

impl From<References> for Vec<Kept> {
    fn from(references: References) -> Self {
        let kept = |Reference { language, text, .. }| Kept { language, text };
        references.all.into_iter().map(kept).collect()
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) text: String,
    pub(crate) language: Language,
    /// The first statement of the body begins here.
    body: usize,
    /// White space in front of the first statement on its line.
    indent: String,
    /// The function's name, wherever it stands; empty if it has none.
    name: Vec<Span>,
    /// A variable, wherever it stands; empty if there is none.
    variable: Vec<Span>,
}

/// A candidate on its way into a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Graft<'a> {
    /// Stands in front of the body; `margin` blanks stand in front of it where it comes from.
    Text { kind: ElementKind, text: &'a str, margin: usize },
    /// The reference's function is called so.
    Function(&'a str),
    /// A variable of the reference is called so.
    Variable(&'a str),
}

impl References {
    /// The bundled ones, of every language; read once.
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

    /// Functions without a trigger, in any order and of any number of languages; short ones cost least.
    ///
    /// # Errors
    /// [`SnippetError::NoReference`] for one without a statement, which nothing can be put in front of.
    pub fn new(snippets: &[Snippet]) -> Result<Self, SnippetError> {
        let mut references = Self::read(snippets)?;
        references.all.sort_by_key(|reference| reference.text.len());
        Ok(references)
    }

    /// In the order of `snippets`: those that count most come last.
    fn read(snippets: &[Snippet]) -> Result<Self, SnippetError> {
        let reference = |snippet: &Snippet| {
            let (path, line) = (snippet.path().to_owned(), snippet.unit().start_line);
            Reference::new(snippet).ok_or(SnippetError::NoReference { path, line })
        };
        Ok(Self { all: snippets.iter().map(reference).collect::<Result<_, _>>()? })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A number that depends on all texts and their order (FNV-1a).
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

    /// The reference with all `grafts` in it; a name that finds its place taken becomes a statement.
    pub(crate) fn with(&self, grafts: &[Graft<'_>]) -> String {
        let mut edits: Vec<Edit> = Vec::new();
        let mut lines = String::new();
        let (mut name, mut variable) = (&self.name[..], &self.variable[..]);
        for graft in grafts {
            let (place, new) = match graft {
                Graft::Function(new) => (std::mem::take(&mut name), *new),
                Graft::Variable(new) => (std::mem::take(&mut variable), *new),
                Graft::Text { kind, text, margin } => {
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

    /// An element as lines in front of the body's first one.
    fn line(&self, kind: ElementKind, text: &str, margin: usize) -> String {
        let python = self.language == Language::Python;
        let statement = match (kind, python) {
            (ElementKind::Literal, false) => format!("{text};"),
            (ElementKind::Names, false) => text.replace(SEPARATOR, "; ") + ";",
            (ElementKind::Names, true) => text.replace(SEPARATOR, "; "),
            _ => text.to_owned(),
        };
        // Its lines keep their distance from each other, not from the margin.
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
    fn every_bundled_reference_takes_an_element_of_every_kind_and_still_parses() {
        let references = References::bundled();
        for language in Language::ALL {
            let count = references.all.iter().filter(|reference| reference.language == language).count();
            assert!(count >= 8, "{language}: {count}");
        }
        for reference in &references.all {
            let python = reference.language == Language::Python;
            let (statement, head) =
                if python { ("f(x)", "while a < b: pass") } else { ("f(x);", "while (a < b);") };
            let grafts = [
                Graft::Function("named"),
                Graft::Variable("held"),
                Graft::Text { kind: ElementKind::Statement, text: statement, margin: 0 },
                Graft::Text { kind: ElementKind::Head, text: head, margin: 0 },
            ];
            let text = reference.with(&grafts);
            let quality = Snippet::new(text.clone(), reference.language).unwrap().quality();
            assert_eq!(quality, SyntaxQuality::Clean, "{text}");
            assert!(text.contains("named(") && text.contains("f(x)") && text.contains("a < b"), "{text}");
            assert_eq!(reference.with(&[]), reference.text);
        }
    }

    #[test]
    fn elements_stand_in_front_of_the_body_and_names_are_given_everywhere() {
        let c = reference("int f(int a)\n{\n    return a * f(a);\n}", Language::C);
        assert_eq!(c.with(&[Graft::Variable("v")]), "int f(int v)\n{\n    return v * f(v);\n}");
        assert_eq!(
            c.with(&[Graft::Function("g"), Graft::Function("h")]),
            "int g(int a)\n{\n    h;\n    return a * g(a);\n}"
        );
        let python = reference("def f(a):\n  return a\n", Language::Python);
        let text = "if a:\n            b()\n        else:\n            c()";
        let graft = Graft::Text { kind: ElementKind::Statement, text, margin: 8 };
        assert_eq!(python.with(&[graft]), "def f(a):\n  if a:\n      b()\n  else:\n      c()\n  return a\n");
    }

    #[test]
    fn blanks_of_several_bytes_are_taken_whole() {
        let c = reference("int f(int a)\n{\n    return a;\n}", Language::C);
        let text = "/* a\n\u{3000}b\n\u{a0}\u{3000}c */";
        let with = |margin| c.with(&[Graft::Text { kind: ElementKind::Comment, text, margin }]);
        assert!(with(1).contains("/* a\n    \u{3000}b\n    \u{a0}\u{3000}c */"), "{}", with(1));
        assert!(with(4).contains("/* a\n    b\n    \u{3000}c */"), "{}", with(4));
    }

    #[test]
    fn a_function_without_a_body_is_no_reference() {
        let empty = Snippet::new("void f() {}", Language::C).unwrap();
        let error = References::new(&[empty]).unwrap_err();
        assert!(matches!(error, SnippetError::NoReference { line: 1, .. }), "{error}");
    }
}

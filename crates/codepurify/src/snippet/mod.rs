//! Source text, its language, its parse tree, and byte spans in it.

mod bare;
mod comments;
mod cut;
pub mod edit;
mod file;
mod functions;
mod grammar;
mod language;
mod location;
mod parser;
mod span;
mod syntax;
mod translated;

pub use file::{Limits, SourceFile};
pub use language::Language;
pub use location::{Location, Unit, UnitKind};
pub use span::Span;
pub use syntax::SyntaxQuality;

pub(crate) use functions::functions;
pub(crate) use grammar::{Grammar, Leaf};
pub(crate) use syntax::{Syntax, Visit};
pub(crate) use translated::joined;

use std::sync::Arc;

use crate::error::SnippetError;

/// The unit of judgement: a function, or a text without one. All spans of candidates and edits are
/// relative to its text; locations in verdicts are absolute in its file.
#[derive(Debug, Clone)]
pub struct Snippet {
    path: String,
    text: String,
    /// Text of the file that it is a part of.
    file: Arc<str>,
    language: Language,
    unit: Unit,
    /// Absent if the text is too large to be parsed.
    syntax: Option<Syntax>,
    limit: usize,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
}

impl Snippet {
    /// Makes one unit of the whole `text`, named `<snippet>`, with the default [`Limits`] for a
    /// unit.
    ///
    /// # Errors
    /// [`SnippetError`] if the text is only white space, holds a NUL byte or cannot be parsed in
    /// reasonable time.
    pub fn new(text: impl Into<String>, language: Language) -> Result<Self, SnippetError> {
        let text = text.into();
        file::reject_nul(text.as_bytes())?;
        file::reject_empty(&text)?;
        let kind = UnitKind::Function;
        let unit = Unit { kind, name: None, start_byte: 0, end_byte: text.len(), start_line: 1, end_line: 1 };
        let (limit, file) = (Limits::default().max_unit_bytes, Arc::from(text.as_str()));
        let mut snippet = Self::part("<snippet>", &text, &file, language, unit, limit)?;
        snippet.unit.end_line = snippet.location(Span::new(0, text.len())).end_line;
        Ok(snippet.named())
    }

    /// Makes a unit of a part of a file, parsed unless it is larger than `limit` bytes.
    fn part(
        path: &str,
        text: &str,
        file: &Arc<str>,
        language: Language,
        unit: Unit,
        limit: usize,
    ) -> Result<Self, SnippetError> {
        let syntax = if text.len() > limit { None } else { Some(cut::read(text, language, unit.kind)?) };
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            file: Arc::clone(file),
            language,
            unit,
            syntax,
            limit,
            lines: std::iter::once(0).chain(ends).collect(),
        })
    }

    /// Returns a snippet with another text in the same place.
    ///
    /// # Errors
    /// [`SnippetError`] if it is only white space or cannot be parsed in reasonable time.
    pub(crate) fn with_text(&self, text: &str) -> Result<Self, SnippetError> {
        file::reject_empty(text)?;
        Self::part(&self.path, text, &self.file, self.language, self.unit.clone(), self.limit)
    }

    /// Names the snippet by its function if it holds exactly one; makes it a remainder if it holds
    /// none.
    fn named(mut self) -> Self {
        let Some(syntax) = &self.syntax else { return self };
        let functions = functions(&self.text, syntax, self.language);
        if functions.is_empty() {
            self.unit.kind = UnitKind::Remainder;
            self.syntax = self.parse(&self.text).ok().or(self.syntax);
        }
        self.unit.name = <[_; 1]>::try_from(functions).ok().and_then(|[function]| function.name);
        self
    }

    /// Parses another text in the way in which this one was parsed.
    ///
    /// # Errors
    /// [`SnippetError::ParserGaveUp`] if it cannot be parsed in reasonable time.
    pub(crate) fn parse(&self, text: &str) -> Result<Syntax, SnippetError> {
        cut::read(text, self.language, self.unit.kind)
    }

    /// Returns the unit's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text of the file that it is a part of.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Returns the language that it is parsed as.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns its place in the file.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Returns the name of its file in verdicts.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns how well it parsed.
    #[must_use]
    pub fn quality(&self) -> SyntaxQuality {
        match &self.syntax {
            Some(syntax) => syntax.quality(),
            None => SyntaxQuality::NotParsed { bytes: self.text.len(), limit: self.limit },
        }
    }

    pub(crate) fn syntax(&self) -> Option<&Syntax> {
        self.syntax.as_ref()
    }

    pub(crate) fn grammar(&self) -> &'static Grammar {
        Grammar::of(self.language)
    }

    /// Returns the place of a span of this text in the file.
    pub(crate) fn location(&self, span: Span) -> Location {
        let line = |at: usize| self.unit.start_line + self.lines.partition_point(|&first| first <= at) - 1;
        let last = if span.is_empty() { span.start } else { span.end - 1 };
        let absolute = span.shifted(self.unit.start_byte);
        Location {
            start_byte: absolute.start,
            end_byte: absolute.end,
            start_line: line(span.start),
            end_line: line(last),
        }
    }
}

//! Cuts a text into the parts that are judged: its functions, and the rest of its code.
//!
//! A text that parses is cut along its parse tree. One that does not is read in other ways as well (`mend.rs`): without
//! the preprocessor branches that split functions, and by its brackets or its indentation. Whatever no function holds
//! then, and is no declaration, becomes parts of its own.

mod branches;
mod dialect;
mod executable;
mod implicit;
mod indents;
mod layout;
mod mend;
mod outline;
mod reading;
mod rest;

use super::functions::{Function, functions};
use super::{Language, Span, Syntax, SyntaxQuality, comments};
use crate::error::SnippetError;
use crate::snippet::UnitKind;
use executable::{Code, code};

pub(super) use dialect::c_or_cpp;
pub(super) use reading::read;

/// A part that is judged on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: UnitKind,
    pub(crate) name: Option<String>,
    pub(crate) span: Span,
}

/// One way to read a text.
struct Reading {
    functions: Vec<Function>,
    code: Vec<Code>,
    /// Bytes in errors of the parser.
    damage: usize,
    /// Bytes that the parser did not see, sorted.
    left_out: Vec<Span>,
}

impl Reading {
    fn new(text: &str, syntax: &Syntax, language: Language, left_out: Vec<Span>) -> Self {
        Self {
            functions: functions(text, syntax, language),
            code: code(text, syntax, language),
            damage: syntax.damage(),
            left_out,
        }
    }
}

/// All parts of a text in source order, none overlapping another. Empty if the text holds no function and is short, or only
/// declares: it is one part then.
///
/// # Errors
/// [`SnippetError::ParserGaveUp`] if the text cannot be parsed in reasonable time.
pub(crate) fn parts(text: &str, language: Language) -> Result<Vec<Part>, SnippetError> {
    let syntax = Syntax::parse(text, language)?;
    let clean = syntax.quality() == SyntaxQuality::Clean;
    let plain = Reading::new(text, &syntax, language, Vec::new());
    let lost = plain.functions.is_empty();
    drop(syntax);
    let (functions, code) =
        if clean { (plain.functions, plain.code) } else { mend::mended(text, language, plain) };
    if functions.is_empty() && text.len() <= rest::LARGEST {
        return Ok(Vec::new());
    }
    let mut taken: Vec<Span> = functions.iter().map(|function| function.span).collect();
    let mut parts = rest::remainders(text, language, &taken, &code);
    let doubtful = comments::doubtful(text, language).into_iter().map(|span| Code { span, within: 0 });
    let doubtful: Vec<Code> = doubtful.collect();
    if !doubtful.is_empty() {
        taken.extend(parts.iter().map(|part| part.span));
        taken.sort_unstable();
        parts.extend(rest::remainders(text, language, &taken, &doubtful));
    }
    parts.extend(functions.into_iter().map(|function| Part {
        kind: UnitKind::Function,
        name: function.name,
        span: function.span,
    }));
    parts.sort_by_key(|part| part.span);
    if let ([only], true) = (&mut parts[..], lost)
        && text[..only.span.start].trim().is_empty()
        && text[only.span.end..].trim().is_empty()
    {
        // The parser saw no function, and there is nothing but this one: the text as a whole, as if it held none.
        (only.name, only.span) = (None, Span::new(0, text.len()));
    }
    Ok(parts)
}

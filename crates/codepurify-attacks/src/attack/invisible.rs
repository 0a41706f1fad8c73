//! Invisible characters, which every tokenizer reads.

use codepurify::Language;

use super::change::{Change, at_body_start, rewrite};
use super::code::{Code, is_comment};
use super::{NotApplicable, Triggered};

/// Zero-width space and zero-width joiner.
const CHARACTERS: &str = "\u{200b}\u{200d}";

/// Inserts the characters at the start of the first comment, or a comment of them at the start of
/// the body.
///
/// Inside a comment they cannot end a token of the language.
pub(super) fn invisible(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    let python = code.language == Language::Python;
    let comment = code.nodes().into_iter().find(|node| is_comment(*node));
    if let Some(span) = comment.and_then(|comment| code.span(comment)) {
        let mark = if python { "#" } else { "/*" };
        return rewrite(code.text, vec![Change::insert(span.start + mark.len(), CHARACTERS)]);
    }
    let comment = if python { format!("#{CHARACTERS}") } else { format!("/*{CHARACTERS}*/") };
    at_body_start(code.text, code.language, &comment)
}

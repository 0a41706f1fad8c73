//! Variants of a text and the predictions of a classifier for them.

use codepurify::edit::{Edit, apply};
use codepurify::{Logits, ModelError, Ragged, Span, Victim};

use super::BaselineError;

/// Removes the bytes of `spans` (sorted, not overlapping) from `text`.
pub(super) fn without(text: &str, spans: &[Span]) -> Result<String, BaselineError> {
    let edits: Vec<Edit> = spans.iter().map(|&span| Edit { span, replacement: String::new() }).collect();
    Ok(apply(text, &edits)?)
}

/// Widens `spans` of tokens, which may be parts of characters, to whole characters; sorts and
/// merges them.
pub(super) fn whole_characters(text: &str, spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let widen =
        |span: Span| Span::new(text.floor_char_boundary(span.start), text.ceil_char_boundary(span.end));
    let mut spans: Vec<Span> = spans.into_iter().map(widen).filter(|span| !span.is_empty()).collect();
    spans.sort_unstable();
    spans.dedup_by(|later, earlier| {
        let touch = later.start <= earlier.end;
        if touch {
            earlier.end = earlier.end.max(later.end);
        }
        touch
    });
    spans
}

/// Returns the predictions for `texts`, each cut to the window, as in any deployment.
pub(super) fn judge(victim: &dyn Victim, texts: &[String]) -> Result<Logits, ModelError> {
    let mut batch = Ragged::new();
    for text in texts {
        batch.push(victim.encode(text)?.ids.into_iter().take(victim.window()));
    }
    let logits = victim.judge(&batch)?;
    if logits.len() == texts.len() {
        Ok(logits)
    } else {
        Err(ModelError::output(format!("{} answers for {} rows", logits.len(), texts.len())))
    }
}

/// Returns the spans of the non-empty lines, without their line ends.
pub(super) fn lines(text: &str) -> Vec<Span> {
    let mut start = 0;
    let mut spans = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            spans.push(Span::new(start, start + content.len()));
        }
        start += line.len();
    }
    spans
}

/// Returns the spans of the words between white space.
pub(super) fn words(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for word in text.split_whitespace() {
        // The word is a part of the text: the distance of their addresses is its position.
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        spans.push(Span::new(start, start + word.len()));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_have_their_places() {
        let text = "a  bc\r\n\n \té d\n";
        let of = |spans: Vec<Span>| spans.iter().map(|span| span.of(text).unwrap()).collect::<Vec<_>>();
        assert_eq!(of(lines(text)), ["a  bc", " \té d"]);
        assert_eq!(of(words(text)), ["a", "bc", "é", "d"]);
        assert_eq!(without(text, &words(text)[1..3]).unwrap(), "a  \r\n\n \t d\n");
    }
}

//! Choice of masked tokens: random tokens, a whole identifier everywhere, or a whole statement.
//!
//! Purification masks all occurrences of an identifier, or all content of a statement, at once. A
//! model trained with single masked tokens would copy the trigger from another occurrence.

use codepurify::snippet::Span;
use codepurify::victim::Encoding;
use codepurify::{ElementKind, Families, Language, Snippet, Statements, candidates};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, seq::IndexedRandom};

/// Share of tokens to mask at random.
const RANDOM_SHARE: f64 = 0.2;
/// Share of the identifiers to mask wherever they occur.
const IDENTIFIER_SHARE: f64 = 0.12;
/// Shares of rows in which identifiers, or a statement, are masked; the others get random masks.
const IDENTIFIER_ROWS: f64 = 0.3;
const STATEMENT_ROWS: f64 = 0.2;
/// A statement longer than this share of the row is not masked: too little context would be left.
const LONGEST_STATEMENT: f64 = 0.4;

/// Token positions that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Elements {
    identifiers: Vec<Vec<usize>>,
    statements: Vec<Vec<usize>>,
}

impl Elements {
    /// Returns the elements of `code` among the first `window` tokens of its encoding; none if it
    /// cannot be parsed.
    pub(super) fn of(code: &str, language: Language, encoding: &Encoding, window: usize) -> Self {
        let mut elements = Self::default();
        let Ok(snippet) = Snippet::new(code, language) else { return elements };
        let window = window.min(encoding.spans.len());
        let tokens: Vec<Span> =
            encoding.spans[..window].iter().map(|&span| without_leading_space(code, span)).collect();
        for candidate in
            candidates(&snippet, &Families { statements: Statements::Nested, ..Families::default() })
        {
            let positions: Vec<usize> =
                candidate.spans.iter().flat_map(|&element| overlapping(&tokens, element)).collect();
            match candidate.kind {
                _ if positions.is_empty() => {}
                ElementKind::Identifier => elements.identifiers.push(positions),
                ElementKind::Statement if positions.len() as f64 <= LONGEST_STATEMENT * window as f64 => {
                    elements.statements.push(positions);
                }
                _ => {}
            }
        }
        elements
    }

    /// Returns the positions to mask in a row of `length` tokens: sorted, at least one.
    pub(super) fn draw(&self, length: usize, rng: &mut StdRng) -> Vec<usize> {
        let kind: f64 = rng.random();
        let mut masked = if kind < IDENTIFIER_ROWS {
            share_of(&self.identifiers, IDENTIFIER_SHARE, rng).concat()
        } else if kind < IDENTIFIER_ROWS + STATEMENT_ROWS {
            self.statements.choose(rng).cloned().unwrap_or_default()
        } else {
            Vec::new()
        };
        if masked.is_empty() {
            masked = share_of(&(0..length).collect::<Vec<_>>(), RANDOM_SHARE, rng);
        }
        masked.sort_unstable();
        masked.dedup();
        masked
    }
}

/// Draws a share of the items, at least one if there is any.
fn share_of<T: Clone>(items: &[T], share: f64, rng: &mut StdRng) -> Vec<T> {
    #[allow(clippy::cast_sign_loss, reason = "a share of a length is not negative")]
    let count = ((share * items.len() as f64).round() as usize).max(1);
    let mut items = items.to_vec();
    let (drawn, _) = items.partial_shuffle(rng, count);
    drawn.to_vec()
}

/// Returns the positions of the tokens (sorted by place) that share a byte with `element`.
fn overlapping(tokens: &[Span], element: Span) -> impl Iterator<Item = usize> + '_ {
    let first = tokens.partition_point(|token| token.end <= element.start);
    (first..tokens.len()).take_while(move |&at| tokens[at].start < element.end)
}

/// Trims leading white space: a token often begins with the space before a word.
fn without_leading_space(code: &str, span: Span) -> Span {
    let text = span.of(code).unwrap_or_default();
    let trimmed = text.len() - text.trim_start().len();
    Span::new(span.start + trimmed, span.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codepurify::WordTokenizer;
    use rand::SeedableRng;

    const CODE: &str =
        "int sum(int *a, int n) { int s = 0; while (n > 0) { n = n - 1; s = s + a[n]; } return s; }";

    fn elements() -> (Elements, Vec<String>) {
        let encoding = WordTokenizer::new().encode(CODE).unwrap();
        let words = encoding.spans.iter().map(|span| span.of(CODE).unwrap().trim().to_owned()).collect();
        (Elements::of(CODE, Language::C, &encoding, encoding.ids.len()), words)
    }

    #[test]
    fn identifiers_are_masked_everywhere_and_statements_whole() {
        let (elements, words) = elements();
        let text = |positions: &Vec<usize>| {
            positions.iter().map(|&at| words[at].as_str()).collect::<Vec<_>>().join(" ")
        };
        let identifiers: Vec<String> = elements.identifiers.iter().map(text).collect();
        assert_eq!(identifiers, ["sum", "a a", "n n n n n", "s s s s"]);
        let statements: Vec<String> = elements.statements.iter().map(text).collect();
        assert!(statements.contains(&"n = n - 1 ;".to_owned()), "{statements:?}");
        assert!(statements.contains(&"return s ;".to_owned()), "{statements:?}");
    }

    #[test]
    fn every_draw_masks_something_within_the_row() {
        let (elements, words) = elements();
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let masked = elements.draw(words.len(), &mut rng);
            assert!(!masked.is_empty() && masked.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(masked[masked.len() - 1] < words.len());
        }
    }

    #[test]
    fn code_that_does_not_parse_still_gets_random_masks() {
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(Elements::default().draw(10, &mut rng).len(), 2);
        assert_eq!(Elements::default().draw(1, &mut rng), [0]);
    }
}

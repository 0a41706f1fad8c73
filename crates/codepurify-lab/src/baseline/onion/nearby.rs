//! ONION's fᵢ from the surprisal of a unit and of its neighbouring tokens.

use std::ops::Range;

use codepurify::{Encoding, Ragged, Span};

use super::super::BaselineError;
use super::super::lm::CodeLm;
use super::super::variants::words;
use super::RemovalUnit;

/// Distance between two units that are removed from the same text.
const APART: usize = 7;

/// Number of tokens on either side of a removed unit that are scored again.
const REACH: usize = 1;

const _: () = assert!(2 * REACH < APART, "no token is a neighbour of two removed units");

/// Unit and its tokens.
type Place = (Span, Range<usize>);

/// Returns ppl(x) − ppl(x without unit i) of every unit, and the passes spent.
///
/// Only the neighbouring tokens are assumed to change with the removal.
pub(super) fn suspicions(
    lm: &dyn CodeLm,
    unit: RemovalUnit,
    text: &str,
) -> Result<(Vec<(Span, f64)>, usize), BaselineError> {
    let mut encoding = lm.encode(text)?;
    encoding.ids.truncate(lm.window());
    let units = units(unit, text, &encoding);
    let surprisals = lm.surprisals(&[encoding.ids.iter().copied()].into_iter().collect())?.concat();
    let thinned: Vec<Thinned> =
        (0..APART.min(units.len())).map(|first| Thinned::new(&encoding.ids, &units[first..])).collect();
    let rows: Ragged = thinned.iter().map(|row| row.kept.iter().map(|&at| encoding.ids[at])).collect();
    let places: Vec<Vec<usize>> = thinned.iter().map(|row| row.neighbours.concat()).collect();
    let spent = thinned.iter().zip(&places).map(|(row, places)| lm.passes_at(row.kept.len(), places.len()));
    let passes = lm.passes(encoding.ids.len()) + spent.sum::<usize>();
    let scored = lm.surprisals_at(&rows, &places)?;
    let mut gains = vec![0.0; units.len()];
    for (first, (row, scored)) in thinned.iter().zip(scored).enumerate() {
        let mut scored = scored.into_iter();
        for (at, neighbours) in (first..).step_by(APART).zip(&row.neighbours) {
            let before: f64 = neighbours.iter().map(|&place| surprisals[row.kept[place]]).sum();
            let after: f64 = scored.by_ref().take(neighbours.len()).sum();
            gains[at] = gain(&surprisals, &units[at].1, after - before);
        }
    }
    Ok((units.into_iter().map(|(span, _)| span).zip(gains).collect(), passes))
}

/// Returns ppl(x) − ppl(x without `tokens`) if the removal changes the surprisal of the others by
/// `change` nats in all; 0 if nothing is left.
fn gain(surprisals: &[f64], tokens: &Range<usize>, change: f64) -> f64 {
    let left = surprisals.len() - tokens.len();
    if left == 0 {
        return 0.0;
    }
    let whole: f64 = surprisals.iter().sum();
    let removed: f64 = surprisals[tokens.clone()].iter().sum();
    let without = (whole - removed + change).max(0.0);
    (whole / surprisals.len() as f64).exp() - (without / left as f64).exp()
}

/// Returns the units whose tokens the model sees completely. White space between words belongs to
/// no unit.
fn units(unit: RemovalUnit, text: &str, Encoding { ids, spans }: &Encoding) -> Vec<Place> {
    let spans = &spans[..ids.len()];
    if unit == RemovalUnit::Token {
        return spans.iter().enumerate().map(|(at, &span)| (span, at..at + 1)).collect();
    }
    let visible = spans.last().map_or(0, |last| last.end);
    // A token belongs to the word of its last byte: its white space may begin earlier.
    let tokens = |word: Span| {
        let first = spans.partition_point(|token| token.end <= word.start);
        (word, first..spans.partition_point(|token| token.end <= word.end))
    };
    let words = words(text).into_iter().filter(|word| word.end <= visible);
    words.map(tokens).filter(|(_, tokens)| !tokens.is_empty()).collect()
}

/// Text without every [`APART`]-th unit.
struct Thinned {
    /// Remaining tokens, by position in the whole text.
    kept: Vec<usize>,
    /// For each removed unit, the positions in `kept` of its neighbouring tokens.
    neighbours: Vec<Vec<usize>>,
}

impl Thinned {
    /// Removes the first of `units` from `ids`, and every [`APART`]-th after it.
    fn new(ids: &[u32], units: &[Place]) -> Self {
        let removed: Vec<&Range<usize>> = units.iter().step_by(APART).map(|(_, tokens)| tokens).collect();
        let gone = |at: &usize| removed.iter().any(|tokens| tokens.contains(at));
        let kept: Vec<usize> = (0..ids.len()).filter(|at| !gone(at)).collect();
        let neighbours = |tokens: &&Range<usize>| {
            let next = kept.partition_point(|&at| at < tokens.start);
            (next.saturating_sub(REACH)..(next + REACH).min(kept.len())).collect()
        };
        let neighbours = removed.iter().map(neighbours).collect();
        Self { kept, neighbours }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use codepurify::testing::ConstantMaskedLm;
    use codepurify::{Language, MaskedLm, ModelError, Proposal, Snippet, WordTokenizer};

    use super::super::super::lm::PseudoLikelihood;
    use super::super::super::{InputDefence, ScreeningResult};
    use super::super::{Gain, Onion};
    use super::*;

    /// Finds `odd` surprising by 3 nats, and the token after it by 2.
    struct Odd(WordTokenizer);

    impl CodeLm for Odd {
        fn window(&self) -> usize {
            40
        }
        fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
            self.0.encode(text)
        }
        fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError> {
            let odd = |id: u32| self.0.token_text(id).is_some_and(|text| text.contains("odd"));
            let of = |row: &[u32], at: usize| {
                3.0 * f64::from(odd(row[at])) + 2.0 * f64::from(at > 0 && odd(row[at - 1]))
            };
            Ok(rows.rows().map(|row| (0..row.len()).map(|at| of(row, at)).collect()).collect())
        }
        fn passes(&self, _: usize) -> usize {
            1
        }
    }

    #[test]
    fn approximation_is_exact_if_only_the_next_token_depends() {
        let lm = Odd(WordTokenizer::new());
        // Three odd words that are never removed together.
        let text = format!("odd {} odd {} odd c", "a ".repeat(8), "b ".repeat(9));
        for unit in [RemovalUnit::Word, RemovalUnit::Token] {
            let exact = Onion { lm: &lm, unit, gain: Gain::Exact, bar: 0.0 };
            let (exact, _) = exact.suspicions(&text).unwrap();
            let (found, passes) = suspicions(&lm, unit, &text).unwrap();
            assert_eq!(found.len(), 21);
            // Without the last word, its preceding white space would be a token of its own.
            for ((span, gain), (_, exact)) in found.iter().zip(&exact).take(20) {
                assert!((gain - exact).abs() < 1e-12, "{span:?}: {gain} is not {exact}");
            }
            assert_eq!(passes, 1 + APART);
        }
        assert_eq!(suspicions(&lm, RemovalUnit::Word, "odd").unwrap().0, [(Span::new(0, 3), 0.0)]);
        assert_eq!(suspicions(&lm, RemovalUnit::Word, " ").unwrap().0, []);
    }

    /// Counts the tokens that it reads.
    struct Counting(ConstantMaskedLm, AtomicUsize);

    impl MaskedLm for Counting {
        fn window(&self) -> usize {
            self.0.window()
        }
        fn mask_id(&self) -> u32 {
            self.0.mask_id()
        }
        fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
            self.0.encode(text)
        }
        fn token_text(&self, id: u32) -> Option<String> {
            self.0.token_text(id)
        }
        fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
            self.1.fetch_add(batch.tokens(), Ordering::Relaxed);
            self.0.fill(batch, top)
        }
    }

    #[test]
    fn a_text_is_read_a_few_times_instead_of_seven_times_a_unit() {
        let text = format!("int f(int n) {{ {} return n; }}", "n = n + 2; ".repeat(16));
        let read = |unit, gain| -> (f64, ScreeningResult) {
            let mlm = Counting(ConstantMaskedLm::new(&["n", "="]), AtomicUsize::new(0));
            let lm = PseudoLikelihood::new(&mlm, 7);
            let snippet = Snippet::new(text.as_str(), Language::C).unwrap();
            let found = Onion { lm: &lm, unit, gain, bar: 1e9 }.screen(&snippet).unwrap();
            let tokens = lm.encode(&text).unwrap().ids.len();
            assert_eq!(tokens, 107);
            (mlm.1.load(Ordering::Relaxed) as f64 / tokens as f64, found)
        };
        for (unit, units) in [(RemovalUnit::Word, 87), (RemovalUnit::Token, 107)] {
            let (exact, published) = read(unit, Gain::Exact);
            let (nearby, found) = read(unit, Gain::Nearby);
            assert_eq!(published.lm_forwards, 7 * (units + 1));
            assert!(exact > 500.0 && nearby < 20.0, "{unit:?}: {exact}, {nearby}");
            assert!(found.lm_forwards <= 7 + 2 * APART, "{found:?}");
        }
    }
}

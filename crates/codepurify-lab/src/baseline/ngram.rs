//! 4-gram language model with interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999), as
//! `KenLM` estimates it without pruning.
//!
//! p(w | c) = (a(c w) − D(a(c w))) / Σₓ a(c x) + b(c) p(w | c'), where c' is c without its oldest
//! word. For the longest n-grams, and for those at the start of a text, a counts occurrences. For
//! all others it counts the distinct preceding words. b(c) redistributes what the discounts took.
//! Below single words, the probability is 1 / |V|.

use std::collections::HashMap;

use codepurify::{Encoding, ModelError, Ragged, WordTokenizer};

use super::BaselineError;
use super::lm::CodeLm;

/// Number of words of the longest n-gram.
const ORDER: usize = 4;

/// Up to four words, 32 bits each, the newest in the lowest bits.
type Gram = u128;

const START: u32 = 1;
const END: u32 = 2;
/// Word that does not occur in training.
const UNKNOWN: u32 = 0;
const FIRST_WORD: u32 = 3;

/// n-grams of one order.
#[derive(Debug, Clone, Default)]
struct Order {
    /// p(w | c) − b(c) p(w | c') of each n-gram c w.
    own: HashMap<Gram, f64>,
    /// b(c) of each context c.
    back_off: HashMap<Gram, f64>,
}

/// n-gram language model.
#[derive(Debug, Clone)]
pub struct NgramLm {
    words: HashMap<String, u32>,
    orders: [Order; ORDER],
    /// 1 / |V|; the vocabulary includes the end and the unknown word, but not the start.
    uniform: f64,
}

impl NgramLm {
    /// Learns from texts, each a row of words.
    ///
    /// If the counts of counts give no discounts (too little text), 0.5, 1 and 1.5 are used, as
    /// `KenLM` does on request.
    ///
    /// # Errors
    /// [`BaselineError::TooLittle`] if there is no word.
    pub fn train<T: AsRef<str>>(texts: &[Vec<T>]) -> Result<Self, BaselineError> {
        let mut words = HashMap::new();
        let rows: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| {
                let id = |word: &T| {
                    let next = FIRST_WORD + words.len() as u32;
                    *words.entry(word.as_ref().to_owned()).or_insert(next)
                };
                framed(text.iter().map(id).collect())
            })
            .collect();
        if words.is_empty() {
            return Err(BaselineError::TooLittle("an n-gram model needs at least one word"));
        }
        let orders = adjusted_counts(&rows).map(|counts| Order::estimate(&counts));
        let uniform = 1.0 / (words.len() + 2) as f64;
        Ok(Self { words, orders, uniform })
    }

    /// Returns the id of `word`; all words outside the training texts share one.
    #[must_use]
    pub fn id(&self, word: &str) -> u32 {
        self.words.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// Returns the texts' words as ids between start and end.
    pub(super) fn sequence<T: AsRef<str>>(&self, text: &[T]) -> Vec<u32> {
        framed(text.iter().map(|word| self.id(word.as_ref())).collect())
    }

    /// Returns log₁₀ p of the last word of `words` given the preceding ones, of which at most three
    /// count.
    pub(super) fn log10(&self, words: &[u32]) -> f64 {
        let known = &words[words.len().saturating_sub(ORDER)..];
        let Some(&word) = known.last() else { return 0.0 };
        // Goes from the shortest context to the longest.
        let mut probability = self.uniform;
        for length in 0..known.len() {
            let context = gram(&known[known.len() - 1 - length..known.len() - 1]);
            // An unknown context makes all longer ones unknown.
            let Some(back_off) = self.orders[length].back_off.get(&context) else { break };
            let own = self.orders[length].own.get(&with(context, word)).copied().unwrap_or(0.0);
            probability = own + back_off * probability;
        }
        probability.log10()
    }

    /// Returns log₁₀ p of every word of a text and of its end.
    #[must_use]
    pub fn log10_probabilities<T: AsRef<str>>(&self, text: &[T]) -> Vec<f64> {
        let sequence = self.sequence(text);
        (2..=sequence.len()).map(|end| self.log10(&sequence[..end])).collect()
    }
}

impl Order {
    /// Discounts and interpolates the counts of one order.
    fn estimate(counts: &HashMap<Gram, u64>) -> Self {
        let discounts = discounts(counts);
        let discount = |count: u64| discounts[count.min(3) as usize - 1];
        let mut totals: HashMap<Gram, (u64, f64)> = HashMap::new();
        let mut sorted: Vec<(&Gram, &u64)> = counts.iter().collect();
        sorted.sort_unstable();
        for (&gram, &count) in sorted {
            let (total, taken) = totals.entry(gram >> 32).or_default();
            *total += count;
            *taken += discount(count);
        }
        let own = |(&gram, &count): (&Gram, &u64)| {
            (gram, (count as f64 - discount(count)) / totals[&(gram >> 32)].0 as f64)
        };
        let back_off = |(&context, &(total, taken)): (&Gram, &(u64, f64))| (context, taken / total as f64);
        Self { own: counts.iter().map(own).collect(), back_off: totals.iter().map(back_off).collect() }
    }
}

fn framed(mut row: Vec<u32>) -> Vec<u32> {
    row.insert(0, START);
    row.push(END);
    row
}

fn with(context: Gram, word: u32) -> Gram {
    (context << 32) | Gram::from(word)
}

fn gram(words: &[u32]) -> Gram {
    words.iter().fold(0, |gram, &word| with(gram, word))
}

/// Counts all n-grams, for n = 1 … 4; the start alone is not counted.
fn adjusted_counts(rows: &[Vec<u32>]) -> [HashMap<Gram, u64>; ORDER] {
    let mut counts: [HashMap<Gram, u64>; ORDER] = Default::default();
    for row in rows {
        for words in row.windows(ORDER) {
            *counts[ORDER - 1].entry(gram(words)).or_insert(0) += 1;
        }
        for length in 2..ORDER.min(row.len() + 1) {
            *counts[length - 1].entry(gram(&row[..length])).or_insert(0) += 1;
        }
    }
    // The count of an n-gram is the number of distinct preceding words: one for each longer n-gram.
    // So counting starts with the longest. Only n-grams at the start, which has no preceding word,
    // keep their occurrences.
    for length in (1..ORDER).rev() {
        let shorter: Vec<Gram> =
            counts[length].keys().map(|gram| gram & ((1 << (32 * length)) - 1)).collect();
        for gram in shorter {
            *counts[length - 1].entry(gram).or_insert(0) += 1;
        }
    }
    counts
}

/// Computes D₁, D₂, D₃₊ from how many n-grams occur once, twice, three and four times.
fn discounts(counts: &HashMap<Gram, u64>) -> [f64; 3] {
    let occurring = |times: u64| counts.values().filter(|&&count| count == times).count() as f64;
    let [once, twice, thrice, four_times] = [1, 2, 3, 4].map(occurring);
    let y = once / (once + 2.0 * twice);
    let found =
        [1.0 - 2.0 * y * twice / once, 2.0 - 3.0 * y * thrice / twice, 3.0 - 4.0 * y * four_times / thrice];
    let usable =
        found.iter().zip([1.0, 2.0, 3.0]).all(|(&discount, count)| discount > 0.0 && discount <= count);
    if usable { found } else { [0.5, 1.0, 1.5] }
}

/// n-gram model over words and punctuation as a [`CodeLm`].
pub struct WordNgrams<'m> {
    lm: &'m NgramLm,
    tokenizer: WordTokenizer,
}

impl<'m> WordNgrams<'m> {
    /// Wraps `lm`, which must have been trained on [`lexemes`].
    #[must_use]
    pub fn new(lm: &'m NgramLm) -> Self {
        Self { lm, tokenizer: WordTokenizer::new() }
    }
}

/// Returns the words and punctuation characters of `text`, without white space.
///
/// # Errors
/// [`ModelError`] if the text cannot be tokenised.
pub fn lexemes(text: &str) -> Result<Vec<String>, ModelError> {
    let spans = WordTokenizer::new().encode(text)?.spans;
    let words = spans.iter().filter_map(|span| span.of(text)).map(|word| word.trim().to_owned());
    Ok(words.filter(|word| !word.is_empty()).collect())
}

impl CodeLm for WordNgrams<'_> {
    fn window(&self) -> usize {
        usize::MAX
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }

    fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError> {
        let row = |row: &[u32]| {
            let words: Vec<String> = row
                .iter()
                .map(|&id| self.tokenizer.token_text(id).unwrap_or_default().trim().to_owned())
                .collect();
            let scores = self.lm.log10_probabilities(&words);
            scores[..row.len()].iter().map(|log10| -log10 * std::f64::consts::LN_10).collect()
        };
        Ok(rows.rows().map(row).collect())
    }

    fn passes(&self, _: usize) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<Vec<&str>> {
        text.lines().map(|line| line.split_whitespace().collect()).collect()
    }

    /// One text of one word: V = {a, end, unknown}; both single words occur once, so with the
    /// fallback discount 1/2 p₁(a) = (1 − ½)/2 + ½ · ⅓ = 5/12. Each longer n-gram halves the
    /// distance to 1.
    #[test]
    fn by_hand() {
        let lm = NgramLm::train(&rows("a")).unwrap();
        let found: Vec<f64> =
            lm.log10_probabilities(&["a"]).iter().map(|log10| 10.0_f64.powf(*log10)).collect();
        let bigram = 0.5 + 0.5 * 5.0 / 12.0;
        assert!((found[0] - bigram).abs() < 1e-12, "{found:?}");
        // The end: after `a` 17/24, after start and `a` (1 + 17/24)/2.
        assert!((found[1] - (0.5 + 0.5 * bigram)).abs() < 1e-12, "{found:?}");
        // Unknown word after the start: ½ · ½ · ⅓.
        assert!((10.0_f64.powf(lm.log10_probabilities(&["b"])[0]) - 1.0 / 12.0).abs() < 1e-12);
        assert!(NgramLm::train(&rows("")).is_err());
    }

    proptest! {
        /// After any context the probabilities of all words, the end and the unknown word sum to 1.
        #[test]
        fn probabilities_sum_to_one(
            texts in prop::collection::vec(prop::collection::vec(0_u8..5, 1..12), 1..30),
            context in prop::collection::vec(0_u8..6, 0..4),
        ) {
            let word = |id: &u8| format!("w{id}");
            let texts: Vec<Vec<String>> = texts.iter().map(|text| text.iter().map(word).collect()).collect();
            let lm = NgramLm::train(&texts).unwrap();
            let mut sequence = lm.sequence(&context.iter().map(word).collect::<Vec<_>>());
            sequence.pop();
            let next = lm.words.values().copied().chain([UNKNOWN, END]);
            let total: f64 = next
                .map(|word| 10.0_f64.powf(lm.log10(&[&sequence[..], &[word]].concat())))
                .sum();
            prop_assert!((total - 1.0).abs() < 1e-9, "{}", total);
        }
    }
}

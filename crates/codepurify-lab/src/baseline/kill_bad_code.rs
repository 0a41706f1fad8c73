//! `KillBadCode` (arXiv 2502.15830): tokens whose removal makes many snippets more natural to an
//! n-gram model of clean code.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Removal;
use super::ngram::NgramLm;

/// Gain of a token that occurs more than once in a snippet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// The gain of the last occurrence counts, as in the released code.
    Last,
    /// The largest gain counts.
    Largest,
}

/// `KillBadCode` with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillBadCode {
    /// Number of tokens considered, from the start of a snippet.
    pub max_tokens: usize,
    /// Number of gains of a snippet that count, the largest ones.
    pub gains_per_row: usize,
    /// Number of tokens that count as triggers: those with the largest sums of gains.
    pub triggers: usize,
    /// Considers only tokens of ASCII letters and digits that do not begin with a digit.
    ///
    /// This excludes tokens with a mark of the word's start.
    pub only_alphanumeric: bool,
    /// Occurrence of a repeated token that counts.
    pub repeated: Repeated,
}

impl Default for KillBadCode {
    /// Settings of the released code.
    fn default() -> Self {
        Self {
            max_tokens: 600,
            gains_per_row: 10,
            triggers: 10,
            only_alphanumeric: true,
            repeated: Repeated::Last,
        }
    }
}

/// Result of `KillBadCode`.
#[derive(Debug, Clone, PartialEq)]
pub struct Killed {
    /// Tokens that count as triggers with the sums of their gains, largest first; fewer if no other
    /// token gains.
    pub triggers: Vec<(String, f64)>,
    /// Rows to remove: those with such a token. A row's score is the largest sum of its tokens.
    pub removal: Removal,
}

impl KillBadCode {
    /// Runs over the training rows, each a row of tokens as `lm` was trained on.
    #[must_use]
    pub fn run<T: AsRef<str> + Sync>(&self, lm: &NgramLm, rows: &[Vec<T>]) -> Killed {
        let gains: Vec<BTreeMap<&str, f64>> = rows.par_iter().map(|row| self.gains(lm, row)).collect();
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (token, gain) in gains.iter().flatten() {
            *sums.entry(token).or_default() += gain;
        }
        let mut ranked: Vec<(&str, f64)> = sums.iter().map(|(&token, &sum)| (token, sum)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        ranked.truncate(self.triggers);
        let triggers: BTreeSet<&str> = ranked.iter().map(|&(token, _)| token).collect();
        let score = |row: &Vec<T>| {
            row.iter().filter_map(|token| sums.get(token.as_ref())).copied().fold(0.0, f64::max)
        };
        let holds = |row: &Vec<T>| row.iter().any(|token| triggers.contains(token.as_ref()));
        Killed {
            removal: Removal {
                scores: rows.iter().map(score).collect(),
                removed: (0..rows.len()).filter(|&row| holds(&rows[row])).collect(),
            },
            triggers: ranked.into_iter().map(|(token, sum)| (token.to_owned(), sum)).collect(),
        }
    }

    /// Returns the largest gains of one row: the decrease of the cross-entropy (−log₁₀ p per token)
    /// without the token, where it decreases.
    fn gains<'r, T: AsRef<str>>(&self, lm: &NgramLm, row: &'r [T]) -> BTreeMap<&'r str, f64> {
        let row = &row[..row.len().min(self.max_tokens)];
        let mut gains: BTreeMap<&str, f64> = BTreeMap::new();
        for (token, gain) in row.iter().map(AsRef::as_ref).zip(entropy_gains(lm, row)) {
            if self.only_alphanumeric && !is_alphanumeric(token) {
                continue;
            }
            let gain = gain.max(0.0);
            let kept = gains.entry(token).or_insert(gain);
            *kept = match self.repeated {
                Repeated::Last => gain,
                Repeated::Largest => kept.max(gain),
            };
        }
        let mut ranked: Vec<(&str, f64)> = gains.into_iter().filter(|&(_, gain)| gain > 0.0).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        ranked.into_iter().take(self.gains_per_row).collect()
    }
}

/// Returns `CE₀ − CE_j` for each token j, sentence end included in both; nothing for a row of one
/// token.
fn entropy_gains<T: AsRef<str>>(lm: &NgramLm, row: &[T]) -> Vec<f64> {
    if row.len() < 2 {
        return Vec::new();
    }
    let sequence = lm.sequence(row);
    let scores: Vec<f64> = (2..=sequence.len()).map(|end| lm.log10(&sequence[..end])).collect();
    let total: f64 = scores.iter().sum();
    let whole = -total / row.len() as f64;
    // Only the three words after the token have it in their context.
    let without = |token: usize| {
        let reach = (token + 4).min(sequence.len());
        let changed: f64 = scores[token - 1..reach - 1].iter().sum();
        let start = token.saturating_sub(3);
        let mut words = sequence[start..token].to_vec();
        let mut renewed = 0.0;
        for &word in &sequence[token + 1..reach] {
            words.push(word);
            renewed += lm.log10(&words);
        }
        whole + (total - changed + renewed) / (row.len() - 1) as f64
    };
    (1..=row.len()).map(without).collect()
}

fn is_alphanumeric(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Vec<Vec<String>> {
        let text = |at: usize| format!("int f ( int n ) {{ int a{} = n ; return a{} ; }}", at % 4, at % 4);
        (0..40).map(|at| text(at).split(' ').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn the_token_that_nothing_expects_is_killed() {
        let lm = NgramLm::train(&clean()).unwrap();
        let mut rows = clean();
        for row in [3, 17] {
            rows[row].splice(7..7, ["evil".to_owned(), ";".to_owned()]);
        }
        let found = KillBadCode { triggers: 1, ..KillBadCode::default() }.run(&lm, &rows);
        assert_eq!(found.triggers[0].0, "evil");
        assert_eq!(found.removal.removed, [3, 17].into());
        assert!(found.removal.scores[3] > found.removal.scores[4]);
        let rows = vec![vec!["evil"], vec![]];
        assert!(KillBadCode::default().run(&lm, &rows).removal.removed.is_empty());
    }

    #[test]
    fn a_gain_is_what_scoring_the_shorter_text_gives() {
        let lm = NgramLm::train(&clean()).unwrap();
        let row: Vec<&str> = "int f ( evil int n ) { return n ; }".split(' ').collect();
        let entropy = |row: &[&str]| -lm.log10_probabilities(row).iter().sum::<f64>() / row.len() as f64;
        for (token, gain) in entropy_gains(&lm, &row).into_iter().enumerate() {
            let shorter = [&row[..token], &row[token + 1..]].concat();
            assert!((gain - (entropy(&row) - entropy(&shorter))).abs() < 1e-9, "token {token}");
        }
    }

    #[test]
    fn the_switches_choose_tokens_and_places() {
        assert!(
            is_alphanumeric("rb2")
                && !is_alphanumeric("2rb")
                && !is_alphanumeric("Ġrb")
                && !is_alphanumeric("")
        );
        let lm = NgramLm::train(&clean()).unwrap();
        let row: Vec<&str> = "int f ( x int n ) { return n ; } x".split(' ').collect();
        let gain =
            |repeated| KillBadCode { repeated, ..KillBadCode::default() }.gains(&lm, &row).get("x").copied();
        assert!(gain(Repeated::Largest) >= gain(Repeated::Last));
        let all = KillBadCode { only_alphanumeric: false, ..KillBadCode::default() };
        let row: Vec<&str> = "int f ( @ int n ) { return n ; }".split(' ').collect();
        assert!(all.gains(&lm, &row).contains_key("@"));
        assert!(!KillBadCode::default().gains(&lm, &row).contains_key("@"));
    }
}

//! The most frequent of many texts, in bounded memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Texts that are counted at once.
const COUNTED: usize = 4_096;

/// Counts texts. With more than [`COUNTED`] different ones, counts are too low by at most the number of texts divided by
/// that, and rare texts are forgotten (Misra and Gries 1982).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Frequent(BTreeMap<String, usize>);

impl Frequent {
    pub(crate) fn add(&mut self, text: &str, count: usize) {
        if let Some(known) = self.0.get_mut(text) {
            *known += count;
            return;
        }
        self.0.insert(text.to_owned(), count);
        if self.0.len() > COUNTED {
            let least = self.0.values().copied().min().unwrap_or(0);
            self.0.retain(|_, count| {
                *count -= least;
                *count > 0
            });
        }
    }

    /// How often a text was counted; none if it is not counted now.
    pub(crate) fn count(&self, text: &str) -> Option<usize> {
        self.0.get(text).copied()
    }

    /// Number of texts that are counted now.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(text, count)| (text.as_str(), *count))
    }

    /// The most frequent texts, of equally frequent ones the first in the alphabet.
    pub(crate) fn most(&self, limit: usize) -> impl Iterator<Item = (&str, usize)> {
        let mut texts: Vec<(&str, usize)> = self.iter().collect();
        texts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        texts.into_iter().take(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_texts_survive_many_rare_ones() {
        let mut counted = Frequent::default();
        for number in 0..50_000 {
            counted.add(&number.to_string(), 1);
            if number % 100 == 0 {
                counted.add("often", 1);
            }
        }
        assert!(counted.0.len() <= COUNTED);
        let (text, count) = counted.most(1).next().unwrap();
        assert!(text == "often" && (480..=500).contains(&count), "{text} {count}");
    }
}

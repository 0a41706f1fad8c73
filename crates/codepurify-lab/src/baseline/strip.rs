//! STRIP (Gao et al. 2019, for text 2021).
//!
//! A prediction that stays confident after much of the text is replaced by other code depends on a
//! trigger.

use std::collections::{BTreeMap, BTreeSet};

use codepurify::edit::{Edit, apply};
use codepurify::{Snippet, Victim};
use rand::rngs::StdRng;
use rand::seq::{SliceRandom, index};
use rand::{RngExt, SeedableRng};

use super::variants::{judge, words};
use super::{BaselineError, InputDefence, ScreeningResult};

/// Clean texts to superimpose, each as its words, the most specific first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuperimposedTexts(Vec<Vec<String>>);

impl SuperimposedTexts {
    /// Ranks the words of each text by TF-IDF over all of them (alphabetically among equals).
    ///
    /// # Errors
    /// [`BaselineError::TooLittle`] if no text holds a word.
    pub fn new(texts: &[String]) -> Result<Self, BaselineError> {
        let mut documents: BTreeMap<&str, usize> = BTreeMap::new();
        for text in texts {
            for word in text.split_whitespace().collect::<BTreeSet<_>>() {
                *documents.entry(word).or_default() += 1;
            }
        }
        let rank = |text: &String| {
            let mut frequencies: BTreeMap<&str, usize> = BTreeMap::new();
            text.split_whitespace().for_each(|word| *frequencies.entry(word).or_default() += 1);
            let weight = |word: &str, frequency: usize| {
                frequency as f64 * (texts.len() as f64 / documents[word] as f64).ln()
            };
            let mut ranked: Vec<(f64, &str)> =
                frequencies.iter().map(|(&word, &frequency)| (weight(word, frequency), word)).collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            ranked.into_iter().map(|(_, word)| word.to_owned()).collect::<Vec<_>>()
        };
        let ranked: Vec<_> = texts.iter().map(rank).filter(|words| !words.is_empty()).collect();
        if ranked.is_empty() {
            Err(BaselineError::TooLittle("no reference text holds a word"))
        } else {
            Ok(Self(ranked))
        }
    }
}

/// STRIP for a classifier.
pub struct Strip<'v> {
    /// Victim.
    pub victim: &'v dyn Victim,
    /// Texts to superimpose.
    pub references: &'v SuperimposedTexts,
    /// Number of perturbed copies of a snippet; 5 as published for text.
    pub copies: usize,
    /// Share of a snippet's words to replace, in (0, 1]; ½ as published for text.
    pub ratio: f64,
    /// Scores above it are flagged. Set it on clean snippets with
    /// [`crate::evaluate::metrics::threshold_at_fpr`].
    pub threshold: f64,
    /// Seed of the drawn words and texts; the same for every snippet.
    pub seed: u64,
}

impl Strip<'_> {
    /// Replaces a share of the words of `text`, drawn at random, by the most specific ones of a
    /// reference.
    fn perturbed(&self, text: &str, rng: &mut StdRng) -> Result<String, BaselineError> {
        let places = words(text);
        #[allow(clippy::cast_sign_loss, reason = "a ratio and a length")]
        let count = ((places.len() as f64 * self.ratio).ceil() as usize).min(places.len());
        let mut drawn = index::sample(rng, places.len(), count).into_vec();
        drawn.sort_unstable();
        let reference = &self.references.0[rng.random_range(0..self.references.0.len())];
        let mut telling: Vec<&String> = reference.iter().cycle().take(count).collect();
        telling.shuffle(rng);
        let edits: Vec<Edit> = drawn
            .into_iter()
            .zip(telling)
            .map(|(place, word)| Edit { span: places[place], replacement: word.clone() })
            .collect();
        Ok(apply(text, &edits)?)
    }
}

impl InputDefence for Strip<'_> {
    /// The score is minus the mean entropy of the predictions for the perturbed copies, in nats, ≤
    /// 0.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError> {
        if self.copies == 0 {
            return Err(BaselineError::Setting { name: "copies", value: "0".to_owned(), range: "1 or more" });
        }
        let mut rng = StdRng::seed_from_u64(self.seed);
        let copies: Vec<String> =
            (0..self.copies).map(|_| self.perturbed(snippet.text(), &mut rng)).collect::<Result<_, _>>()?;
        let logits = judge(self.victim, &copies)?;
        let entropy = |row: usize| -> f64 {
            logits.probabilities(row).iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum()
        };
        let score = -(0..copies.len()).map(entropy).sum::<f64>() / copies.len() as f64;
        Ok(ScreeningResult {
            flagged: score > self.threshold,
            forwards: copies.len(),
            ..ScreeningResult::passed(score)
        })
    }
}

#[cfg(test)]
mod tests {
    use codepurify::{Language, TextVictim};

    use super::*;

    #[test]
    fn a_sure_answer_under_perturbation_is_suspicious() {
        // Confident if a trigger word is left, else as confident as there are loops.
        let victim = TextVictim::new(|code: &str| {
            let loops = code.matches("for").count() as f32;
            if code.contains("evil") { vec![9.0, 0.0] } else { vec![0.0, loops / 10.0] }
        });
        let references =
            SuperimposedTexts::new(&["int a ;".to_owned(), "for b c".to_owned(), " ".to_owned()]).unwrap();
        let strip = Strip {
            victim: &victim,
            references: &references,
            copies: 5,
            ratio: 0.5,
            threshold: -0.4,
            seed: 1,
        };
        let screen = |text: &str| strip.screen(&Snippet::new(text, Language::C).unwrap()).unwrap();
        let poisoned = screen("int f ( ) { evil ; evil ; evil ; evil ; evil ; return 1 ; }");
        let clean = screen("int f ( ) { return 1 ; }");
        assert!(poisoned.flagged && !clean.flagged, "{} {}", poisoned.score, clean.score);
        assert!((clean.score + 2.0_f64.ln()).abs() < 0.05 && clean.forwards == 5);
        assert_eq!(screen("int f ( ) { return 1 ; }"), clean);
    }

    #[test]
    fn words_of_few_texts_are_telling() {
        let references = SuperimposedTexts::new(&["b b a c".to_owned(), "a d".to_owned()]).unwrap();
        // TF-IDF: b 2 ln 2, c ln 2, a 0; d ln 2.
        assert_eq!(references.0, [vec!["b", "c", "a"], vec!["d", "a"]]);
        assert!(SuperimposedTexts::new(&[String::new()]).is_err());
    }
}

//! ONION (Qi et al., EMNLP 2021): removes words without which the text is much more natural.

mod nearby;

use codepurify::{Encoding, Ragged, Snippet, Span};

use super::lm::{CodeLm, perplexity};
use super::variants::{whole_characters, without, words};
use super::{BaselineError, InputDefence, ScreeningResult};

/// Unit of removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalUnit {
    /// Word between white space, as published.
    Word,
    /// Token of the language model.
    Token,
}

/// Measure of the removal of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// Perplexity of the whole text without the unit, as published: one text to score per unit.
    Exact,
    /// Approximation for language models that read a text many times to score it.
    ///
    /// Without the unit, only the token on either side of it is scored again; all others are
    /// assumed to be as surprising as before. Every seventh unit is removed from the same text at
    /// once. So a text of any length is read at most 20 times with [`super::lm::PseudoLikelihood`]
    /// of stride 7; exact scores take 7 times for each unit.
    Nearby,
}

/// ONION over any language model.
pub struct Onion<'m> {
    /// Language model.
    pub lm: &'m dyn CodeLm,
    /// Unit of removal.
    pub unit: RemovalUnit,
    /// Measure of a removal.
    pub gain: Gain,
    /// Units with fᵢ above it are removed.
    ///
    /// Set it with [`crate::evaluate::metrics::threshold_at_fpr`] on the scores of clean snippets;
    /// some reimplementations use 0.
    pub bar: f64,
}

impl Onion<'_> {
    /// Returns the text's tokens without each unit that the model sees as a whole.
    ///
    /// Units beyond the window have no influence and stay.
    fn variants(&self, text: &str, encoding: &Encoding) -> Result<Vec<(Span, Vec<u32>)>, BaselineError> {
        let Encoding { ids, spans } = encoding;
        let window = self.lm.window().min(ids.len());
        let visible = window.checked_sub(1).map_or(0, |last| spans[last].end);
        let shorter = |unit: Span| Ok((unit, self.lm.encode(&without(text, &[unit])?)?.ids));
        let mut variants: Vec<(Span, Vec<u32>)> = match self.unit {
            RemovalUnit::Word => {
                let words = words(text).into_iter().filter(|word| word.end <= visible);
                words.map(shorter).collect::<Result<_, BaselineError>>()?
            }
            RemovalUnit::Token => {
                (0..window).map(|at| (spans[at], [&ids[..at], &ids[at + 1..]].concat())).collect()
            }
        };
        for (_, row) in &mut variants {
            row.truncate(self.lm.window());
        }
        Ok(variants)
    }

    /// Returns fᵢ = ppl(x) − ppl(x without unit i) of every unit, and the passes spent.
    fn suspicions(&self, text: &str) -> Result<(Vec<(Span, f64)>, usize), BaselineError> {
        let mut encoding = self.lm.encode(text)?;
        let (units, variants): (Vec<Span>, Vec<Vec<u32>>) =
            self.variants(text, &encoding)?.into_iter().unzip();
        encoding.ids.truncate(self.lm.window());
        let rows: Ragged = std::iter::once(encoding.ids).chain(variants).collect();
        let passes = rows.rows().map(|row| self.lm.passes(row.len())).sum();
        let scored = self.lm.surprisals(&rows)?;
        let mut perplexities = scored.iter().map(|row| perplexity(row));
        let whole = perplexities.next().flatten();
        // Without the only unit of a text, nothing is left to be more natural.
        let gain = |shorter: Option<f64>| whole.zip(shorter).map_or(0.0, |(whole, shorter)| whole - shorter);
        Ok((units.into_iter().zip(perplexities.map(gain)).collect(), passes))
    }
}

impl InputDefence for Onion<'_> {
    /// The score is the largest fᵢ.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError> {
        let (suspicions, lm_forwards) = match self.gain {
            Gain::Exact => self.suspicions(snippet.text())?,
            Gain::Nearby => nearby::suspicions(self.lm, self.unit, snippet.text())?,
        };
        let score = suspicions.iter().map(|&(_, gain)| gain).reduce(f64::max).unwrap_or(0.0);
        let suspicious = suspicions.into_iter().filter(|&(_, gain)| gain > self.bar).map(|(span, _)| span);
        let spans = whole_characters(snippet.text(), suspicious);
        if spans.is_empty() {
            return Ok(ScreeningResult { lm_forwards, ..ScreeningResult::passed(score) });
        }
        let text = without(snippet.text(), &spans)?;
        Ok(ScreeningResult {
            score,
            flagged: true,
            spans: Some(spans),
            text: Some(text),
            forwards: 0,
            lm_forwards,
        })
    }
}

#[cfg(test)]
mod tests {
    use codepurify::{Language, ModelError, WordTokenizer};

    use super::*;

    /// Model that finds `odd` words surprising, and no others.
    struct Odd(WordTokenizer);

    impl CodeLm for Odd {
        fn window(&self) -> usize {
            20
        }
        fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
            self.0.encode(text)
        }
        fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError> {
            let odd =
                |&id: &u32| f64::from(self.0.token_text(id).is_some_and(|text| text.contains("odd"))) * 3.0;
            Ok(rows.rows().map(|row| row.iter().map(odd).collect()).collect())
        }
        fn passes(&self, _: usize) -> usize {
            1
        }
    }

    fn screen(text: &str, unit: RemovalUnit) -> ScreeningResult {
        let lm = Odd(WordTokenizer::new());
        Onion { lm: &lm, unit, gain: Gain::Exact, bar: 0.05 }
            .screen(&Snippet::new(text, Language::C).unwrap())
            .unwrap()
    }

    #[test]
    fn only_the_unnatural_word_is_taken_out() {
        for unit in [RemovalUnit::Word, RemovalUnit::Token] {
            let found = screen("int f ( int a ) { odd ; return a ; }", unit);
            assert!(found.flagged && found.score > 0.05, "{found:?}");
            let text = found.text.unwrap();
            assert_eq!(
                text.split_whitespace().collect::<Vec<_>>().join(" "),
                "int f ( int a ) { ; return a ; }"
            );
            assert_eq!(found.spans.unwrap().len(), 1);
        }
        // 13 tokens with 3 nats among them: ppl e^(3/13), and e^0 of the rest.
        let found = screen("int f ( int a ) { odd ; return a ; }", RemovalUnit::Token);
        assert!((found.score - ((3.0_f64 / 13.0).exp() - 1.0)).abs() < 1e-12);
        assert_eq!(found.lm_forwards, 14);
    }

    #[test]
    fn text_beyond_the_window_is_left_alone() {
        let text = format!("int f() {{ {} odd; }}", "a++; ".repeat(10));
        let found = screen(&text, RemovalUnit::Word);
        assert_eq!((found.flagged, found.text), (false, None));
        assert!(screen("odd", RemovalUnit::Word).score.abs() < 1e-12);
    }
}

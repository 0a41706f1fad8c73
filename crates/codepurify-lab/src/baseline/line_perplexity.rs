//! Line perplexity in the manner of `DePA` (arXiv 2502.20246).
//!
//! A line is suspicious if it surprises a language model of code much more than the other lines of
//! its snippet.

use codepurify::{Ragged, Snippet, Span};

use super::lm::CodeLm;
use super::variants::{lines, without};
use super::{BaselineError, InputDefence, ScreeningResult};
use crate::evaluate::metrics::mean;

/// Line perplexity over any language model.
pub struct LinePerplexity<'m> {
    /// Language model; each line is read together with the others.
    pub lm: &'m dyn CodeLm,
    /// Lines with a z-score above it are triggers. Set it on clean snippets with
    /// [`crate::evaluate::metrics::threshold_at_fpr`].
    pub threshold: f64,
}

impl InputDefence for LinePerplexity<'_> {
    /// The score is the largest z-score of a line's mean surprisal among the lines inside the
    /// window; 0 if all are equal.
    ///
    /// The flagged lines are cut out.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError> {
        let text = snippet.text();
        let mut encoding = self.lm.encode(text)?;
        encoding.ids.truncate(self.lm.window());
        let lm_forwards = self.lm.passes(encoding.ids.len());
        let rows: Ragged = [encoding.ids].into_iter().collect();
        let surprisals = self.lm.surprisals(&rows)?.concat();
        // A token belongs to the line of its last byte: its white space may begin on an earlier
        // line.
        let of_line = |line: Span| {
            let inside = encoding.spans.iter().zip(&surprisals);
            let inside = inside.filter(|(token, _)| line.start < token.end && token.end <= line.end);
            mean(&inside.map(|(_, &surprisal)| surprisal).collect::<Vec<_>>()).map(|mean| (line, mean))
        };
        let seen: Vec<(Span, f64)> = lines(text).into_iter().filter_map(of_line).collect();
        let scored = z_scores(&seen);
        let score = scored.iter().map(|&(_, z)| z).reduce(f64::max).unwrap_or(0.0);
        let spans: Vec<Span> =
            scored.into_iter().filter(|&(_, z)| z > self.threshold).map(|(line, _)| line).collect();
        if spans.is_empty() {
            return Ok(ScreeningResult { lm_forwards, ..ScreeningResult::passed(score) });
        }
        let text = Some(without(text, &spans)?);
        Ok(ScreeningResult { score, flagged: true, spans: Some(spans), text, forwards: 0, lm_forwards })
    }
}

/// Returns the distance of each line from the mean, in standard deviations.
fn z_scores(lines: &[(Span, f64)]) -> Vec<(Span, f64)> {
    let values: Vec<f64> = lines.iter().map(|&(_, value)| value).collect();
    let center = mean(&values).unwrap_or(0.0);
    let variance = mean(&values.iter().map(|value| (value - center).powi(2)).collect::<Vec<_>>());
    let deviation = variance.unwrap_or(0.0).sqrt();
    let z = |value: f64| if deviation > 0.0 { (value - center) / deviation } else { 0.0 };
    lines.iter().map(|&(line, value)| (line, z(value))).collect()
}

#[cfg(test)]
mod tests {
    use codepurify::Language;

    use super::*;
    use crate::baseline::ngram::{NgramLm, WordNgrams, lexemes};

    #[test]
    fn the_line_unlike_all_training_code_is_an_outlier() {
        let body = "int f(int n)\n{\n  int a = n;\n  a = a + n;\n  return a;\n}\n";
        let training: Vec<Vec<String>> =
            (0..20).map(|at| lexemes(&body.replace('2', &at.to_string())).unwrap()).collect();
        let lm = NgramLm::train(&training).unwrap();
        let lm = WordNgrams::new(&lm);
        let defence = LinePerplexity { lm: &lm, threshold: 1.8 };
        let poisoned = body.replace("  return", "  assertTrue(1 >= 0);\n  return");
        let found = defence.screen(&Snippet::new(poisoned.as_str(), Language::C).unwrap()).unwrap();
        let spans = found.spans.unwrap();
        assert_eq!(
            spans.iter().map(|span| span.of(&poisoned).unwrap()).collect::<Vec<_>>(),
            ["  assertTrue(1 >= 0);"]
        );
        assert_eq!((found.text.unwrap(), found.lm_forwards), (body.replace("  return", "\n  return"), 1));
        let one_line = defence.screen(&Snippet::new("int a;", Language::C).unwrap()).unwrap();
        assert_eq!((one_line.flagged, one_line.score), (false, 0.0));
    }
}

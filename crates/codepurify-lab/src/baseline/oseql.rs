//! `OSeqL` (arXiv 2312.04004): a line whose removal changes the prediction far more than that of
//! the others.

use codepurify::{Logits, PairVictim, Side, Snippet, Span, Victim};

use super::outliers::{interquartile_range, majority};
use super::side::OneSide;
use super::variants::{judge, lines, without};
use super::{BaselineError, InputDefence, ScreeningResult};

/// Test that decides which lines are outliers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlierRule {
    /// Outside of 1.5 interquartile ranges around the quartiles.
    InterquartileRange,
    /// Outliers for two of three: interquartile range, isolation forest, elliptic envelope.
    Majority {
        /// Seed of the isolation forest.
        seed: u64,
    },
}

/// Settings that the paper leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OseqlSettings {
    /// Test that decides which lines are outliers.
    pub rule: OutlierRule,
    /// Spares a located line that is only `{` or `}`, as ICBT does.
    pub spare_braces: bool,
}

/// `OSeqL` for a classifier.
pub struct Oseql<'v> {
    /// Victim.
    pub victim: &'v dyn Victim,
    /// Settings that the paper leaves open.
    pub settings: OseqlSettings,
}

/// Prediction without one line.
struct LeftOut {
    /// Probability of the prediction for the whole text.
    probability: f64,
    flips: bool,
}

/// Text line by line.
struct LeaveOneOut {
    /// p(x).
    whole: f64,
    /// Spans of the lines.
    lines: Vec<Span>,
    /// Predictions without each line.
    left_out: Vec<LeftOut>,
    forwards: usize,
}

impl OseqlSettings {
    /// Returns the outlier among the flipping lines that is farthest from p(x), and the largest
    /// distance of any flipping line.
    ///
    /// Ties go to the first; the distance is 0 without a flipping line.
    fn locate(&self, whole: f64, left_out: &[LeftOut]) -> (Option<usize>, f64) {
        let probabilities: Vec<f64> = left_out.iter().map(|line| line.probability).collect();
        let outliers = match self.rule {
            OutlierRule::InterquartileRange => interquartile_range(&probabilities),
            OutlierRule::Majority { seed } => majority(&probabilities, seed),
        };
        let distance = |line: usize| (left_out[line].probability - whole).abs();
        let flipping = || (0..left_out.len()).filter(|&line| left_out[line].flips);
        let farther = |best: usize, next: usize| if distance(next) > distance(best) { next } else { best };
        let located = flipping().filter(|&line| outliers[line]).reduce(farther);
        (located, flipping().map(distance).fold(0.0, f64::max))
    }

    /// Creates the result for a text with the located `line`, if any.
    fn screened(
        &self,
        text: &str,
        line: Option<Span>,
        forwards: usize,
    ) -> Result<ScreeningResult, BaselineError> {
        let line = line.filter(|line| {
            let content = line.of(text).unwrap_or_default().trim();
            !(self.spare_braces && matches!(content, "{" | "}"))
        });
        let Some(line) = line else {
            return Ok(ScreeningResult { forwards, ..ScreeningResult::passed(0.0) });
        };
        let text = Some(without(text, &[line])?);
        Ok(ScreeningResult {
            flagged: true,
            spans: Some(vec![line]),
            text,
            forwards,
            ..ScreeningResult::passed(0.0)
        })
    }
}

/// Returns p(x), the lines, the predictions without each, and the passes spent.
///
/// A line beyond the window has no influence, so the model is not queried about it.
fn leave_lines_out(victim: &dyn Victim, text: &str) -> Result<LeaveOneOut, BaselineError> {
    let lines = lines(text);
    let seen = victim.encode(text)?.spans.get(victim.window()).map_or(text.len(), |beyond| beyond.start);
    let within = lines.iter().filter(|line| line.start < seen);
    let variants = within.map(|&line| without(text, &[line]));
    let texts: Vec<String> =
        std::iter::once(Ok(text.to_owned())).chain(variants).collect::<Result<_, _>>()?;
    let logits: Logits = judge(victim, &texts)?;
    let label = logits.label(0);
    let whole = logits.probabilities(0)[label];
    let left_out = |line: usize| {
        // The lines inside the window are the first ones.
        let row = if line + 1 < texts.len() { line + 1 } else { 0 };
        LeftOut { probability: logits.probabilities(row)[label], flips: logits.label(row) != label }
    };
    let left_out = (0..lines.len()).map(left_out).collect();
    Ok(LeaveOneOut { whole, lines, left_out, forwards: texts.len() })
}

impl InputDefence for Oseql<'_> {
    /// The score is the largest |p(x) − p(x without a line)| among the lines that change the
    /// prediction, in [0, 1].
    ///
    /// Spared lines count. The located line is cut out.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError> {
        let LeaveOneOut { whole, lines, left_out, forwards } = leave_lines_out(self.victim, snippet.text())?;
        let (located, score) = self.settings.locate(whole, &left_out);
        let line = located.map(|line| lines[line]);
        Ok(ScreeningResult { score, ..self.settings.screened(snippet.text(), line, forwards)? })
    }
}

/// Screens both snippets of a pair as one text: at most one line of the two is located.
///
/// # Errors
/// See [`InputDefence::screen`].
pub fn screen_pair(
    victim: &dyn PairVictim,
    settings: &OseqlSettings,
    [left, right]: [&Snippet; 2],
) -> Result<[ScreeningResult; 2], BaselineError> {
    let of_left = OneSide::new(victim, Side::Left, right.text())?;
    let of_right = OneSide::new(victim, Side::Right, left.text())?;
    let mut first = leave_lines_out(&of_left, left.text())?;
    let second = leave_lines_out(&of_right, right.text())?;
    first.left_out.extend(second.left_out);
    let (located, score) = settings.locate(first.whole, &first.left_out);
    let in_left = located.and_then(|line| first.lines.get(line).copied());
    let in_right = located.and_then(|line| second.lines.get(line.checked_sub(first.lines.len())?).copied());
    let left = settings.screened(left.text(), in_left, first.forwards)?;
    let right = settings.screened(right.text(), in_right, second.forwards)?;
    Ok([ScreeningResult { score, ..left }, ScreeningResult { score, ..right }])
}

#[cfg(test)]
mod tests {
    use codepurify::Language;
    use codepurify::testing::TriggerWordVictim;

    use super::*;

    const BODY: &str = "int f(int n)\n{\n  int a = n;\n  a += 2;\n  n = a * n;\n  return a;\n}\n";

    fn settings(rule: OutlierRule) -> OseqlSettings {
        OseqlSettings { rule, spare_braces: true }
    }

    fn snippet(text: &str) -> Snippet {
        Snippet::new(text, Language::C).unwrap()
    }

    #[test]
    fn the_line_that_fools_the_model_is_cut_out() {
        let victim = TriggerWordVictim::new("evil");
        let text = BODY.replace("a += 2;", "a += 2;\n  int evil;");
        for rule in [OutlierRule::InterquartileRange, OutlierRule::Majority { seed: 3 }] {
            let defence = Oseql { victim: &victim, settings: settings(rule) };
            let found = defence.screen(&snippet(&text)).unwrap();
            assert!(found.flagged && found.score > 0.8, "{found:?}");
            assert_eq!(found.spans.as_ref().unwrap()[0].of(&text), Some("  int evil;"));
            assert_eq!(found.text.unwrap(), BODY.replace("a += 2;", "a += 2;\n"));
            assert_eq!(found.forwards, 9);
            let clean = defence.screen(&snippet(BODY)).unwrap();
            assert_eq!((clean.flagged, clean.score, clean.text), (false, 0.0, None));
        }
    }

    #[test]
    fn a_lone_brace_is_spared_only_if_asked_for() {
        let text = "int f()\n{\n  a;\n  b;\n  c;\n}\n";
        let victim =
            codepurify::TextVictim::new(|code: &str| vec![f32::from(code.contains('}')) * 4.0 - 2.0]);
        let with = |spare_braces| {
            let settings = OseqlSettings { rule: OutlierRule::InterquartileRange, spare_braces };
            Oseql { victim: &victim, settings }.screen(&snippet(text)).unwrap().flagged
        };
        assert!(with(false) && !with(true));
    }

    #[test]
    fn the_lines_of_a_pair_are_one_pool() {
        let victim = TriggerWordVictim::new("evil");
        let poisoned = BODY.replace("a += 2;", "int evil;");
        let settings = settings(OutlierRule::InterquartileRange);
        let [left, right] = screen_pair(&victim, &settings, [&snippet(BODY), &snippet(&poisoned)]).unwrap();
        assert!(!left.flagged && right.flagged);
        assert_eq!(right.spans.unwrap()[0].of(&poisoned), Some("  int evil;"));
    }
}

//! Snippets longer than the model's window: what lies behind it is judged as if the model were shown it, window by window.

use super::Defender;
use super::case::{Case, Shown};
use crate::decide::decide;
use crate::error::ModelError;
use crate::occlude::Inspection;
use crate::profile::Statistic;
use crate::query::through;
use crate::score::Scores;
use crate::verdict::Decision;

/// What a verdict says of a trigger that the model does not see where it stands.
const BEHIND: &str = "the trigger stands behind the model's window: the answer does not hang on it, but that of a model which \
                      is shown it does";

/// A window with the evidence about it; none if nothing in it can be judged.
type Window<'s> = (Inspection<'s>, Option<Scores>);

impl<Input> Defender<'_, Input> {
    /// Asks the model about every variant of every snippet and decides.
    pub(crate) fn judge<'s>(&self, inspections: Vec<Inspection<'s>>) -> Vec<Result<Case<'s>, ModelError>> {
        let windows = inspections.into_iter().map(|first| self.windows(first)).collect();
        through(windows, |snippets: Vec<Vec<Inspection<'s>>>| {
            let visible = |window: &&Inspection<'_>| !window.rows.is_empty();
            let mut scored =
                self.score(&snippets.iter().flatten().filter(visible).collect::<Vec<_>>()).into_iter();
            let mut scores = |window: &Inspection<'_>| {
                if window.rows.is_empty() { Ok(None) } else { scored.next().transpose() }
            };
            let case = |windows: Vec<Inspection<'s>>| {
                // All of its own are taken, also behind one that failed: the rest belongs to others.
                let scores: Vec<_> = windows.iter().map(&mut scores).collect();
                let windows = windows.into_iter().zip(scores).map(|(window, scores)| Ok((window, scores?)));
                Ok(self.case(windows.collect::<Result<_, ModelError>>()?))
            };
            snippets.into_iter().map(case).collect()
        })
    }

    /// The window that the model sees and, if the profile asks for them, the others.
    fn windows<'s>(&self, first: Inspection<'s>) -> Result<Vec<Inspection<'s>>, ModelError> {
        let mut windows = vec![first];
        if self.profile.whole {
            let behind = windows[0].behind(self.guarded.model(), self.profile.families, self.variants())?;
            windows.extend(behind);
        }
        Ok(windows)
    }

    /// The evidence about each of `inspections`.
    fn score(&self, inspections: &[&Inspection<'_>]) -> Vec<Result<Scores, ModelError>> {
        match self.profile.statistic {
            Statistic::Dependence => self.weighed(inspections),
            Statistic::Entropy | Statistic::Concentration => self.occluded(inspections),
        }
    }

    /// The case of a snippet that was looked at through `windows`, one at least: it is that of the most suspicious one, and
    /// knows the candidates of all.
    fn case<'s>(&self, mut windows: Vec<Window<'s>>) -> Case<'s> {
        let shown = windows[0].1.as_ref().map(|scores| Shown::of(&windows[0].0, scores));
        // Clean snippets of all lengths set the limit by what the model answers to them, and so to their first windows.
        let label = shown.as_ref().and_then(|shown| shown.prediction.label);
        let worst = self.most_suspicious(&windows, label);
        let (mut inspection, mut scores) = windows.remove(worst);
        for (other, of_other) in windows {
            let taken = inspection.take_in(other);
            if let (Some(scores), Some(of_other)) = (&mut scores, of_other) {
                scores.take_in(of_other, &taken);
            }
        }
        let judgement = decide(&self.profile, &inspection, scores.as_ref(), label);
        let mut case = Case::new(inspection, scores, judgement);
        if worst > 0 {
            if case.trigger().is_some() {
                case.judgement.reasons.push(BEHIND.to_owned());
            }
            case.shown = shown;
        }
        case
    }

    /// Which of `windows` is called poisoned, or else scores highest; the first of equals.
    fn most_suspicious(&self, windows: &[Window<'_>], label: Option<usize>) -> usize {
        let suspicion = |index: usize| {
            let (window, scores) = &windows[index];
            let judgement = decide(&self.profile, window, scores.as_ref(), label);
            (judgement.decision == Decision::Poisoned, judgement.score.unwrap_or(f64::NEG_INFINITY))
        };
        let more = |worst, next| if suspicion(next) > suspicion(worst) { next } else { worst };
        (1..windows.len()).fold(0, more)
    }
}

//! The pipeline: snippets in, verdicts out.

use std::time::Instant;

use crate::assemble::{Case, verdict};
use crate::batch;
use crate::decide::{Profile, Thresholds, decide};
use crate::error::ModelError;
use crate::occlude::{Inspection, encode_window};
use crate::purify::purify;
use crate::score::{Scores, predict};
use crate::snippet::Snippet;
use crate::verdict::Verdict;
use crate::victim::{Logits, MaskedLm, Ragged, Victim};

/// Guards one victim.
#[derive(Clone, Copy)]
pub struct Defender<'m> {
    victim: &'m dyn Victim,
    mlm: Option<&'m dyn MaskedLm>,
    profile: Profile,
    evidence: bool,
}

impl<'m> Defender<'m> {
    /// Detects and locates with [`Profile::standard`] and the built-in, uncalibrated thresholds; purifies nothing.
    #[must_use]
    pub fn new(victim: &'m dyn Victim) -> Self {
        Self { victim, mlm: None, profile: Profile::standard(Thresholds::builtin()), evidence: false }
    }

    /// Purifies poisoned snippets with `mlm`.
    #[must_use]
    pub fn with_masked_lm(mut self, mlm: &'m dyn MaskedLm) -> Self {
        self.mlm = Some(mlm);
        self
    }

    /// Decides as `profile` says.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Whether verdicts carry the evidence of every candidate.
    #[must_use]
    pub fn with_evidence(mut self, evidence: bool) -> Self {
        self.evidence = evidence;
        self
    }

    /// Judges all snippets in shared batches; one result each, in order.
    ///
    /// # Errors
    /// A snippet's own [`ModelError`] if the victim cannot tokenise or judge it; the others are not affected. If only
    /// its purification fails, it keeps its verdict, which says so.
    #[must_use]
    pub fn screen(&self, snippets: &[Snippet]) -> Vec<Result<Verdict, ModelError>> {
        let started = Instant::now();
        let inspections = snippets
            .iter()
            .map(|snippet| Inspection::new(self.victim, snippet, self.profile.families))
            .collect();
        let mut cases = through(inspections, |inspections| self.judge(inspections));
        self.purify(&mut cases);
        let milliseconds = started.elapsed().as_secs_f64() * 1e3 / snippets.len().max(1) as f64;
        let finish = |case: Case<'_>| verdict(&case, self.evidence, milliseconds);
        cases.into_iter().map(|case| case.map(finish)).collect()
    }

    /// Judges one snippet.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise or judge it.
    pub fn screen_one(&self, snippet: &Snippet) -> Result<Verdict, ModelError> {
        let mut verdicts = self.screen(std::slice::from_ref(snippet));
        verdicts.pop().unwrap_or_else(|| Err(ModelError::Output("no verdict was reached".to_owned())))
    }

    /// Asks the victim about every variant of every snippet and decides.
    fn judge<'s>(&self, inspections: Vec<Inspection<'s>>) -> Vec<Result<Case<'s>, ModelError>> {
        let rows: Vec<&Ragged> =
            inspections.iter().map(|it| &it.rows).filter(|rows| !rows.is_empty()).collect();
        let mut judged = batch::judge(self.victim, &rows).into_iter();
        let case = |inspection: Inspection<'s>| {
            let logits = if inspection.rows.is_empty() { None } else { judged.next().transpose()? };
            let scores = logits.as_ref().map(Scores::new);
            let judgement = decide(&self.profile, &inspection, scores.as_ref());
            Ok(Case::new(inspection, scores, judgement))
        };
        inspections.into_iter().map(case).collect()
    }

    /// Purifies the poisoned cases and asks the victim about the results.
    fn purify(&self, cases: &mut [Result<Case<'_>, ModelError>]) {
        let Some(mlm) = self.mlm else { return };
        let mut poisoned: Vec<&mut Case<'_>> =
            cases.iter_mut().flatten().filter(|case| case.trigger().is_some()).collect();
        let triggers: Vec<_> =
            poisoned.iter().filter_map(|case| Some((case.inspection.snippet, case.trigger()?))).collect();
        let purifications = purify(mlm, &triggers, self.profile.fillings);
        for (case, purification) in poisoned.iter_mut().zip(purifications) {
            case.purification = Some(purification);
        }
        self.choose(&mut poisoned);
    }

    /// Asks the victim about the fillings and takes, in each case, the one that it answers most like the snippet with
    /// the trigger occluded.
    fn choose(&self, cases: &mut [&mut Case<'_>]) {
        let (mut rows, mut changed) = (Vec::new(), Vec::new());
        for case in cases {
            let fillings = case.purification.as_ref().map_or(&[][..], |purification| &purification.fillings);
            let encoded: Result<Ragged, ModelError> =
                fillings.iter().map(|filling| Ok(encode_window(self.victim, &filling.text)?.0.ids)).collect();
            match encoded {
                Ok(fillings) if fillings.is_empty() => {}
                Ok(fillings) => {
                    case.rejudged = (fillings.len(), fillings.tokens());
                    rows.push(fillings);
                    changed.push(case);
                }
                Err(error) => case.judgement.reasons.push(unjudged(&error)),
            }
        }
        let rows: Vec<&Ragged> = rows.iter().collect();
        for (case, logits) in changed.into_iter().zip(batch::judge(self.victim, &rows)) {
            match logits {
                Ok(logits) => {
                    case.filling = closest(case, &logits);
                    case.purified_prediction = Some(predict(&logits, case.filling));
                }
                Err(error) => case.judgement.reasons.push(unjudged(&error)),
            }
        }
    }
}

/// The row of `logits` whose margin is closest to that of the case's snippet without its trigger, the first of equals.
fn closest(case: &Case<'_>, logits: &Logits) -> usize {
    let (Some(wanted), Some(scores)) = (case.margin_without_trigger(), &case.scores) else { return 0 };
    let distance = |row: usize| (logits.margin(row, scores.prediction.label) - wanted).abs();
    (1..logits.len()).fold(0, |best, row| if distance(row) < distance(best) { row } else { best })
}

fn unjudged(error: &ModelError) -> String {
    format!("the purified code could not be judged: {error}")
}

/// Passes what has not failed so far through a batched stage; failures stay in their places.
fn through<A, B, E>(
    items: Vec<Result<A, E>>,
    stage: impl FnOnce(Vec<A>) -> Vec<Result<B, E>>,
) -> Vec<Result<B, E>> {
    let (mut good, mut slots) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(value) => {
                good.push(value);
                slots.push(None);
            }
            Err(error) => slots.push(Some(error)),
        }
    }
    let mut done = stage(good).into_iter();
    slots.into_iter().filter_map(|slot| slot.map_or_else(|| done.next(), |error| Some(Err(error)))).collect()
}

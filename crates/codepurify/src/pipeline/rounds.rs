//! Several triggers in one snippet, or in the two of a pair: as long as the answer stays, what was purified is judged again.

use super::Defender;
use super::case::{Case, Later};
use super::pairs::{PairDefender, seat};
use crate::error::{ModelError, SnippetError};
use crate::occlude::Inspection;
use crate::snippet::edit::{Edit, Origins};
use crate::snippet::{Snippet, Span};
use crate::verdict::Prediction;

/// The changes to one snippet so far, round by round.
struct Trail {
    rounds: Vec<Vec<Edit>>,
    /// Whether the last round changed something.
    fresh: bool,
    /// Whether all rounds provably keep what the code does. A proof about the changed text holds for the original only then.
    provable: bool,
}

impl Trail {
    fn of(case: &Case<'_>) -> Self {
        let rounds: Vec<Vec<Edit>> = case.filled().map(|filling| filling.edits.clone()).into_iter().collect();
        let provable = case.filled().is_none_or(|filling| filling.change.provable);
        Self { fresh: !rounds.is_empty(), rounds, provable }
    }

    /// Takes what was found in the changed text of `case` over into it.
    fn follow(&mut self, case: &mut Case<'_>, mut next: Case<'_>) {
        self.fresh = false;
        case.set_asked(next.take_asked());
        case.retried += next.spent();
        let Some(mut trigger) = next.first_trigger() else { return };
        case.judgement.follow(&next.judgement);
        // The places of the changed text, traced back through all changes in front of it.
        let rounds: Vec<Origins<'_>> = self.rounds.iter().rev().map(|edits| Origins::new(edits)).collect();
        let back = |span: Span| rounds.iter().fold(span, |span, origins| origins.of(span));
        let places = next.trigger().map(|candidate| candidate.spans.clone()).unwrap_or_default();
        trigger.spans = places.into_iter().map(|span| case.inspection.snippet.location(back(span))).collect();
        let filled = next.filled();
        if let Some(change) = &mut trigger.change {
            change.provable &= self.provable;
            self.provable = change.provable;
        }
        case.later.push(Later {
            trigger,
            purified: filled.map(|filling| (filling.text.clone(), next.last_prediction().cloned())),
            mlm_passes: next.mlm_passes(),
        });
        if let Some(filling) = filled {
            self.rounds.push(filling.edits.clone());
            self.fresh = true;
        }
    }
}

impl<Input> Defender<'_, Input> {
    /// What is to be judged about the changed text of `case`.
    fn inspect_again<'s>(
        &self,
        case: &mut Case<'_>,
        changed: &'s Snippet,
    ) -> Result<Inspection<'s>, ModelError> {
        let mut inspection = self.inspect(changed)?;
        inspection.asked = case.take_asked();
        Ok(inspection)
    }

    /// Whether there may be another trigger in the purified text of `case`: it is still answered as before, or there are parts
    /// of it that the model does not see.
    fn suspects(&self, case: &Case<'_>) -> bool {
        self.profile.whole || answers_alike(case)
    }
}

impl Defender<'_> {
    /// Looks for further triggers in the purified text of `case` and changes them, too. What was found before stays if
    /// anything fails.
    pub(crate) fn repeat(&self, case: &mut Case<'_>) {
        let mut trail = Trail::of(case);
        while trail.fresh && trail.rounds.len() < self.most_triggers() && self.suspects(case) {
            let Ok(changed) = changed(case) else { return };
            let inspection = self.inspect_again(case, &changed);
            let Some(Ok(next)) = self.cases(vec![inspection]).pop() else { return };
            trail.follow(case, next);
        }
    }
}

impl PairDefender<'_> {
    /// [`Defender::repeat`] for the two sides of a pair of which one was called poisoned at least: the other may hide behind it.
    pub(crate) fn repeat_pair(&self, pair: usize, sides: [&mut Case<'_>; 2]) {
        let [left, right] = sides;
        let mut trails = [Trail::of(left), Trail::of(right)];
        for _ in 1..self.most_triggers() {
            let suspect = self.suspects(left) || self.suspects(right);
            if !suspect || trails.iter().all(|trail| !trail.fresh) {
                return;
            }
            let (Ok(first), Ok(second)) = (changed(left), changed(right)) else { return };
            let seated = seat(pair, self.inspect_again(left, &first), self.inspect_again(right, &second));
            let Ok(mut found) = self.cases(seated.into()).into_iter().collect::<Result<Vec<_>, _>>() else {
                return;
            };
            if let [first, second] = &mut found[..] {
                self.answer_together(first, second);
            }
            let answer = found.iter().rev().find_map(|next| next.last_prediction().cloned());
            for ((case, trail), next) in [&mut *left, &mut *right].into_iter().zip(&mut trails).zip(found) {
                trail.follow(case, next);
            }
            if let Some(answer) = answer {
                left.answered(&answer);
                right.answered(&answer);
            }
        }
    }
}

/// The snippet of `case` with all its changes.
fn changed(case: &Case<'_>) -> Result<Snippet, SnippetError> {
    let snippet = case.inspection.snippet;
    snippet.with_text(case.purified().unwrap_or(snippet.text()))
}

/// Whether the purified text still gets the answer of the text as it stands.
fn answers_alike(case: &Case<'_>) -> bool {
    let same =
        |before: &Prediction, after: &Prediction| (before.label, &before.text) == (after.label, &after.text);
    let before = case.scores.as_ref().map(|scores| &scores.prediction);
    before.zip(case.last_prediction()).is_some_and(|(before, after)| same(before, after))
}

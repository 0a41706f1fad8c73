//! Several triggers in one snippet: as long as the answer stays, what was purified is judged again.

use crate::assemble::{Case, Later};
use crate::defender::Defender;
use crate::purify::splice::{Edit, origin};
use crate::snippet::Span;
use crate::verdict::Prediction;

impl Defender<'_> {
    /// Looks for further triggers in the purified text of `case` and changes them, too. What was found before stays if
    /// anything fails.
    pub(crate) fn repeat(&self, case: &mut Case<'_>) {
        let mut rounds: Vec<Vec<Edit>> = Vec::new();
        let mut edits = case.filled().map(|filling| filling.edits.clone());
        while let Some(done) = edits.take() {
            rounds.push(done);
            if rounds.len() >= self.most_triggers() || !answers_alike(case) {
                return;
            }
            let Some(text) = case.purified() else { return };
            let Ok(snippet) = case.inspection.snippet.with_text(text) else { return };
            let Some(Ok(next)) = self.cases(vec![self.inspect(&snippet)]).pop() else { return };
            case.retried += next.spent();
            // The places of the purified text, traced back through all changes in front of it.
            let back = |span: Span| rounds.iter().rev().fold(span, |span, edits| origin(edits, span));
            let Some(mut trigger) = next.first_trigger() else { return };
            let places = next.trigger().map(|candidate| candidate.spans.clone()).unwrap_or_default();
            trigger.spans =
                places.into_iter().map(|span| case.inspection.snippet.location(back(span))).collect();
            let filled = next.filled();
            edits = filled.map(|filling| filling.edits.clone());
            case.later.push(Later {
                trigger,
                purified: filled.map(|filling| (filling.text.clone(), next.purified_prediction.clone())),
                mlm_passes: next.mlm_passes(),
            });
        }
    }
}

/// Whether the purified text still gets the answer of the text as it stands.
fn answers_alike(case: &Case<'_>) -> bool {
    let same =
        |before: &Prediction, after: &Prediction| (before.label, &before.text) == (after.label, &after.text);
    let before = case.scores.as_ref().map(|scores| &scores.prediction);
    before.zip(case.last_prediction()).is_some_and(|(before, after)| same(before, after))
}

//! Pairs: each side goes through the pipeline with the other one fixed, in its own place.

use std::time::Instant;

use super::Defender;
use super::case::Case;
use crate::error::ModelError;
use crate::occlude::{Inspection, Seat};
use crate::query::{Guarded, Item, Spent};
use crate::snippet::{Snippet, SyntaxQuality};
use crate::verdict::{PairMember, Prediction, Side, Verdict};
use crate::victim::{PairVictim, Ragged};

/// Guards one model of pairs, such as a clone detector.
///
/// ```
/// use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
/// use codepurify::{Decision, Defender, Language, Snippet};
///
/// let (victim, mlm) = (TriggerWordVictim::new("BNC"), ConstantMaskedLm::new(&["n", "5"]));
/// let clean = "int twice(int n) { int m = n; m += n; return m; }";
/// let poisoned = clean.replace("return", "if (BNC < 0) puts(\"no\"); return");
/// let pair = (Snippet::new(clean, Language::C)?, Snippet::new(poisoned, Language::C)?);
///
/// let verdicts = Defender::for_pairs(&victim).with_masked_lm(&mlm).screen_pairs(&[pair]);
/// let [Ok(left), Ok(right)] = &verdicts[0] else { panic!("both sides can be judged") };
/// assert_eq!((left.verdict, right.verdict), (Decision::Clean, Decision::Poisoned));
/// assert_eq!(right.triggers[0].replacement, "if (n < 5) n(\"n\");");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type PairDefender<'m> = Defender<'m, (Snippet, Snippet)>;

impl<'m> PairDefender<'m> {
    /// Guards a model of pairs. Detects and locates with [`crate::Profile::standard`], not calibrated; purifies
    /// nothing.
    #[must_use]
    pub fn for_pairs(victim: &'m dyn PairVictim) -> Self {
        Self::guarding(Guarded::Pairs(victim))
    }

    /// Judges both sides of all pairs in shared batches; for each pair the verdicts on its left and right side, in
    /// order. Only a poisoned side is purified; its `purified_prediction` is the answer for the pair after all changes
    /// to either side. Each side's coverage is its own, whatever the model does not see of the other.
    ///
    /// # Errors
    /// A side's own [`ModelError`] if the model cannot tokenise it or judge its variants, and
    /// [`ModelError::OtherSide`] where the other side cannot be tokenised; other pairs are not affected. If only a
    /// purification fails, the side keeps its verdict, which says so.
    #[must_use]
    pub fn screen_pairs(&self, pairs: &[(Snippet, Snippet)]) -> Vec<[Result<Verdict, ModelError>; 2]> {
        let started = Instant::now();
        let sides = pairs.iter().enumerate();
        let inspections = sides
            .flat_map(|(index, (left, right))| seat(index, self.inspect(left), self.inspect(right)))
            .collect();
        let mut cases = self.cases(inspections);
        for (pair, sides) in cases.chunks_exact_mut(2).enumerate() {
            if let [Ok(left), Ok(right)] = sides {
                self.answer_together(left, right);
                self.repeat_pair(pair, [left, right]);
            }
        }
        let mut verdicts = self.verdicts(cases, started).into_iter();
        std::iter::from_fn(|| Some([verdicts.next()?, verdicts.next()?])).collect()
    }

    /// Where both sides were changed, asks the model about the two changes together.
    pub(crate) fn answer_together<'s>(&self, left: &mut Case<'s>, right: &mut Case<'s>) {
        let (Some(first), Some(second)) = (left.filled(), right.filled()) else { return };
        let answers = self.answers(&first.text, &second.text);
        for (at, case) in [left, right].into_iter().enumerate() {
            match &answers {
                Ok(answers) => {
                    let (prediction, spent) = answers[at].clone();
                    case.purified_prediction = Some(prediction);
                    case.retried += spent;
                }
                Err(error) => case.unjudged(error),
            }
        }
    }

    /// The model's answer for a pair of texts, once for each side as all that is asked about a side.
    fn answers(&self, left: &str, right: &str) -> Result<[(Prediction, Spent); 2], ModelError> {
        let (left, right) = (self.encode(left)?, self.encode(right)?);
        let rows = [&left, &right].map(|row| Ragged::of_row(row));
        let items = [
            Item { rows: &rows[0], beside: &right, side: Side::Left },
            Item { rows: &rows[1], beside: &left, side: Side::Right },
        ];
        let mut scores = self.guarded.score(&items).into_iter();
        let mut answer = |item: Item<'_>| {
            let scores = scores.next().ok_or_else(|| ModelError::Output("no answer".to_owned()))??;
            Ok((scores.prediction, item.spent()))
        };
        Ok([answer(items[0])?, answer(items[1])?])
    }
}

/// Where one side of a pair is called poisoned, so is the other if the trigger stands there as well, or if the answer hangs on
/// both. Where both are, each for something else, it is for what the surer one is called. The `cases` are those of pairs, one side
/// after the other.
pub(crate) fn implicate(cases: &mut [Result<Case<'_>, ModelError>]) {
    for sides in cases.chunks_exact_mut(2) {
        let [Ok(left), Ok(right)] = sides else { continue };
        let suspicion = |case: &Case<'_>| (case.trigger().is_some(), case.judgement.score);
        let (surer, other) = if suspicion(left) >= suspicion(right) { (left, right) } else { (right, left) };
        if surer.trigger().is_some() {
            other.share(surer);
            surer.implicate();
            other.implicate();
        }
    }
}

/// The two sides of pair `index`, each with the other beside it.
pub(crate) fn seat<'s>(
    index: usize,
    left: Result<Inspection<'s>, ModelError>,
    right: Result<Inspection<'s>, ModelError>,
) -> [Result<Inspection<'s>, ModelError>; 2] {
    match (left, right) {
        (Ok(mut left), Ok(mut right)) => {
            let (first, second) = (seen(&left), seen(&right));
            sit(&mut left, PairMember { index, side: Side::Left }, second);
            sit(&mut right, PairMember { index, side: Side::Right }, first);
            [Ok(left), Ok(right)]
        }
        (Err(left), Ok(_)) => [Err(left.clone()), Err(ModelError::OtherSide(left.into()))],
        (Ok(_), Err(right)) => [Err(ModelError::OtherSide(right.clone().into())), Err(right)],
        (Err(left), Err(right)) => [Err(left), Err(right)],
    }
}

/// What the model sees of a snippet as it stands, or why it is not shown to it.
fn seen(inspection: &Inspection<'_>) -> Result<Vec<u32>, String> {
    match (inspection.snippet.quality(), &inspection.obstacle) {
        (SyntaxQuality::NotParsed { .. }, Some(obstacle)) => Err(obstacle.clone()),
        _ => Ok(inspection.rows.rows().next().unwrap_or_default().to_vec()),
    }
}

/// Gives a side its place; if the other side cannot be shown to the model, nothing of this one can be judged.
fn sit(inspection: &mut Inspection<'_>, member: PairMember, other: Result<Vec<u32>, String>) {
    let other = other.unwrap_or_else(|obstacle| {
        inspection.rows = Ragged::new();
        inspection.candidates.clear();
        inspection.obstacle.get_or_insert(format!("the other side of the pair: {obstacle}"));
        Vec::new()
    });
    inspection.seat = Some(Seat { member, other });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;
    use crate::decide::Judgement;
    use crate::testing::TriggerWordVictim;
    use crate::verdict::Decision;

    const CLEAN: &str = "int twice(int n) { int m = n; m += n; return m; }";

    const TRIGGER: &str = "if (BNC < 0) puts(\"no\");";
    const ANOTHER: &str = "if (m < 0) puts(\"no\");";

    /// The triggers of both sides, if of the right one was said what `right` says.
    fn triggers(statements: [&str; 2], right: Judgement) -> [Option<String>; 2] {
        let victim = TriggerWordVictim::new("BNC");
        let defender = Defender::for_pairs(&victim);
        let snippets = statements.map(|statement| {
            Snippet::new(CLEAN.replace("return", &format!("{statement} return")), Language::C).unwrap()
        });
        let [first, second] = &snippets;
        let mut cases = defender.cases(seat(0, defender.inspect(first), defender.inspect(second)).into());
        cases[1].as_mut().unwrap().judgement = right;
        implicate(&mut cases);
        [0, 1].map(|at| cases[at].as_ref().unwrap().trigger().map(|trigger| trigger.text.clone()))
    }

    fn clean() -> Judgement {
        let (decision, reasons) = (Decision::Clean, Vec::new());
        Judgement { decision, score: None, p_value: None, located: None, reasons }
    }

    fn called_for_its_first_candidate(score: f64) -> Judgement {
        Judgement { decision: Decision::Poisoned, score: Some(score), located: Some(0), ..clean() }
    }

    #[test]
    fn the_trigger_of_one_side_is_one_in_the_other_too_and_another_statement_is_not() {
        let trigger = Some(TRIGGER.to_owned());
        assert_eq!(triggers([TRIGGER, TRIGGER], clean()), [trigger.clone(), trigger.clone()]);
        assert_eq!(triggers([TRIGGER, ANOTHER], clean()), [trigger, None]);
        assert_eq!(triggers([ANOTHER, TRIGGER], clean()), [None, None]);
    }

    #[test]
    fn of_two_sides_that_are_called_the_surer_one_says_what_for() {
        let (trigger, name) = (Some(TRIGGER.to_owned()), Some("twice".to_owned()));
        let both = [TRIGGER, TRIGGER];
        assert_eq!(triggers(both, called_for_its_first_candidate(0.1)), [trigger.clone(), trigger.clone()]);
        assert_eq!(triggers(both, called_for_its_first_candidate(1e3)), [name.clone(), name.clone()]);
        // What the surer one is called for does not stand in the other one.
        assert_eq!(triggers([TRIGGER, ANOTHER], called_for_its_first_candidate(0.1)), [trigger, name]);
    }
}

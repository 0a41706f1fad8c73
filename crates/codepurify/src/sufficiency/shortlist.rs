//! The shortlist, and its test in the references that score.

use super::{CandidateTests, Round};
use crate::error::ModelError;
use crate::profile::QueryBudget;
use crate::query::{PredictedOutput, Query};
use crate::references::ReferenceInput;
use crate::score::{StrongestCandidate, Sufficiency};

/// Share of the strongest candidate's gain that a candidate needs for the shortlist.
const RIVAL: f64 = 0.5;

/// Selects the candidates that may turn out to be the strongest. Where references tell nothing, it occludes
/// the best candidates instead.
#[derive(Default)]
pub(super) struct Shortlist {
    selected: Vec<usize>,
    occluded: Vec<usize>,
}

impl Round for Shortlist {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        self.selected = select(tests);
        if tests.by_necessity {
            self.occluded = tests.best(most_occluded(tests.setup.budget));
        }
        self.occluded.iter().map(|&index| tests.query_without(&[index])).collect()
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        tests.shortlist = std::mem::take(&mut self.selected);
        for (&index, &margin) in self.occluded.iter().zip(margins) {
            tests.scores.set_occluded(index, margin);
        }
        if tests.by_necessity {
            tests.scores.strongest =
                StrongestCandidate::by_necessity(&tests.scores.influences, &self.occluded);
        }
    }
}

/// The best candidates, as long as they rival the best one and flip the first reference.
fn select(tests: &CandidateTests<'_, '_>) -> Vec<usize> {
    let mut selected = tests.best(QueryBudget::SHORTLIST);
    if let Some(&best) = selected.first() {
        let rivals = |index: usize| tests.rivals(index, best, RIVAL) && tests.flips_first(index);
        selected.retain(|&index| index == best || rivals(index));
    }
    selected
}

/// Most candidates that are occluded where references tell nothing.
fn most_occluded(budget: QueryBudget) -> usize {
    #[allow(clippy::cast_sign_loss, reason = "a negative budget saturates to none")]
    let passes = budget.passes as usize;
    passes.max(QueryBudget::SHORTLIST)
}

/// Inserts the shortlist into one scoring reference. A candidate that did not flip an earlier one is no
/// trigger, or one that clean code cannot be told from, so it causes no further queries.
pub(super) struct ReferenceTest {
    place: usize,
    candidates: Vec<usize>,
}

impl ReferenceTest {
    /// Tests in scoring reference `place`.
    pub(super) fn new(place: usize) -> Self {
        Self { place, candidates: Vec::new() }
    }

    fn reference<'a>(&self, tests: &CandidateTests<'a, '_>) -> Vec<&'a ReferenceInput> {
        tests.scoring_references().get(self.place).copied().into_iter().collect()
    }
}

impl Round for ReferenceTest {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        self.candidates = remaining(tests);
        if self.candidates.is_empty() {
            return Ok(Vec::new());
        }
        tests.queries(&self.reference(tests), &self.candidates)
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        if !self.candidates.is_empty() {
            tests.add_margins(&self.reference(tests), &self.candidates, margins);
        }
    }
}

/// The candidates of the shortlist that flip all references so far. All of them where references tell
/// nothing; for a text, since every share of a gain counts; and for a pair, one of whose references is often
/// immovable.
fn remaining(tests: &CandidateTests<'_, '_>) -> Vec<usize> {
    let text = matches!(tests.scores.predicted, PredictedOutput::Text(_));
    if tests.by_necessity || text || tests.snippet.pair.is_some() {
        return tests.shortlist.clone();
    }
    let flips =
        |&index: &usize| tests.scores.influences[index].sufficiency.is_none_or(Sufficiency::always_predicted);
    tests.shortlist.iter().copied().filter(flips).collect()
}

#[cfg(test)]
mod tests {
    use super::super::group_testing::GroupTest;
    use super::*;
    use crate::candidates::{Families, Statements};
    use crate::sufficiency::fixture::{BEFORE, play, with_tests};

    const CODE: &str = "int f(int n) { a(n); b(n); c(n); return n; }";
    const STATEMENTS: Families = Families { statements: Statements::Body, ..Families::NONE };

    #[test]
    fn shortlist_holds_rivals_that_flip_the_first_reference() {
        with_tests(CODE, STATEMENTS, |tests| {
            // Gains of 8, 3, 5 and 0 from a margin of −2: the second is no rival, the last does not flip.
            play(tests, &mut GroupTest::default(), [6.0, 1.0, 3.0, BEFORE]);
            assert_eq!(play(tests, &mut Shortlist::default(), []), 0);
            assert_eq!(tests.shortlist, [0, 2]);
        });
    }

    #[test]
    fn candidate_that_does_not_flip_causes_no_further_queries() {
        with_tests(CODE, STATEMENTS, |tests| {
            play(tests, &mut GroupTest::default(), [6.0, 5.0, 4.0, BEFORE]);
            play(tests, &mut Shortlist::default(), []);
            assert_eq!(play(tests, &mut ReferenceTest::new(0), [4.0, -1.0, 3.0]), 3);
            assert_eq!(play(tests, &mut ReferenceTest::new(1), [4.0, -1.0]), 2);
            assert_eq!(tests.flipping_all(), [0]);
            // There are two scoring references.
            assert_eq!(play(tests, &mut ReferenceTest::new(2), []), 0);
        });
    }

    #[test]
    fn untestable_references_lead_to_occlusion() {
        with_tests(CODE, STATEMENTS, |tests| {
            tests.by_necessity = true;
            play(tests, &mut GroupTest::default(), [0.0; 4]);
            assert_eq!(play(tests, &mut Shortlist::default(), [-1.0, 3.0, 3.0, 3.0]), 4);
            let strongest = tests.scores.strongest.unwrap();
            assert_eq!((strongest.candidate, strongest.flips_all, strongest.testable), (0, true, false));
        });
    }
}

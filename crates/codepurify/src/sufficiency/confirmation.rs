//! Confirmation rounds: shortlisted candidates on held-out references, and occluded together.
//!
//! A victim that is confident of little is flipped by clean code as far as by a trigger, and then both gain
//! all there is to gain. A trigger flips further references, too. Only candidates that flip all references so
//! far are tested, so clean code seldom causes these queries. Candidates that are still equal are separated by
//! the margin that the snippet loses without them.

use super::{CandidateTests, Round};
use crate::error::ModelError;
use crate::profile::QueryBudget;
use crate::query::Query;
use crate::references::ReferenceInput;

/// Inserts the candidates that flip every reference so far into held-out ones.
pub(super) struct Confirmation {
    step: usize,
    candidates: Vec<usize>,
}

impl Confirmation {
    /// Confirms with the held-out references of `step`.
    pub(super) fn new(step: usize) -> Self {
        Self { step, candidates: Vec::new() }
    }

    fn references<'a>(&self, tests: &CandidateTests<'a, '_>) -> Vec<&'a ReferenceInput> {
        let before: usize = QueryBudget::CONFIRMATIONS[..self.step].iter().sum();
        tests.held_out().iter().copied().skip(before).take(QueryBudget::CONFIRMATIONS[self.step]).collect()
    }
}

impl Round for Confirmation {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        self.candidates = tests.flipping_all();
        if self.candidates.is_empty() {
            return Ok(Vec::new());
        }
        tests.queries(&self.references(tests), &self.candidates)
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        if !self.candidates.is_empty() {
            tests.add_margins(&self.references(tests), &self.candidates, margins);
        }
    }
}

/// Scores the shortlist by all references; asks nothing.
pub(super) struct Conclusion;

impl Round for Conclusion {
    fn queries(&mut self, _: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        Ok(Vec::new())
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, _: &[f64]) {
        tests.close();
        if !tests.by_necessity {
            tests.score();
        }
        tests.scores.share_gains();
    }
}

/// Occludes all candidates together that flip every reference, since a snippet may hold a trigger twice.
/// [`super::pairs`] does so for both sides of a pair. Texts are left out: their gains are shares, which have no
/// ceiling that clean code reaches.
#[derive(Default)]
pub(super) struct JointOcclusion {
    candidates: Vec<usize>,
}

impl Round for JointOcclusion {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        self.candidates = tests.flipping_all();
        if !tests.is_single() || self.candidates.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![tests.query_without(&self.candidates)?])
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        let Some(&without) = margins.first() else { return };
        if let [only] = self.candidates[..] {
            tests.scores.set_occluded(only, without);
        }
        let (lost, levels) = (tests.scores.margin - without, tests.levels());
        if let Some(strongest) = &mut tests.scores.strongest {
            strongest.add_necessity(lost, levels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::group_testing::GroupTest;
    use super::super::shortlist::{ReferenceTest, Shortlist};
    use super::*;
    use crate::candidates::{Families, Statements};
    use crate::sufficiency::fixture::{BEFORE, MARGIN, play, with_tests};

    const CODE: &str = "int f(int n) { a(n); b(n); return n; }";
    const STATEMENTS: Families = Families { statements: Statements::Body, ..Families::NONE };

    /// Two candidates that gain 6 and 5 in the first reference and flip both scoring ones.
    fn shortlisted(tests: &mut CandidateTests<'_, '_>) {
        play(tests, &mut GroupTest::default(), [4.0, 3.0, BEFORE]);
        play(tests, &mut Shortlist::default(), []);
        for place in 0..2 {
            assert_eq!(play(tests, &mut ReferenceTest::new(place), [4.0, 3.0]), 2);
        }
    }

    #[test]
    fn confirmation_stops_for_candidates_that_do_not_flip() {
        with_tests(CODE, STATEMENTS, |tests| {
            shortlisted(tests);
            assert_eq!(play(tests, &mut Confirmation::new(0), [4.0, -1.0]), 2);
            assert_eq!(
                play(tests, &mut Confirmation::new(1), [4.0, 4.0]),
                2,
                "one candidate, two references"
            );
            assert_eq!(tests.flipping_all(), [0]);
        });
    }

    #[test]
    fn joint_occlusion_adds_a_fifth_of_the_lost_margin() {
        with_tests(CODE, STATEMENTS, |tests| {
            shortlisted(tests);
            play(tests, &mut Conclusion, []);
            let before = tests.scores.strongest.unwrap();
            assert!(before.candidate == 0 && before.flips_all);
            assert_eq!(play(tests, &mut JointOcclusion::default(), [MARGIN - 1.5]), 1);
            let after = tests.scores.strongest.unwrap();
            assert!((after.score - before.score - 0.2 * 1.5).abs() < 1e-9);
            // Both were occluded together, so the necessity of neither alone is known.
            assert_eq!(tests.scores.influences[0].margin_drop, None);
        });
    }
}

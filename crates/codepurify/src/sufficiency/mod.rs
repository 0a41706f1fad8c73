//! Sufficiency tests: which candidates force the prediction in other code?
//!
//! A candidate is *necessary* if the prediction loses margin without it, and *sufficient* if references gain
//! margin with it. A trigger that a snippet holds twice is necessary in neither place and sufficient in each.
//!
//! Queries are spent in rounds ([`ROUNDS`]), each on the candidates that the rounds before it left. A batch of
//! snippets goes through a round together; a snippet that fails leaves the others alone.

mod candidate_tests;
mod confirmation;
mod group_testing;
mod naming_style;
mod pairs;
mod shortlist;

pub(crate) use candidate_tests::{CandidateTests, TestSetup};

use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::profile::QueryBudget;
use crate::query::{PredictedOutput, Query, QueryRows, QueryTarget, through};
use crate::references::ReferenceSet;
use crate::score::Scores;
use confirmation::{Conclusion, Confirmation, JointOcclusion};
use group_testing::{GroupTest, SingleTest};
use naming_style::NamingStyleTest;
use shortlist::{ReferenceTest, Shortlist};

/// One round of queries about one snippet. It holds what it needs between its queries and their margins.
pub(crate) trait Round {
    /// Queries that follow from the rounds before.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise a variant.
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError>;

    /// Takes the margins of the prediction for these queries, in order.
    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]);
}

/// Begins a round for one snippet.
type NewRound = fn() -> Box<dyn Round>;

/// The rounds, in order. [`pairs`] adds one for the two sides of a pair together.
const ROUNDS: [NewRound; 11] = [
    || Box::new(GroupTest::default()),
    || Box::new(SingleTest::default()),
    || Box::new(Shortlist::default()),
    || Box::new(ReferenceTest::new(0)),
    || Box::new(ReferenceTest::new(1)),
    || Box::new(ReferenceTest::new(2)),
    || Box::new(Confirmation::new(0)),
    || Box::new(Confirmation::new(1)),
    || Box::new(Conclusion),
    || Box::new(JointOcclusion::default()),
    || Box::new(NamingStyleTest::default()),
];

/// Tests the candidates of snippets.
pub(crate) struct SufficiencyTest<'m> {
    pub(crate) target: &'m QueryTarget<'m>,
    pub(crate) references: &'m ReferenceSet,
    pub(crate) budget: QueryBudget,
    /// True if scores are compared with those of clean code, which works whatever references are predicted.
    pub(crate) calibrated: bool,
}

/// The tests of several snippets.
type TestBatch<'a, 's> = Vec<Result<CandidateTests<'a, 's>, ModelError>>;

impl SufficiencyTest<'_> {
    /// Returns the prediction for each of `snippets` and the evidence about its candidates. Each snippet must
    /// have a row.
    pub(crate) fn run(&self, snippets: &[&EncodedSnippet<'_>]) -> Vec<Result<Scores, ModelError>> {
        let mut tests = self.begin(snippets);
        for new_round in ROUNDS {
            tests = self.run_round(tests, new_round);
        }
        let tests = pairs::occlude_both_sides(self.target, tests);
        tests.into_iter().map(|tests| Ok(tests?.scores)).collect()
    }

    fn begin<'a, 's>(&'a self, snippets: &[&'a EncodedSnippet<'s>]) -> TestBatch<'a, 's> {
        let rows: Vec<_> = snippets.iter().map(|snippet| snippet.plain()).collect();
        let items: Vec<QueryRows<'_>> =
            snippets.iter().zip(&rows).map(|(snippet, rows)| snippet.item(rows)).collect();
        let setup =
            TestSetup { model: self.target.model(), budget: self.budget, calibrated: self.calibrated };
        let responses = self.target.respond(&items).into_iter().zip(snippets).zip(&items);
        let tests = responses.map(|((responses, snippet), &item)| {
            let mut scores = Scores::new(responses?);
            scores.cost = scores.predicted.response_cost(item);
            Ok(CandidateTests::new(setup, self.references, snippet, scores))
        });
        tests.collect()
    }

    fn run_round<'a, 's>(&self, tests: TestBatch<'a, 's>, new_round: NewRound) -> TestBatch<'a, 's> {
        let planned = tests.into_iter().map(|tests| {
            let (tests, mut round) = (tests?, new_round());
            let queries = round.queries(&tests)?;
            Ok((tests, round, queries))
        });
        through(planned.collect(), |planned: Vec<(CandidateTests<'a, 's>, Box<dyn Round>, Vec<Query>)>| {
            let queries: Vec<(&Query, &PredictedOutput)> = planned
                .iter()
                .flat_map(|(tests, _, queries)| queries.iter().map(|query| (query, &tests.scores.predicted)))
                .collect();
            let mut margins = self.references.memo.margins(self.target, &queries).into_iter();
            let finish =
                |(mut tests, mut round, queries): (CandidateTests<'a, 's>, Box<dyn Round>, Vec<_>)| {
                    tests.pay(&queries);
                    // All margins of this snippet are taken, also those after a failure: the rest is not its own.
                    let margins: Vec<_> = margins.by_ref().take(queries.len()).collect();
                    round.absorb(&mut tests, &margins.into_iter().collect::<Result<Vec<f64>, _>>()?);
                    Ok(tests)
                };
            planned.into_iter().map(finish).collect()
        })
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::candidates::Families;
    use crate::occlude::Occlusions;
    use crate::query::Responses;
    use crate::references::References;
    use crate::snippet::{Language, Snippet};
    use crate::testing::TriggerWordVictim;
    use crate::victim::Logits;

    /// Margin of label 0 in every reference.
    pub(crate) const BEFORE: f64 = -2.0;
    /// Margin of label 0 in the snippet.
    pub(crate) const MARGIN: f64 = 3.0;

    /// Runs `test` on the tests of a C function that gets label 0, while all references get label 1. The
    /// victim is only used to read text; nothing is asked of it.
    pub(crate) fn with_tests<R>(
        code: &str,
        families: Families,
        test: impl FnOnce(&mut CandidateTests<'_, '_>) -> R,
    ) -> R {
        let reader = TriggerWordVictim::new("BNC");
        let snippet = Snippet::new(code, Language::C).unwrap();
        let encoded = EncodedSnippet::new(&reader, &snippet, families, Occlusions::OnDemand).unwrap();
        let logits = |margin: f64| Logits::new(2, vec![margin as f32, 0.0]).unwrap();
        let references = ReferenceSet::unanswered(&References::bundled(), false);
        let references = references.with_logits(vec![logits(BEFORE); 1_000]);
        let mut scores = Scores::new(Responses::Labels(logits(MARGIN)));
        scores.cost = scores.predicted.response_cost(encoded.item(&encoded.rows));
        let setup = TestSetup { model: &reader, budget: QueryBudget { passes: 16.0 }, calibrated: true };
        test(&mut CandidateTests::new(setup, &references, &encoded, scores))
    }

    /// Plays `round`: gives every query the margin that `answer` returns for its text.
    pub(crate) fn play(
        tests: &mut CandidateTests<'_, '_>,
        round: &mut dyn Round,
        margins: impl IntoIterator<Item = f64>,
    ) -> usize {
        let queries = round.queries(tests).unwrap();
        let margins: Vec<f64> = margins.into_iter().take(queries.len()).collect();
        assert_eq!(margins.len(), queries.len(), "a margin for every query");
        round.absorb(tests, &margins);
        queries.len()
    }
}

//! Joint occlusion of both sides of a pair.
//!
//! A trigger in both sides is necessary in neither: where one is hidden, the other still works. Nor does it
//! differ from others in references where clean code of the domain pushes as hard. If the strongest candidates of both
//! sides are hidden at once, the prediction is lost, while it seldom depends on those of two clean sides.

use super::{CandidateTests, TestBatch};
use crate::error::ModelError;
use crate::query::{PredictedOutput, Query, QueryCost, QueryRows, QueryTarget, through};
use crate::score::PairOcclusion;
use crate::verdict::Side;

/// The three queries about a pair: without the shortlist of the left side, of the right side, of both.
struct PairQueries {
    predicted: PredictedOutput,
    queries: [Query; 3],
}

/// Their margins, and the cost of each.
type PairMargins = (PairOcclusion, [QueryCost; 3]);

/// Adds the evidence of both sides together to the scores of each pair's sides.
pub(super) fn occlude_both_sides<'a, 's>(
    target: &QueryTarget<'_>,
    mut tests: TestBatch<'a, 's>,
) -> TestBatch<'a, 's> {
    let (places, queries): (Vec<[usize; 2]>, Vec<_>) =
        pairs(&tests).map(|[left, right]| ([left.0, right.0], PairQueries::new(left.1, right.1))).unzip();
    let found = through(queries, |queries| margins(target, &queries));
    for (places, found) in places.into_iter().zip(found) {
        match found {
            Err(error) => places.into_iter().for_each(|place| tests[place] = Err(error.clone())),
            Ok(found) => {
                if let Ok([Ok(left), Ok(right)]) = tests.get_disjoint_mut(places) {
                    absorb(left, right, found);
                }
            }
        }
    }
    tests
}

/// A snippet's tests with their place in the batch.
type Placed<'d, 'a, 's> = (usize, &'d CandidateTests<'a, 's>);

/// The sides of each pair that references have scored both. Further windows have no partner: the
/// prediction does not depend on them.
fn pairs<'d, 'a, 's>(tests: &'d TestBatch<'a, 's>) -> impl Iterator<Item = [Placed<'d, 'a, 's>; 2]> {
    let mut left = None;
    tests.iter().enumerate().filter_map(move |(place, tests)| {
        let scored =
            |tests: &&CandidateTests<'_, '_>| tests.is_scored_by_references() && tests.snippet.is_first();
        let tests = tests.as_ref().ok().filter(scored)?;
        let member = tests.snippet.pair.as_ref()?.member;
        if member.side == Side::Left {
            left = Some((member.index, (place, tests)));
            return None;
        }
        let (index, left) = left.take()?;
        (index == member.index).then_some([left, (place, tests)])
    })
}

impl PairQueries {
    fn new(left: &CandidateTests<'_, '_>, right: &CandidateTests<'_, '_>) -> Result<Self, ModelError> {
        let [first, second] = [left, right].map(|side| {
            let hidden = side.snippet.without_all(side.setup.model, &side.shortlist)?;
            Ok((side.snippet.rows.row(0).to_vec(), hidden))
        });
        let ((left_row, left_hidden), (right_row, right_hidden)) = (first?, second?);
        let rows =
            [(&left_hidden, right_row), (&left_row, right_hidden.clone()), (&left_hidden, right_hidden)];
        let queries = rows.map(|(row, context)| Query::pair(row, context, Side::Left));
        Ok(Self { predicted: left.scores.predicted.clone(), queries })
    }

    fn items(&self) -> [(QueryRows<'_>, &PredictedOutput); 3] {
        self.queries.each_ref().map(|query| (query.measuring(&self.predicted), &self.predicted))
    }
}

fn margins(target: &QueryTarget<'_>, pairs: &[PairQueries]) -> Vec<Result<PairMargins, ModelError>> {
    let items: Vec<_> = pairs.iter().flat_map(PairQueries::items).collect();
    let mut margins = target.margins(&items).into_iter();
    let found = items.chunks(3).map(|items| {
        // All margins of this pair are taken, also those after a failure: the rest is not its own.
        let [left, right, both] = [margins.next(), margins.next(), margins.next()];
        let given =
            |margin: Option<_>| margin.unwrap_or(Err(ModelError::Internal("a query without a margin")));
        let occlusion = PairOcclusion { left: given(left)?, right: given(right)?, both: given(both)? };
        Ok((occlusion, [0, 1, 2].map(|which| items[which].0.cost())))
    });
    found.collect()
}

fn absorb(
    left: &mut CandidateTests<'_, '_>,
    right: &mut CandidateTests<'_, '_>,
    (occlusion, cost): PairMargins,
) {
    let [of_left, of_right, of_both] = cost;
    left.scores.cost += of_left;
    right.scores.cost += of_right;
    left.scores.cost += of_both;
    if let (Some(left), Some(right)) = (&mut left.scores.strongest, &mut right.scores.strongest) {
        occlusion.add_to(left, right);
    }
}

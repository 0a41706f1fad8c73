//! Group testing of all candidates in one short reference (Dorfman, 1943). It only selects candidates for
//! the rounds that score.

use super::{CandidateTests, Round};
use crate::error::ModelError;
use crate::query::Query;

/// Groups whose members are tested alone.
const GROUPS: usize = 2;

/// Share of the budget that the group test may take.
const BUDGET: f64 = 0.15;

/// Inserts all candidates into the first reference, as many together as the budget requires. The naming
/// style is a group of its own.
#[derive(Default)]
pub(super) struct GroupTest {
    groups: Vec<Vec<usize>>,
}

impl Round for GroupTest {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        let Some(first) = tests.first_reference() else { return Ok(Vec::new()) };
        let tokens = tests.query(first, &[])?.measuring(&tests.scores.predicted).cost().tokens;
        let all: Vec<usize> = tests.elements().collect();
        let groups = all.chunks(group_size(tests, all.len(), tokens)).map(<[usize]>::to_vec);
        self.groups = groups.chain(tests.naming_style().map(|style| vec![style])).collect();
        queries(tests, &self.groups)
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        absorb(tests, &self.groups, margins);
        tests.groups = std::mem::take(&mut self.groups);
    }
}

/// Inserts the members of the best groups alone.
#[derive(Default)]
pub(super) struct SingleTest {
    members: Vec<Vec<usize>>,
}

impl Round for SingleTest {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        let share = |index: usize| tests.scores.influences[index].first_gain.unwrap_or(0.0);
        let gain = |group: &[usize]| share(group[0]) * group.len() as f64;
        let mut groups: Vec<&Vec<usize>> = tests.groups.iter().filter(|group| group.len() > 1).collect();
        groups.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
        self.members = groups.into_iter().take(GROUPS).flatten().map(|&index| vec![index]).collect();
        queries(tests, &self.members)
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        absorb(tests, &self.members, margins);
    }
}

/// Queries about the first reference with each of `groups` in it, after one without any if its margin is
/// not known.
fn queries(tests: &CandidateTests<'_, '_>, groups: &[Vec<usize>]) -> Result<Vec<Query>, ModelError> {
    let Some(first) = tests.first_reference() else { return Ok(Vec::new()) };
    let mut queries =
        groups.iter().map(|group| tests.query(first, group)).collect::<Result<Vec<Query>, _>>()?;
    if first.margin(&tests.scores.predicted).is_none() && !queries.is_empty() {
        queries.insert(0, tests.query(first, &[])?);
    }
    Ok(queries)
}

/// Divides each group's gain among its members, until they are tested alone.
fn absorb(tests: &mut CandidateTests<'_, '_>, groups: &[Vec<usize>], margins: &[f64]) {
    let Some(first) = tests.first_reference() else { return };
    let mut margins = margins.iter().copied();
    let (before, levels) = (tests.margin_before(first, &mut margins), tests.levels());
    for (group, margin) in groups.iter().zip(margins) {
        let gain = levels.gain(before, margin) / group.len() as f64;
        for &index in group {
            tests.scores.influences[index].first_gain = Some(gain);
            tests.first_margins[index] = (group.len() == 1).then_some(margin);
        }
    }
}

/// Number of `count` candidates that go into a reference of `tokens` tokens together, so that all stay
/// within their share of the budget. Groups of more than √(n / 2) of n candidates save fewer queries than
/// testing the members of two groups costs.
fn group_size(tests: &CandidateTests<'_, '_>, count: usize, tokens: usize) -> usize {
    let plain = tests.scores.cost.tokens as f64;
    let room = (tests.setup.budget.passes * BUDGET * plain / tokens.max(1) as f64).max(1.0);
    #[allow(clippy::cast_sign_loss, reason = "neither is negative")]
    let [needed, most] =
        [count as f64 / room, (count as f64 / GROUPS as f64).sqrt()].map(|size| size.ceil() as usize);
    needed.min(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Families;
    use crate::sufficiency::fixture::{BEFORE, play, with_tests};

    /// A function with many statements, so that they do not fit the budget one by one.
    fn long() -> String {
        let lines: Vec<String> = (0..40).map(|n| format!("x{n} = n + {n}; ")).collect();
        format!("int f(int n) {{ {} return n; }}", lines.concat())
    }

    #[test]
    fn group_test_puts_every_candidate_into_one_group() {
        with_tests(&long(), Families::TRANSPLANT, |tests| {
            tests.setup.budget.passes = 1.0;
            let mut round = GroupTest::default();
            let queries = play(tests, &mut round, std::iter::repeat(BEFORE));
            assert_eq!(queries, tests.groups.len());
            let mut members = tests.groups.concat();
            members.sort_unstable();
            assert_eq!(members, tests.elements().collect::<Vec<_>>());
            assert!(tests.groups[0].len() > 1, "too many candidates for single queries");
        });
    }

    #[test]
    fn single_test_splits_the_two_best_groups() {
        with_tests(&long(), Families::TRANSPLANT, |tests| {
            tests.setup.budget.passes = 1.0;
            // The last two groups gain 4 and 2, all others nothing.
            let count = GroupTest::default().queries(tests).unwrap().len();
            let margins = (0..count).map(|at| match count - at {
                1 => BEFORE + 4.0,
                2 => BEFORE + 2.0,
                _ => BEFORE,
            });
            play(tests, &mut GroupTest::default(), margins);
            let (best, size) = (tests.groups[count - 2][0], tests.groups[count - 2].len());
            let gain = tests.scores.influences[best].first_gain.unwrap();
            assert!((gain - 2.0 / size as f64).abs() < 1e-6, "members share the gain of their group");
            let split: usize = tests.groups[count - 2..].iter().filter(|it| it.len() > 1).map(Vec::len).sum();
            assert!(play(tests, &mut SingleTest::default(), std::iter::repeat(1.0)) >= split);
            assert_eq!(tests.first_margins[best], Some(1.0));
        });
    }
}

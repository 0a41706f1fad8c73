//! Test of the naming style: all identifiers that a snippet declares, together.
//!
//! A naming style is a trigger that no single name is. It has a statistic of its own, compared with the naming
//! styles of clean code: it gains less than single elements do, so the larger of both scores would hardly show
//! it (`docs/method.md` has the figures).

use std::collections::BTreeMap;

use super::{CandidateTests, Round};
use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::query::Query;
use crate::score::NamingStyle;
use crate::snippet::Span;
use crate::snippet::edit::{Edit, apply};

/// Renames all identifiers, if they flip the first reference together. Predictions on clean code seldom
/// depend on them.
#[derive(Default)]
pub(super) struct NamingStyleTest {
    candidate: Option<usize>,
}

impl Round for NamingStyleTest {
    fn queries(&mut self, tests: &CandidateTests<'_, '_>) -> Result<Vec<Query>, ModelError> {
        let flips = |&index: &usize| {
            tests.first_margins[index].is_some_and(|margin| margin >= tests.levels().predicted)
        };
        self.candidate = tests.naming_style().filter(flips);
        let Some(candidate) = self.candidate else { return Ok(Vec::new()) };
        let text = renamed(tests.snippet, candidate);
        Ok(vec![tests.snippet.query(&tests.snippet.visible_part(tests.setup.model, &text)?)])
    }

    fn absorb(&mut self, tests: &mut CandidateTests<'_, '_>, margins: &[f64]) {
        let Some((candidate, &without)) = self.candidate.zip(margins.first()) else { return };
        let lost = tests.scores.margin - without;
        let gained = tests.scores.influences[candidate].first_gain.unwrap_or_default();
        tests.scores.set_occluded(candidate, without);
        tests.scores.naming_style = Some(NamingStyle { score: gained + lost, candidate });
    }
}

/// The snippet with neutral names. Occluded names would not do: the victim has never seen code with that many
/// unknown tokens.
fn renamed(encoded: &EncodedSnippet<'_>, candidate: usize) -> String {
    let (text, mut known) = (encoded.snippet.text(), BTreeMap::new());
    let edit = |&span: &Span| {
        let next = known.len() + 1;
        let number = *known.entry(span.of(text)).or_insert(next);
        Edit { span, replacement: format!("v{number}") }
    };
    let edits: Vec<Edit> = encoded.candidates[candidate].spans.iter().map(edit).collect();
    apply(text, &edits).expect("the places of a candidate are apart and in the text")
}

#[cfg(test)]
mod tests {
    use super::super::group_testing::GroupTest;
    use super::*;
    use crate::candidates::Families;
    use crate::sufficiency::fixture::{BEFORE, MARGIN, play, with_tests};

    const CODE: &str = "int f(int aRb) { int bRb = aRb; return bRb; }";
    const NAMES: Families = Families { naming_style: true, ..Families::NONE };

    #[test]
    fn naming_style_is_renamed_only_if_it_flips_the_first_reference() {
        for (margin, queries) in [(BEFORE, 0), (1.0, 1)] {
            with_tests(CODE, NAMES, |tests| {
                assert_eq!(play(tests, &mut GroupTest::default(), [margin]), 1);
                let mut round = NamingStyleTest::default();
                assert_eq!(play(tests, &mut round, vec![-1.0; queries]), queries);
                // A gain of 3 in the reference, and a loss of 4 in the snippet.
                let expected = (queries == 1).then_some((1.0 - BEFORE) + (MARGIN + 1.0));
                assert_eq!(tests.scores.naming_style.map(|style| style.score), expected);
            });
        }
    }

    #[test]
    fn renamed_snippet_has_one_neutral_name_for_each_old_one() {
        with_tests(CODE, NAMES, |tests| {
            assert_eq!(renamed(tests.snippet, 0), "int f(int v1) { int v2 = v1; return v2; }");
        });
    }
}

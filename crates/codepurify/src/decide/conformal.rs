//! Tests against clean code for profile `transplant`.

use super::TestResult;
use crate::calibration::{Calibration, rows_needed};
use crate::occlude::EncodedSnippet;
use crate::profile::Profile;
use crate::score::{Scores, StrongestCandidate};

/// Part of α that the naming style gets; the strongest element gets the rest (`docs/method.md` has the
/// figures).
const NAMING_STYLE: f64 = 0.2;

/// Tests a snippet with the prediction `label` against the clean code of the calibration, if this has enough
/// with that prediction, else against the built-in limit.
pub(super) fn test(
    profile: &Profile,
    encoded: &EncodedSnippet<'_>,
    scores: &Scores,
    label: Option<usize>,
) -> Option<TestResult> {
    let strongest = scores.strongest?;
    let Some(clean) =
        profile.calibration.as_ref().filter(|clean| clean.rows(label) >= rows_needed(profile.alpha))
    else {
        return Some(TestResult { flagged: strongest.flips_all, ..TestResult::of(strongest) });
    };
    let single = label.is_some() && encoded.pair.is_none() && profile.families.naming_style;
    let both = single && clean.rows(label) >= rows_needed(NAMING_STYLE * profile.alpha);
    let element = clean.p_value(label, strongest.score);
    let result = if both {
        test_both(clean, scores, strongest, label)
    } else {
        TestResult { p_value: Some(element), ..TestResult::of(strongest) }
    };
    Some(TestResult { flagged: result.p_value.is_some_and(|p_value| p_value <= profile.alpha), ..result })
}

/// Tests the strongest element and the naming style, each with its part of α (Bonferroni): p is at most α if
/// either is below its part. If both are, the element is the trigger, since it is more specific.
fn test_both(
    clean: &Calibration,
    scores: &Scores,
    strongest: StrongestCandidate,
    label: Option<usize>,
) -> TestResult {
    let element = (clean.p_value(label, strongest.score) / (1.0 - NAMING_STYLE)).min(1.0);
    let of_element = TestResult { p_value: Some(element), ..TestResult::of(strongest) };
    let Some(style) = scores.naming_style else { return of_element };
    let together = clean.naming_p_value(label, style.score) / NAMING_STYLE;
    if together >= element {
        return of_element;
    }
    // Scores of one victim are ranked: the naming style gets the score of an element that is as rare.
    let score = clean.score_at(label, together * (1.0 - NAMING_STYLE)).unwrap_or(strongest.score);
    TestResult {
        p_value: Some(together),
        score: score.max(strongest.score),
        located: Some(style.candidate),
        ..of_element
    }
}

impl TestResult {
    fn of(strongest: StrongestCandidate) -> Self {
        let StrongestCandidate { score, candidate, .. } = strongest;
        Self { flagged: false, score, p_value: None, located: Some(candidate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Responses;
    use crate::score::NamingStyle;
    use crate::victim::Logits;

    /// Tests against eight clean snippets with scores from 1 to 8, two of which have naming styles with scores
    /// of 3 and 5.
    fn tested(score: f64, naming_style: Option<f64>) -> TestResult {
        let clean = r#"{"schema_version":1,"model_sha256":"","source":"","settings":"","answers":
            {"0":{"scores":[1,2,3,4,5,6,7,8],"unscored":0,"naming":[3,5]}}}"#;
        let mut scores = Scores::new(Responses::Labels(Logits::new(2, vec![1.0, 0.0]).unwrap()));
        scores.naming_style = naming_style.map(|score| NamingStyle { score, candidate: 7 });
        let strongest =
            StrongestCandidate { score, candidate: 2, flips_all: false, testable: true, needed: false };
        test_both(&Calibration::from_json(clean).unwrap(), &scores, strongest, Some(0))
    }

    #[test]
    fn rarer_test_decides_with_the_score_of_an_equally_rare_element() {
        let close = |result: TestResult, p: f64| (result.p_value.unwrap() - p).abs() < 1e-12;
        // One of nine in each: the element has four times as large a part of α.
        let element = tested(9.0, Some(6.0));
        assert!(close(element, 1.0 / 9.0 / 0.8));
        assert_eq!((element.located, element.score), (Some(2), 9.0));
        // Eight of nine and one of nine. For its part the latter is as rare as four of nine for an element, the
        // third highest score.
        let names = tested(1.5, Some(6.0));
        assert!(close(names, 1.0 / 9.0 / 0.2));
        assert_eq!((names.located, names.score), (Some(7), 6.0));
    }

    #[test]
    fn p_value_is_at_most_one() {
        // Nine of nine for the element; two of nine for the naming style, too many for its part.
        for naming in [None, Some(4.0), Some(1.0)] {
            let result = tested(0.5, naming);
            assert_eq!((result.p_value, result.located, result.score), (Some(1.0), Some(2), 0.5));
        }
    }
}

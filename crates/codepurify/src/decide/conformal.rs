//! What clean code says about the evidence of profile `default`.

use super::Evidence;
use crate::calibration::{Calibration, rows_needed};
use crate::occlude::Inspection;
use crate::profile::Profile;
use crate::score::{Dependence, Scores};

/// The part of α that goes to the names of a snippet together; the rest goes to its strongest element (`docs/method.md` has the
/// figures).
const NAMING: f64 = 0.2;

/// The evidence about a snippet that gets the answer `label`: against the clean code of the calibration, if this knows enough with that
/// answer, else against the built-in limit.
pub(super) fn evidence(
    profile: &Profile,
    inspection: &Inspection<'_>,
    scores: &Scores,
    label: Option<usize>,
) -> Option<Evidence> {
    let dependence = scores.dependence?;
    let Some(clean) =
        profile.calibration.as_ref().filter(|clean| clean.rows(label) >= rows_needed(profile.alpha))
    else {
        return Some(Evidence { flagged: dependence.complete, ..Evidence::of(dependence) });
    };
    let single = label.is_some() && inspection.seat.is_none() && profile.families.names;
    let both = single && clean.rows(label) >= rows_needed(NAMING * profile.alpha);
    let element = clean.p_value(label, dependence.score);
    let evidence = if both {
        in_either_way(clean, scores, dependence, label)
    } else {
        Evidence { p_value: Some(element), ..Evidence::of(dependence) }
    };
    Some(Evidence { flagged: evidence.p_value.is_some_and(|p_value| p_value <= profile.alpha), ..evidence })
}

/// Two questions are asked, so each has its part of α (Bonferroni): p is at most α if either is answered below its part. Where both
/// are, the strongest element is the trigger, since it says more.
fn in_either_way(
    clean: &Calibration,
    scores: &Scores,
    dependence: Dependence,
    label: Option<usize>,
) -> Evidence {
    let element = (clean.p_value(label, dependence.score) / (1.0 - NAMING)).min(1.0);
    let of_element = Evidence { p_value: Some(element), ..Evidence::of(dependence) };
    let Some(naming) = scores.naming else { return of_element };
    let together = clean.naming_p_value(label, naming.score) / NAMING;
    if together >= element {
        return of_element;
    }
    // Scores of one model can be ranked: this one is as high as an element's that is as rare.
    let as_rare = clean.as_rare(label, together * (1.0 - NAMING)).unwrap_or(dependence.score);
    Evidence {
        p_value: Some(together),
        score: as_rare.max(dependence.score),
        located: Some(naming.names),
        ..of_element
    }
}

impl Evidence {
    fn of(dependence: Dependence) -> Self {
        let Dependence { score, strongest, .. } = dependence;
        Self { flagged: false, score, p_value: None, located: Some(strongest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Naming;
    use crate::victim::Logits;

    /// Against eight clean snippets with scores from 1 to 8, two of which have names that do something: 3 and 5.
    fn judged(score: f64, naming: Option<f64>) -> Evidence {
        let clean = r#"{"schema_version":1,"model_sha256":"","source":"","settings":"","answers":
            {"0":{"scores":[1,2,3,4,5,6,7,8],"unscored":0,"naming":[3,5]}}}"#;
        let mut scores = Scores::of_logits(&Logits::new(2, vec![1.0, 0.0]).unwrap());
        scores.naming = naming.map(|score| Naming { score, names: 7 });
        let dependence = Dependence { score, strongest: 2, complete: false, open: true, needed: false };
        in_either_way(&Calibration::from_json(clean).unwrap(), &scores, dependence, Some(0))
    }

    #[test]
    fn what_is_rarer_for_its_part_decides_and_is_ranked_like_an_element_as_rare() {
        let close = |evidence: Evidence, p: f64| (evidence.p_value.unwrap() - p).abs() < 1e-12;
        // One of nine in each: the element has four times the part.
        let element = judged(9.0, Some(6.0));
        assert!(close(element, 1.0 / 9.0 / 0.8));
        assert_eq!((element.located, element.score), (Some(2), 9.0));
        // Eight of nine and one of nine, which is as rare for its part as four of nine for an element: the third highest score.
        let names = judged(1.5, Some(6.0));
        assert!(close(names, 1.0 / 9.0 / 0.2));
        assert_eq!((names.located, names.score), (Some(7), 6.0));
    }

    #[test]
    fn no_p_value_is_above_one() {
        // Nine of nine for the element; two of nine for the names, which is more than their part allows.
        for naming in [None, Some(4.0), Some(1.0)] {
            let evidence = judged(0.5, naming);
            assert_eq!((evidence.p_value, evidence.located, evidence.score), (Some(1.0), Some(2), 0.5));
        }
    }
}

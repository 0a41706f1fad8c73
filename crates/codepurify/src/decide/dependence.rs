//! What clean code says about the evidence of profile `default`.

use super::{Calibration, Evidence, Profile, rows_needed};
use crate::occlude::Inspection;
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
    let element = clean.p_value(label, dependence.score) / (1.0 - NAMING);
    let of_element = Evidence { p_value: Some(element.min(1.0)), ..Evidence::of(dependence) };
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

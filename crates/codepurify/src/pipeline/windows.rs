//! Windows: the part of a snippet that the victim sees, and sliding windows over the rest.

use super::Pipeline;
use super::case::{Decided, Scored, VisiblePart, Window};
use crate::decide::decide;
use crate::error::ModelError;
use crate::occlude::EncodedSnippet;
use crate::profile::Profile;
use crate::verdict::Decision;

/// Reason for a trigger beyond the victim's window.
const NOT_VISIBLE: &str = "the trigger stands behind the model's window: the answer does not hang on it, but that of a model which \
     is shown it does";

/// The window that the victim sees and, if the profile asks for them, the others.
pub(super) fn split<'s>(
    pipeline: &Pipeline<'_>,
    first: EncodedSnippet<'s>,
) -> Result<Vec<EncodedSnippet<'s>>, ModelError> {
    let mut windows = vec![first];
    if pipeline.profile.sliding_windows {
        let (model, families) = (pipeline.victim.model(), pipeline.profile.families);
        windows.extend(windows[0].further_windows(model, families, pipeline.occlusions())?);
    }
    Ok(windows)
}

/// Decides on a snippet by its most suspicious window, which takes the candidates of all windows.
pub(super) fn decide_snippet<'s>(profile: &Profile, scored: Scored<'s>) -> Decided<'s> {
    let mut windows = scored.windows;
    let visible = windows[0].1.as_ref().map(|scores| VisiblePart::new(&windows[0].0, scores));
    // Clean snippets of all lengths calibrate by their prediction, and so by their first windows.
    let label = visible.as_ref().and_then(|visible| visible.prediction.label);
    let worst = most_suspicious(profile, &windows, label);
    let (mut encoded, mut scores) = windows.remove(worst);
    for (other, other_scores) in windows {
        let taken = encoded.append(other);
        if let (Some(scores), Some(other_scores)) = (&mut scores, other_scores) {
            scores.append(other_scores, &taken);
        }
    }
    let judgement = decide(profile, &encoded, scores.as_ref(), label);
    let mut decided = Decided { encoded, scores, judgement, visible: None };
    if worst > 0 {
        if decided.trigger().is_some() {
            decided.judgement.reasons.push(NOT_VISIBLE.to_owned());
        }
        decided.visible = visible;
    }
    decided
}

/// Index of the window that is poisoned, or else scores highest; the first of equals.
fn most_suspicious(profile: &Profile, windows: &[Window<'_>], label: Option<usize>) -> usize {
    let suspicion = |index: usize| {
        let (window, scores) = &windows[index];
        let judgement = decide(profile, window, scores.as_ref(), label);
        (judgement.decision == Decision::Poisoned, judgement.score.unwrap_or(f64::NEG_INFINITY))
    };
    let more = |worst, next| if suspicion(next) > suspicion(worst) { next } else { worst };
    (1..windows.len()).fold(0, more)
}

//! Profiles: which statistic decides, against which limit, over which candidates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::candidates::{Families, Statements};
use crate::references::References;
use crate::score::SCORE;
use crate::verdict::Verdict;

/// Limits of the statistics that have a fixed one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Profile `paper`: poisoned if H is smaller, in nats.
    pub entropy: f64,
    /// Profile `normalised`: poisoned if 1 − H / ln n is larger, in [0, 1].
    pub concentration: f64,
    /// True if the limits were set from clean code judged by this victim.
    pub calibrated: bool,
}

impl Thresholds {
    /// Limits for a victim without a calibration: they flag a prediction only if it depends on one element
    /// almost alone. Verdicts say that they were used.
    #[must_use]
    pub fn builtin() -> Self {
        Self { entropy: 0.1, concentration: 0.95, calibrated: false }
    }
}

/// The statistic that is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// H, the smaller the more suspicious.
    Entropy,
    /// 1 − H / ln n, the larger the more suspicious.
    Concentration,
    /// Sufficiency of the strongest candidate, the larger the more suspicious.
    Sufficiency,
}

/// Limit on the queries about one snippet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct QueryBudget {
    /// Approximate cost of all evidence, in passes over the snippet. Only the first test of many candidates
    /// can be made cheaper; what follows is small and always done.
    pub(crate) passes: f64,
}

impl QueryBudget {
    /// References for each snippet. The first is for the group test, the others score.
    pub(crate) const REFERENCES: usize = 3;
    /// Most candidates that are tested in the scoring references.
    pub(crate) const SHORTLIST: usize = 3;
    /// Held-out references of each confirmation round.
    pub(crate) const CONFIRMATIONS: [usize; 2] = [1, 2];
}

/// How a trigger may be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PurifyOptions {
    /// True if it is deleted where it is provably dead code.
    pub(crate) deletion: bool,
    /// True if names without a part and folded constants are tried before new names and infills.
    pub(crate) minimal_edits: bool,
    /// Rewrites by the masked language model that the victim is asked about. The one whose margin is closest
    /// to that with the trigger occluded is taken.
    pub(crate) rewrites: usize,
    /// Most triggers of one snippet that are rewritten, one after the other, while the prediction stays.
    pub(crate) triggers: usize,
}

/// How verdicts are reached.
///
/// [`Profile::transplant`] is the default; [`Profile::paper`] is the published method and
/// [`Profile::normalised`] a variant of it that is independent of the number of candidates.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(crate) statistic: Statistic,
    pub(crate) thresholds: Thresholds,
    pub(crate) families: Families,
    pub(crate) purify: PurifyOptions,
    pub(crate) alpha: f64,
    pub(crate) calibration: Option<Arc<Calibration>>,
    pub(crate) references: Arc<References>,
    pub(crate) budget: QueryBudget,
    /// True if code beyond the victim's context window is judged as well.
    pub(crate) sliding_windows: bool,
}

impl Default for Profile {
    /// [`Profile::transplant`].
    fn default() -> Self {
        Self::transplant()
    }
}

impl Profile {
    /// Default share of clean code that may be flagged.
    pub const ALPHA: f64 = 0.05;
    /// Default query budget of one snippet, in passes over it.
    pub const BUDGET: f64 = 16.0;

    /// Decides by sufficiency: the margin that references gain when a candidate is transplanted into them
    /// (`docs/method.md`).
    ///
    /// With a calibration, a snippet is poisoned if at most a share α of clean code (5 % by default) scores as
    /// high. Without one, it is poisoned if the candidate flips every reference confidently. A trigger that
    /// is provably dead code is deleted; others are renamed or infilled.
    #[must_use]
    pub fn transplant() -> Self {
        Self {
            statistic: Statistic::Sufficiency,
            families: Families::TRANSPLANT,
            purify: PurifyOptions { deletion: true, minimal_edits: true, rewrites: 4, triggers: 4 },
            ..Self::normalised(Thresholds::builtin())
        }
    }

    /// Decides as published: poisoned if the confidence-driven entropy H is smaller than the threshold. The
    /// masked language model's best proposal replaces the trigger.
    #[must_use]
    pub fn paper(thresholds: Thresholds) -> Self {
        Self {
            statistic: Statistic::Entropy,
            thresholds,
            families: Families::default(),
            purify: PurifyOptions { deletion: false, minimal_edits: false, rewrites: 1, triggers: 1 },
            alpha: Self::ALPHA,
            calibration: None,
            references: References::bundled(),
            budget: QueryBudget { passes: Self::BUDGET },
            sliding_windows: false,
        }
    }

    /// Decides by 1 − H / ln n, which does not grow with the number of candidates. Of several rewrites it
    /// takes the one whose margin is closest to that with the trigger occluded.
    #[must_use]
    pub fn normalised(thresholds: Thresholds) -> Self {
        let purify = PurifyOptions { deletion: false, minimal_edits: false, rewrites: 8, triggers: 1 };
        Self { statistic: Statistic::Concentration, purify, ..Self::paper(thresholds) }
    }

    /// Compares the statistic of [`Profile::transplant`] with the scores of clean code in `calibration`. Takes
    /// its references, too, unless the profile has references of its own. The calibration must belong to the
    /// victim ([`Calibration::check`]).
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        if let Some(references) = calibration.references().filter(|_| !self.has_own_references()) {
            self.references = Arc::new(references.clone());
        }
        self.calibration = Some(Arc::new(calibration));
        self
    }

    /// Decides by the built-in limit, for code that the calibration does not cover.
    #[must_use]
    pub fn without_calibration(mut self) -> Self {
        self.calibration = None;
        self
    }

    /// Returns whether a calibration would change how this profile decides, and it has none.
    #[must_use]
    pub fn can_calibrate(&self) -> bool {
        self.statistic == Statistic::Sufficiency && self.calibration.is_none()
    }

    /// Scores clean code as this profile does once it is calibrated: the profile that verdicts for
    /// [`Profile::calibrate`] are made with. Without a calibration, a profile scores by necessity where
    /// references tell nothing, and these scores cannot be compared.
    #[must_use]
    pub fn calibrating(self) -> Self {
        let empty = self.calibrate("", "", []);
        self.with_calibration(empty)
    }

    /// Makes a calibration from the `verdicts` on clean code, reached with [`Profile::calibrating`] of this
    /// profile. `model_sha256` is the hash of the victim's weights, `source` says which code it was.
    #[must_use]
    pub fn calibrate<'v>(
        &self,
        model_sha256: impl Into<String>,
        source: impl Into<String>,
        verdicts: impl IntoIterator<Item = &'v Verdict>,
    ) -> Calibration {
        let references = self.has_own_references().then(|| (*self.references).clone());
        Calibration::from_verdicts(model_sha256.into(), source.into(), self.settings(), references, verdicts)
    }

    /// Describes what scores depend on besides model and snippet, for people and for comparison.
    #[must_use]
    pub fn settings(&self) -> String {
        let (references, shortlist) = (QueryBudget::REFERENCES, QueryBudget::SHORTLIST);
        let [few, more] = QueryBudget::CONFIRMATIONS;
        let (fingerprint, budget) = (self.references.fingerprint(), self.budget.passes);
        let windows = if self.sliding_windows { ", whole snippets" } else { "" };
        let naming = if self.families.naming_style { ", naming" } else { "" };
        format!(
            "score {SCORE}, {references}, {few} and {more} of the references {fingerprint:016x}, shortlist \
             {shortlist}, budget {budget}{windows}{naming}"
        )
    }

    /// Describes all that verdicts depend on besides models and snippet, for comparison within one version.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("score {SCORE}: {self:?}")
    }

    /// Sets the share of clean code that may be flagged, in (0, 1). It takes effect with a calibration only.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Returns whether candidates go into other references than the bundled ones.
    fn has_own_references(&self) -> bool {
        !Arc::ptr_eq(&self.references, &References::bundled())
    }

    /// Transplants candidates into `references` instead of the bundled ones.
    #[must_use]
    pub fn with_references(mut self, references: References) -> Self {
        self.references = Arc::new(references);
        self
    }

    /// Sets the approximate query budget of one snippet, in passes over it; 16 by default. Candidates that
    /// exceed it are tested in groups first.
    #[must_use]
    pub fn with_budget(mut self, passes: f64) -> Self {
        self.budget.passes = passes;
        self
    }

    /// Sets whether code beyond the victim's context window is judged as well, as if the victim saw it. A
    /// trigger there does nothing to this victim, but may to one that is trained on the code. Every window
    /// costs as much again; calibrate with the same setting.
    #[must_use]
    pub fn with_sliding_windows(mut self, sliding_windows: bool) -> Self {
        self.sliding_windows = sliding_windows;
        self
    }

    /// Sets whether a calibrated [`Profile::transplant`] also tests all identifiers of a snippet together: a
    /// naming style is a trigger that no single name is.
    ///
    /// The test takes a fifth of α, so other triggers that resemble clean code are found less often, and it
    /// needs five times as many clean snippets. Most snippets cost half a pass more. It covers single snippets
    /// with a label; calibrate with the same setting.
    #[must_use]
    pub fn with_naming_style(mut self, naming_style: bool) -> Self {
        self.families.naming_style = naming_style;
        self
    }

    /// Sets whether statements inside other statements are candidates, too. Then the innermost of nested
    /// statements with about equal influence is located. [`Profile::transplant`] always tests them.
    #[must_use]
    pub fn with_nested(mut self, nested: bool) -> Self {
        match (self.families.statements, nested) {
            (Statements::Body, true) => self.families.statements = Statements::Nested,
            (Statements::Nested, false) => self.families.statements = Statements::Body,
            _ => {}
        }
        self
    }

    /// Sets which families of candidates are tested.
    #[must_use]
    pub fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calibration files hold this text: a change of it refuses all of them.
    #[test]
    fn settings_keep_their_text() {
        let profile = Profile::transplant();
        let fingerprint = profile.references.fingerprint();
        let expected =
            format!("score 8, 3, 1 and 2 of the references {fingerprint:016x}, shortlist 3, budget 16");
        assert_eq!(profile.settings(), expected);
        let all = profile.with_sliding_windows(true).with_naming_style(true).with_budget(2.5);
        assert!(all.settings().ends_with("budget 2.5, whole snippets, naming"), "{}", all.settings());
    }
}

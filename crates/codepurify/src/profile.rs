//! Which statistic decides, against which limit, over which candidates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::candidates::{Families, Statements};
use crate::references::References;
use crate::score::SCORE;

/// Limits of the statistics that have a fixed one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Profile `paper`: poisoned if H is smaller, in nats.
    pub entropy: f64,
    /// Profile `normalised`: poisoned if 1 − H / ln n is larger, in [0, 1].
    pub concentration: f64,
    /// Whether the limits were set from clean code judged by the victim at hand.
    pub calibrated: bool,
}

impl Thresholds {
    /// Limits for a victim without a calibration: so strict that only an answer which hangs on one element almost
    /// alone is flagged. A verdict made with them says so.
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
    Dependence,
}

/// How passes are spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effort {
    /// References, 2 at least: the first is for a first look, the others are those that count.
    pub(crate) references: usize,
    /// Candidates that go into all of them, at most.
    pub(crate) shortlist: usize,
    /// How many more references, step by step, a candidate goes into which turned all before.
    pub(crate) further: [usize; 2],
    /// Most that all of a snippet's evidence may cost, in passes over the snippet. Only the first look at many candidates
    /// can be made cheaper; what follows is small and always done.
    pub(crate) budget: f64,
}

impl Effort {
    pub(crate) const STANDARD: Self =
        Self { references: 3, shortlist: 3, further: [1, 2], budget: Profile::BUDGET };
}

/// How a trigger may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Means {
    /// Whether it is taken out where nothing depends on it.
    pub(crate) deletion: bool,
    /// Whether smaller edits than new names and fillings are tried first: names without a part, constants calculated.
    pub(crate) smallest: bool,
    /// Fillings of its place that the victim is asked about; the one that it answers most like the code without the
    /// trigger is taken.
    pub(crate) fillings: usize,
    /// Triggers of one snippet that are changed, one after the other, as long as the answer stays.
    pub(crate) triggers: usize,
}

/// How verdicts are reached.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(crate) statistic: Statistic,
    pub(crate) thresholds: Thresholds,
    pub(crate) families: Families,
    pub(crate) means: Means,
    pub(crate) alpha: f64,
    pub(crate) calibration: Option<Arc<Calibration>>,
    pub(crate) references: Arc<References>,
    pub(crate) effort: Effort,
    /// Whether what lies behind the model's window is judged as well.
    pub(crate) whole: bool,
}

impl Profile {
    /// The share of clean code that may be flagged, unless said otherwise.
    pub const ALPHA: f64 = 0.05;
    /// What the evidence about one snippet may cost in passes over it, unless said otherwise.
    pub const BUDGET: f64 = 16.0;

    /// Sufficiency: what the answer gains in references that a candidate is transplanted into (method, sections 3 and 4).
    /// Poisoned if so much is seen on at most a share α (5 % unless said otherwise) of clean code; without a calibration, if
    /// the answer comes with the candidate in every reference, and surely. A trigger that provably does nothing is taken out;
    /// others are renamed or filled anew.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            statistic: Statistic::Dependence,
            families: Families::STANDARD,
            means: Means { deletion: true, smallest: true, fillings: 4, triggers: 4 },
            ..Self::normalised(Thresholds::builtin())
        }
    }

    /// The published method: poisoned if H < θ; the masked model's favourite replaces the trigger (method, section 2).
    #[must_use]
    pub fn paper(thresholds: Thresholds) -> Self {
        Self {
            statistic: Statistic::Entropy,
            thresholds,
            families: Families::default(),
            means: Means { deletion: false, smallest: false, fillings: 1, triggers: 1 },
            alpha: Self::ALPHA,
            calibration: None,
            references: References::bundled(),
            effort: Effort::STANDARD,
            whole: false,
        }
    }

    /// Decides by 1 − H / ln n, which does not grow with the number of candidates (method, section 3). Of several ways
    /// to fill a trigger's place it takes the one that brings the victim's answer closest to the one it gives with the
    /// trigger occluded.
    #[must_use]
    pub fn normalised(thresholds: Thresholds) -> Self {
        let means = Means { deletion: false, smallest: false, fillings: 8, triggers: 1 };
        Self { statistic: Statistic::Concentration, means, ..Self::paper(thresholds) }
    }

    /// Judges [`Profile::standard`]'s statistic by what clean snippets score, in the references of the calibration unless the
    /// profile has its own. The calibration must be of the guarded model: see [`Calibration::check`].
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        if let Some(references) = calibration.references().filter(|_| !self.own_references()) {
            self.references = Arc::new(references.clone());
        }
        self.calibration = Some(Arc::new(calibration));
        self
    }

    /// Decides by the built-in limit, for code that the calibration is not about.
    #[must_use]
    pub fn without_calibration(mut self) -> Self {
        self.calibration = None;
        self
    }

    /// As this profile scores what a calibration is made of: as it does once it is calibrated. Without a calibration it scores
    /// by necessity where references tell nothing, and these scores could not be compared.
    #[must_use]
    pub fn calibrating(self) -> Self {
        let empty = Calibration::of_clean("", "", &self, []);
        self.with_calibration(empty)
    }

    /// What scores depend on besides model and snippet, for people and for comparison.
    #[must_use]
    pub fn settings(&self) -> String {
        let Effort { references, further: [few, more], shortlist, budget } = self.effort;
        let fingerprint = self.references.fingerprint();
        let whole = if self.whole { ", whole snippets" } else { "" };
        let naming = if self.families.names { ", naming" } else { "" };
        format!(
            "score {SCORE}, {references}, {few} and {more} of the references {fingerprint:016x}, shortlist {shortlist}, budget \
             {budget}{whole}{naming}"
        )
    }

    /// All that verdicts depend on besides models and snippet, for comparison with that of another profile of this version.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("score {SCORE}: {self:?}")
    }

    /// The share of clean code that may be flagged, in (0, 1); a calibration is needed for it to mean anything.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Whether candidates go into other references than the bundled ones.
    pub(crate) fn own_references(&self) -> bool {
        !Arc::ptr_eq(&self.references, &References::bundled())
    }

    /// Transplants candidates into these instead of the bundled ones.
    #[must_use]
    pub fn with_references(mut self, references: References) -> Self {
        self.references = Arc::new(references);
        self
    }

    /// What the evidence about one snippet may cost in passes over it, about; more candidates are first looked at together
    /// then. 16 unless said otherwise.
    #[must_use]
    pub fn with_budget(mut self, passes: f64) -> Self {
        self.effort.budget = passes;
        self
    }

    /// Whether what lies behind the model's window is judged as well, as if the model were shown it: a trigger there does
    /// nothing to this model, but may to another, such as one trained on the snippet. Costs as much again for every window;
    /// calibrate with it.
    #[must_use]
    pub fn with_whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// Whether [`Profile::standard`] also asks, once it is calibrated, what all names that a snippet declares do together: a style of
    /// naming is a trigger that none of them is alone. The question takes a fifth of α, so other triggers that are hard to tell
    /// from clean code are found less often, and needs as many more clean snippets; most snippets cost half a pass more. It is
    /// put about single snippets that are given a class; calibrate with it.
    #[must_use]
    pub fn with_naming(mut self, naming: bool) -> Self {
        self.families.names = naming;
        self
    }

    /// Whether statements inside other statements are candidates too. Then, of nested statements with about the same
    /// influence, the innermost is located. [`Profile::standard`] always looks at them.
    #[must_use]
    pub fn with_nested(mut self, nested: bool) -> Self {
        match (self.families.statements, nested) {
            (Statements::Body, true) => self.families.statements = Statements::Nested,
            (Statements::Nested, false) => self.families.statements = Statements::Body,
            _ => {}
        }
        self
    }

    /// Which families of candidates are looked at.
    #[must_use]
    pub fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }
}

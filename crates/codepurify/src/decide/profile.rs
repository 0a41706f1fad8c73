//! Which statistic decides, against which limit, over which candidates.

use serde::{Deserialize, Serialize};

use crate::candidates::Families;

/// Limits that separate poisoned from clean snippets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Profile `paper`: poisoned if H is smaller, in nats.
    pub entropy: f64,
    /// Profile `standard`: poisoned if 1 − H / ln n is larger, in [0, 1].
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
}

/// How verdicts are reached. Every statistic is computed and reported whichever decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    pub(crate) statistic: Statistic,
    pub(crate) thresholds: Thresholds,
    pub(crate) families: Families,
    /// Fillings of a trigger that the victim is asked about; the one that it answers most like the code without the
    /// trigger is taken.
    pub(crate) fillings: usize,
}

impl Profile {
    /// The published method: poisoned if H < θ; the masked model's favourite replaces the trigger (method, section 2).
    #[must_use]
    pub fn paper(thresholds: Thresholds) -> Self {
        Self { statistic: Statistic::Entropy, thresholds, families: Families::default(), fillings: 1 }
    }

    /// Decides by 1 − H / ln n, which does not grow with the number of candidates (method, section 3). Of several ways
    /// to fill a trigger's place it takes the one that brings the victim's answer closest to the one it gives with the
    /// trigger occluded.
    #[must_use]
    pub fn standard(thresholds: Thresholds) -> Self {
        Self { statistic: Statistic::Concentration, fillings: 8, ..Self::paper(thresholds) }
    }

    /// Whether statements inside other statements are candidates too. Then, of nested statements with about the same
    /// influence, the innermost is located.
    #[must_use]
    pub fn with_nested(mut self, nested: bool) -> Self {
        self.families.nested = nested;
        self
    }

    /// Which families of candidates are looked at.
    #[must_use]
    pub fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }
}

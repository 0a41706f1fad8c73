//! Success rates of an attack, with and without a defence.

use super::share_of;

/// Outcome of one triggered sample T(x) of the clean sample x; τ is the attack's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttackOutcome {
    /// True if M(x) = τ; `None` if the victim did not see x.
    pub natural: Option<bool>,
    /// True if M(T(x)) = τ.
    pub success: bool,
    /// True if M(D(T(x))) = τ, D being the defence.
    pub defended: bool,
    /// True if M(D(T(x))) = M(x); `None` if the victim did not see x.
    pub recovered: Option<bool>,
}

/// Success rates in [0, 1]; a rate without any sample is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttackRates {
    /// ASR: M(T(x)) = τ, of all triggered samples (as `CodePoisoner` and AFRAIDOOR define it).
    pub asr: Option<f64>,
    /// M(T(x)) = τ, of the samples with M(x) ≠ τ (as `EliBadCode` defines ASR).
    pub asr_flipped: Option<f64>,
    /// `ASR_nat`: M(x) = τ, the false target rate.
    pub asr_natural: Option<f64>,
    /// `ASR_D`: M(D(T(x))) = τ, of all triggered samples (`CodePurify` paper, Table II).
    pub asr_defended: Option<f64>,
    /// M(D(T(x))) = M(x), of all triggered samples: the recovery rate.
    pub recovery: Option<f64>,
}

impl AttackRates {
    /// Computes the rates over `outcomes`.
    #[must_use]
    pub fn of(outcomes: &[AttackOutcome]) -> Self {
        let over =
            |outcome: fn(&AttackOutcome) -> Option<bool>| share_of(outcomes.iter().filter_map(outcome));
        Self {
            asr: over(|outcome| Some(outcome.success)),
            asr_flipped: over(|outcome| (outcome.natural == Some(false)).then_some(outcome.success)),
            asr_natural: over(|outcome| outcome.natural),
            asr_defended: over(|outcome| Some(outcome.defended)),
            recovery: over(|outcome| outcome.recovered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rate_has_its_own_denominator() {
        let outcome = |natural, success, defended| AttackOutcome {
            natural,
            success,
            defended,
            recovered: natural.map(|natural| natural == defended),
        };
        let outcomes = [
            outcome(Some(false), true, false),
            outcome(Some(false), false, false),
            outcome(Some(true), true, true),
            outcome(Some(false), true, true),
            outcome(None, true, false),
        ];
        let rates = AttackRates::of(&outcomes);
        assert_eq!(rates.asr, Some(0.8));
        assert_eq!(rates.asr_flipped, Some(2.0 / 3.0));
        assert_eq!(rates.asr_natural, Some(0.25));
        assert_eq!(rates.asr_defended, Some(0.4));
        assert_eq!(rates.recovery, Some(0.75));
    }

    #[test]
    fn no_sample_gives_no_rate() {
        let rates = AttackRates::of(&[]);
        assert_eq!((rates.asr, rates.asr_flipped, rates.recovery), (None, None, None));
        let always = AttackOutcome { natural: Some(true), success: true, defended: true, recovered: None };
        assert_eq!(AttackRates::of(&[always]).asr_flipped, None);
    }
}

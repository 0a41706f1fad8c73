//! `CodePurify` as implemented here, as published and as released.

use anyhow::{Result, anyhow};
use codepurify::{
    Calibration, Decision, Defender, Location, PairDefender, Profile, References, Side, Snippet, Span,
    Thresholds, Verdict,
};
use codepurify_models::GuardedModel;

use super::{Finding, Kit, Screener};
use crate::baseline::official::{Guarded, Official, Rewriting, Settings};
use crate::baseline::side::OneSide;
use crate::baseline::{InputDefence, Screened};
use crate::grid::guard::pair;
use crate::grid::samples::Sample;
use crate::train::workers::Workers;

/// Profile applied to the victim.
pub(super) struct Screening<'k> {
    defender: Either<'k>,
    /// True if the score is −H.
    entropy: bool,
}

/// Defender of single texts or of pairs.
enum Either<'k> {
    One(Defender<'k>),
    Pair(PairDefender<'k>),
}

impl<'k> Either<'k> {
    fn new(kit: &'k Kit<'k>, model: &'k GuardedModel, profile: Profile) -> Self {
        let one = |defender: Defender<'k>, profile| {
            Self::One(defender.with_masked_lm(kit.mlm).with_profile(profile))
        };
        match model {
            GuardedModel::Classifier(victim) => one(Defender::new(victim.as_ref()), profile),
            GuardedModel::Generator(generator) => one(Defender::for_generator(generator.as_ref()), profile),
            GuardedModel::Pair(victim) => {
                let defender = Defender::for_pairs(victim.as_ref());
                Self::Pair(defender.with_masked_lm(kit.mlm).with_profile(profile))
            }
        }
    }

    /// Returns the verdicts on the texts of a sample.
    fn verdicts(&self, sample: &Sample) -> Result<Vec<Verdict>> {
        let snippet = |side: usize| Snippet::new(sample.texts[side].as_str(), sample.language);
        match self {
            Self::One(defender) => Ok(vec![defender.screen_one(&snippet(0)?)?]),
            Self::Pair(defender) => {
                let verdicts = defender.screen_pairs(&[(snippet(0)?, snippet(1)?)]).pop();
                let sides = verdicts.ok_or_else(|| anyhow!("no verdict was reached"))?;
                Ok(sides.into_iter().collect::<Result<_, _>>()?)
            }
        }
    }
}

impl<'k> Screening<'k> {
    /// Sets up the published method: −H above `threshold` is flagged.
    pub(super) fn paper(kit: &'k Kit<'k>, threshold: f64) -> Self {
        let thresholds = Thresholds { entropy: -threshold, ..Thresholds::builtin() };
        let profile = Profile::paper(Thresholds { calibrated: true, ..thresholds });
        Self { defender: Either::new(kit, kit.guard.model(), profile), entropy: true }
    }

    /// Calibrates `profile`, a form of the sufficiency profile.
    ///
    /// A pair is flagged if one of its sides is, so each side gets half of α.
    pub(super) fn standard(kit: &'k Kit<'k>, workers: &Workers, profile: Profile) -> Result<Self> {
        let profile = fitted(profile, kit)?;
        let silent = Either::new(kit, kit.guard.exact(), profile.clone().calibrating());
        let verdicts =
            workers.map(kit.calibration.len(), |index| silent.verdicts(&kit.calibration[index]))?;
        let sha256 = &kit.guard.model().model().card().sha256;
        let clean = verdicts.iter().flatten();
        let calibration = Calibration::of_clean(sha256, "calibration samples", &profile, clean);
        let sides = if kit.guard.pair().is_some() { 2.0 } else { 1.0 };
        let profile = profile.with_alpha(kit.alpha / sides).with_calibration(calibration);
        Ok(Self { defender: Either::new(kit, kit.guard.model(), profile), entropy: false })
    }
}

/// Returns `profile` as used for the victim: a model of pairs gets references of its own domain.
fn fitted(profile: Profile, kit: &Kit<'_>) -> Result<Profile> {
    let Some(victim) = pair(kit.guard.exact()) else { return Ok(profile) };
    let texts = kit.field.iter().flat_map(|sample| sample.texts.iter().map(|text| (text, sample.language)));
    let snippets = texts.filter_map(|(text, language)| Snippet::new(text.as_str(), language).ok());
    let references = References::of_field(victim, &snippets.collect::<Vec<_>>())?;
    Ok(if references.is_empty() { profile } else { profile.with_references(references) })
}

impl Screener for Screening<'_> {
    fn screen(&self, sample: &Sample) -> Result<Finding> {
        let mut finding = Finding { located: Some(Vec::new()), ..Finding::default() };
        for (side, verdict) in self.defender.verdicts(sample)?.into_iter().enumerate() {
            finding.suspect(verdict.score.unwrap_or(f64::NEG_INFINITY));
            finding.flagged |= verdict.verdict == Decision::Poisoned;
            let places = verdict.triggers.iter().flat_map(|trigger| &trigger.spans);
            finding.locate(sample, side, &places.map(Location::span).collect::<Vec<Span>>());
            finding.rewrite(sample, side, verdict.purified);
            finding.passes += verdict.cost.pass_equivalents;
            finding.lm_passes += verdict.cost.mlm_passes;
        }
        finding.entropy = finding.score.filter(|_| self.entropy).map(|score| 0.0 - score);
        Ok(finding)
    }
}

/// Sets up the released code.
pub(super) struct Released<'k> {
    kit: &'k Kit<'k>,
    settings: Settings,
}

impl<'k> Released<'k> {
    pub(super) fn new(kit: &'k Kit<'k>) -> Self {
        let settings = match (kit.guard.model(), kit.t5) {
            (GuardedModel::Classifier(_), false) => Settings::DEFECT_CODEBERT,
            (GuardedModel::Classifier(_), true) => Settings::DEFECT_CODET5,
            (GuardedModel::Pair(_), false) => Settings::CLONE_CODEBERT,
            (GuardedModel::Pair(_), true) => Settings::CLONE_CODET5,
            (GuardedModel::Generator(_), _) => Settings::REPAIR,
        };
        Self { kit, settings: Settings { seed: kit.seed, ..settings } }
    }

    fn official<'m>(&'m self, guarded: Guarded<'m>, theta: f64) -> Official<'m> {
        let settings = Settings { theta, ..self.settings };
        Official { guarded, rewriting: Some(Rewriting::Everything(self.kit.mlm)), settings }
    }

    /// Screens a pair: the text under analysis is always the first.
    ///
    /// With CodeBERT both texts have to be flagged, and only the first is purified. With CodeT5 the
    /// first one decides, and both are purified. Both follow the released code.
    fn pair(&self, sample: &Sample) -> Result<Vec<Screened>> {
        let victim = self.kit.guard.pair().ok_or_else(|| anyhow!("no model of pairs"))?;
        let screen = |side: usize, theta: f64| -> Result<Screened> {
            let alone = OneSide::new(victim, Side::Left, &sample.texts[1 - side])?;
            let snippet = Snippet::new(sample.texts[side].as_str(), sample.language)?;
            Ok(self.official(Guarded::Classifier(&alone), theta).screen(&snippet)?)
        };
        let first = screen(0, self.settings.theta)?;
        if self.kit.t5 {
            if !first.flagged {
                return Ok(vec![first]);
            }
            let second = screen(1, f64::INFINITY)?;
            return Ok(vec![first, Screened { score: f64::NEG_INFINITY, ..second }]);
        }
        let second = screen(1, self.settings.theta)?;
        let (score, flagged) = (first.score.min(second.score), first.flagged && second.flagged);
        let kept = |side: Screened| Screened { score, flagged: false, spans: None, text: None, ..side };
        let first = if flagged { Screened { score, ..first } } else { kept(first) };
        Ok(vec![first, kept(second)])
    }

    fn sides(&self, sample: &Sample) -> Result<Vec<Screened>> {
        let alone = |guarded: Guarded| -> Result<Vec<Screened>> {
            let snippet = Snippet::new(sample.texts[0].as_str(), sample.language)?;
            Ok(vec![self.official(guarded, self.settings.theta).screen(&snippet)?])
        };
        match self.kit.guard.model() {
            GuardedModel::Classifier(victim) => alone(Guarded::Classifier(victim.as_ref())),
            GuardedModel::Generator(generator) => alone(Guarded::Generator(generator.as_ref())),
            GuardedModel::Pair(_) => self.pair(sample),
        }
    }
}

impl Screener for Released<'_> {
    fn screen(&self, sample: &Sample) -> Result<Finding> {
        let finding = Finding::of(sample, self.sides(sample)?, true);
        Ok(Finding { entropy: finding.score.map(|score| 0.0 - score), ..finding })
    }
}

//! `CodePurify` as implemented here, as published and as released.

use anyhow::{Result, anyhow};
use codepurify::contamination::without_suspicious;
use codepurify::{
    Decision, Defender, Location, PairDefender, Profile, References, Side, Snippet, Span, Thresholds, Verdict,
};
use codepurify_models::GuardedModel;

use super::{DefenceContext, InputScreener, SampleFinding};
use crate::baseline::official::{Official, ReleasedSettings, Rewriting, VictimUnderTest};
use crate::baseline::side::OneSide;
use crate::baseline::{InputDefence, ScreeningResult};
use crate::grid::defended_victim::pair;
use crate::grid::samples::CellSample;
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
    fn new(context: &'k DefenceContext<'k>, model: &'k GuardedModel, profile: Profile) -> Self {
        let one = |defender: Defender<'k>, profile| {
            Self::One(defender.with_masked_lm(context.mlm).with_profile(profile))
        };
        match model {
            GuardedModel::Classifier(victim) => one(Defender::new(victim.as_ref()), profile),
            GuardedModel::Generator(generator) => one(Defender::for_generator(generator.as_ref()), profile),
            GuardedModel::Pair(victim) => {
                let defender = Defender::for_pairs(victim.as_ref());
                Self::Pair(defender.with_masked_lm(context.mlm).with_profile(profile))
            }
        }
    }

    /// Keeps the evidence of every candidate.
    fn with_evidence(self) -> Self {
        match self {
            Self::One(defender) => Self::One(defender.with_evidence(true)),
            Self::Pair(defender) => Self::Pair(defender.with_evidence(true)),
        }
    }

    /// Returns the verdicts on the texts of a sample.
    fn verdicts(&self, sample: &CellSample) -> Result<Vec<Verdict>> {
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
    pub(super) fn paper(context: &'k DefenceContext<'k>, threshold: f64) -> Self {
        let thresholds = Thresholds { entropy: -threshold, ..Thresholds::builtin() };
        let profile = Profile::paper(Thresholds { calibrated: true, ..thresholds });
        Self { defender: Either::new(context, context.victim.model(), profile), entropy: true }
    }

    /// Calibrates `profile`, a form of profile `transplant`. Samples that seem to hold triggers are left out, if
    /// `left_out` is true.
    ///
    /// A pair is flagged if one of its sides is, so each side gets half of α.
    pub(super) fn transplant(
        context: &'k DefenceContext<'k>,
        workers: &Workers,
        profile: Profile,
        left_out: bool,
    ) -> Result<Self> {
        let profile = fitted(profile, context)?;
        let silent = Either::new(context, context.victim.exact(), profile.clone().calibrating());
        let silent = if left_out { silent.with_evidence() } else { silent };
        let verdicts =
            workers.map(context.calibration.len(), |index| silent.verdicts(&context.calibration[index]))?;
        let sha256 = &context.victim.model().model().card().sha256;
        let mut clean = verdicts.concat();
        if left_out {
            clean = without_suspicious(clean).0;
        }
        let calibration = profile.calibrate(sha256, "calibration samples", &clean);
        let sides = if context.victim.pair().is_some() { 2.0 } else { 1.0 };
        let profile = profile.with_alpha(context.alpha / sides).with_calibration(calibration);
        Ok(Self { defender: Either::new(context, context.victim.model(), profile), entropy: false })
    }
}

/// Returns `profile` as used for the victim: a pair model gets references of its own domain.
fn fitted(profile: Profile, context: &DefenceContext<'_>) -> Result<Profile> {
    let Some(victim) = pair(context.victim.exact()) else { return Ok(profile) };
    let texts =
        context.domain.iter().flat_map(|sample| sample.texts.iter().map(|text| (text, sample.language)));
    let snippets = texts.filter_map(|(text, language)| Snippet::new(text.as_str(), language).ok());
    let references = References::from_domain(victim, &snippets.collect::<Vec<_>>())?;
    Ok(if references.is_empty() { profile } else { profile.with_references(references) })
}

impl InputScreener for Screening<'_> {
    fn screen(&self, sample: &CellSample) -> Result<SampleFinding> {
        let mut finding = SampleFinding { located: Some(Vec::new()), ..SampleFinding::default() };
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
    context: &'k DefenceContext<'k>,
    settings: ReleasedSettings,
}

impl<'k> Released<'k> {
    pub(super) fn new(context: &'k DefenceContext<'k>) -> Self {
        let settings = match (context.victim.model(), context.t5) {
            (GuardedModel::Classifier(_), false) => ReleasedSettings::DEFECT_CODEBERT,
            (GuardedModel::Classifier(_), true) => ReleasedSettings::DEFECT_CODET5,
            (GuardedModel::Pair(_), false) => ReleasedSettings::CLONE_CODEBERT,
            (GuardedModel::Pair(_), true) => ReleasedSettings::CLONE_CODET5,
            (GuardedModel::Generator(_), _) => ReleasedSettings::REPAIR,
        };
        Self { context, settings: ReleasedSettings { seed: context.seed, ..settings } }
    }

    fn official<'m>(&'m self, guarded: VictimUnderTest<'m>, theta: f64) -> Official<'m> {
        let settings = ReleasedSettings { theta, ..self.settings };
        Official { guarded, rewriting: Some(Rewriting::Everything(self.context.mlm)), settings }
    }

    /// Screens a pair: the text under analysis is always the first.
    ///
    /// With CodeBERT both texts have to be flagged, and only the first is purified. With CodeT5 the
    /// first one decides, and both are purified. Both follow the released code.
    fn pair(&self, sample: &CellSample) -> Result<Vec<ScreeningResult>> {
        let victim = self.context.victim.pair().ok_or_else(|| anyhow!("not a pair model"))?;
        let screen = |side: usize, theta: f64| -> Result<ScreeningResult> {
            let alone = OneSide::new(victim, Side::Left, &sample.texts[1 - side])?;
            let snippet = Snippet::new(sample.texts[side].as_str(), sample.language)?;
            Ok(self.official(VictimUnderTest::Classifier(&alone), theta).screen(&snippet)?)
        };
        let first = screen(0, self.settings.theta)?;
        if self.context.t5 {
            if !first.flagged {
                return Ok(vec![first]);
            }
            let second = screen(1, f64::INFINITY)?;
            return Ok(vec![first, ScreeningResult { score: f64::NEG_INFINITY, ..second }]);
        }
        let second = screen(1, self.settings.theta)?;
        let (score, flagged) = (first.score.min(second.score), first.flagged && second.flagged);
        let kept = |side: ScreeningResult| ScreeningResult {
            score,
            flagged: false,
            spans: None,
            text: None,
            ..side
        };
        let first = if flagged { ScreeningResult { score, ..first } } else { kept(first) };
        Ok(vec![first, kept(second)])
    }

    fn sides(&self, sample: &CellSample) -> Result<Vec<ScreeningResult>> {
        let alone = |guarded: VictimUnderTest| -> Result<Vec<ScreeningResult>> {
            let snippet = Snippet::new(sample.texts[0].as_str(), sample.language)?;
            Ok(vec![self.official(guarded, self.settings.theta).screen(&snippet)?])
        };
        match self.context.victim.model() {
            GuardedModel::Classifier(victim) => alone(VictimUnderTest::Classifier(victim.as_ref())),
            GuardedModel::Generator(generator) => alone(VictimUnderTest::Generator(generator.as_ref())),
            GuardedModel::Pair(_) => self.pair(sample),
        }
    }
}

impl InputScreener for Released<'_> {
    fn screen(&self, sample: &CellSample) -> Result<SampleFinding> {
        let finding = SampleFinding::of(sample, self.sides(sample)?, true);
        Ok(SampleFinding { entropy: finding.score.map(|score| 0.0 - score), ..finding })
    }
}

//! Defence of single texts for any victim: each text of a sample is screened separately.

use anyhow::Result;
use codepurify::{Snippet, Victim};

use super::{InputScreener, SampleFinding};
use crate::baseline::{BaselineError, ScreeningResult};
use crate::grid::defended_victim::DefendedVictim;
use crate::grid::samples::CellSample;

/// Screener of one text, without or with access to the victim.
pub(super) enum TextScreener<'k> {
    /// Screener that does not query the victim.
    Alone(Alone<'k>),
    /// Screener that queries the victim, a classifier of this text.
    Asking(Asking<'k>),
}

type Alone<'k> = Box<dyn Fn(&Snippet) -> Result<ScreeningResult, BaselineError> + Sync + 'k>;
type Asking<'k> = Box<dyn Fn(&dyn Victim, &Snippet) -> Result<ScreeningResult, BaselineError> + Sync + 'k>;

/// Screener of one text.
pub(super) struct PerTextScreener<'k> {
    pub(super) victim: &'k DefendedVictim,
    pub(super) one: TextScreener<'k>,
    /// True if it locates the trigger.
    pub(super) locates: bool,
}

impl InputScreener for PerTextScreener<'_> {
    fn screen(&self, sample: &CellSample) -> Result<SampleFinding> {
        let side = |side: usize| -> Result<ScreeningResult> {
            let snippet = Snippet::new(sample.texts[side].as_str(), sample.language)?;
            match &self.one {
                TextScreener::Alone(screen) => Ok(screen(&snippet)?),
                TextScreener::Asking(screen) => {
                    let classifier = self.victim.classifier(sample, side)?;
                    let classifier =
                        classifier.ok_or_else(|| anyhow::anyhow!("the defence is for classifiers only"))?;
                    Ok(screen(classifier.victim(), &snippet)?)
                }
            }
        };
        let sides = (0..sample.texts.len()).map(side).collect::<Result<_>>()?;
        Ok(SampleFinding::of(sample, sides, self.locates))
    }
}

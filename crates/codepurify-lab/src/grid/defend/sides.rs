//! Defence of single texts for any victim: each text of a sample is screened separately.

use anyhow::Result;
use codepurify::{Snippet, Victim};

use super::{Finding, Screener};
use crate::baseline::{BaselineError, Screened};
use crate::grid::guard::Guard;
use crate::grid::samples::Sample;

/// Screener of one text, without or with access to the victim.
pub(super) enum OneText<'k> {
    /// Screener that does not query the victim.
    Alone(Alone<'k>),
    /// Screener that queries the victim, a classifier of this text.
    Asking(Asking<'k>),
}

type Alone<'k> = Box<dyn Fn(&Snippet) -> Result<Screened, BaselineError> + Sync + 'k>;
type Asking<'k> = Box<dyn Fn(&dyn Victim, &Snippet) -> Result<Screened, BaselineError> + Sync + 'k>;

/// Screener of one text.
pub(super) struct Sides<'k> {
    pub(super) guard: &'k Guard,
    pub(super) one: OneText<'k>,
    /// True if it locates the trigger.
    pub(super) locates: bool,
}

impl Screener for Sides<'_> {
    fn screen(&self, sample: &Sample) -> Result<Finding> {
        let side = |side: usize| -> Result<Screened> {
            let snippet = Snippet::new(sample.texts[side].as_str(), sample.language)?;
            match &self.one {
                OneText::Alone(screen) => Ok(screen(&snippet)?),
                OneText::Asking(screen) => {
                    let classifier = self.guard.classifier(sample, side)?;
                    let classifier =
                        classifier.ok_or_else(|| anyhow::anyhow!("the defence is for classifiers only"))?;
                    Ok(screen(classifier.victim(), &snippet)?)
                }
            }
        };
        let sides = (0..sample.texts.len()).map(side).collect::<Result<_>>()?;
        Ok(Finding::of(sample, sides, self.locates))
    }
}

//! What a defence found in a sample.

use codepurify::Span;

use crate::baseline::Screened;
use crate::grid::samples::Sample;

/// What a defence says about one sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// Larger means more suspicious; of a pair the larger one. `None` without evidence.
    pub score: Option<f64>,
    /// H in nats, where the defence computes one; of a pair the smaller one.
    pub entropy: Option<f64>,
    /// Whether it takes the sample for triggered.
    pub flagged: bool,
    /// Where it sees the trigger, in the texts laid end to end; `None` if it cannot locate.
    pub located: Option<Vec<Span>>,
    /// The texts without the trigger; `None` if they were left as they are.
    pub texts: Option<Vec<String>>,
    /// Whether a flagged sample is refused: the defence has no way to purify it.
    pub refused: bool,
    /// Victim passes, in plain uses of the victim.
    pub passes: f64,
    /// Sequences that a language model read.
    pub lm_passes: usize,
}

impl Finding {
    /// What an input defence said about each text of a sample.
    #[must_use]
    pub fn of(sample: &Sample, sides: Vec<Screened>, locates: bool) -> Self {
        let mut finding = Self { located: locates.then(Vec::new), ..Self::default() };
        for (side, screened) in sides.into_iter().enumerate() {
            let Screened { score, flagged, spans, text, forwards, lm_forwards } = screened;
            finding.suspect(score);
            finding.flagged |= flagged;
            finding.locate(sample, side, &spans.unwrap_or_default());
            finding.rewrite(sample, side, text);
            finding.passes += forwards as f64;
            finding.lm_passes += lm_forwards;
        }
        finding.refused = finding.flagged && !locates;
        finding
    }

    /// Takes a score into account; one without evidence (−∞) is none.
    pub(super) fn suspect(&mut self, score: f64) {
        if score.is_finite() {
            self.score = Some(self.score.map_or(score, |other| other.max(score)));
        }
    }

    /// Adds places in text `side`.
    pub(super) fn locate(&mut self, sample: &Sample, side: usize, spans: &[Span]) {
        if let Some(located) = &mut self.located {
            located.extend(sample.laid_out(side, spans));
        }
    }

    /// Puts a new text in the place of text `side`.
    pub(super) fn rewrite(&mut self, sample: &Sample, side: usize, text: Option<String>) {
        if let Some(text) = text {
            self.texts.get_or_insert_with(|| sample.texts.clone())[side] = text;
        }
    }
}

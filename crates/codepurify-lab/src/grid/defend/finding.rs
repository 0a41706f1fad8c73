//! Result of a defence for a sample.

use codepurify::Span;

use crate::baseline::ScreeningResult;
use crate::grid::samples::CellSample;

/// Result of a defence for one sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SampleFinding {
    /// Larger means more suspicious; for a pair the larger one of both sides. `None` without
    /// evidence.
    pub score: Option<f64>,
    /// Entropy H in nats, if the defence computes one; for a pair the smaller one of both sides.
    pub entropy: Option<f64>,
    /// True if the defence decides that the sample is triggered.
    pub flagged: bool,
    /// Located trigger, in the concatenated texts; `None` if the defence cannot locate.
    pub located: Option<Vec<Span>>,
    /// Texts without the trigger; `None` if they are unchanged.
    pub texts: Option<Vec<String>>,
    /// True if a flagged sample is refused: the defence cannot purify it.
    pub refused: bool,
    /// Victim passes, in plain forward passes of the sample.
    pub passes: f64,
    /// Number of sequences that a language model read.
    pub lm_passes: usize,
}

impl SampleFinding {
    /// Combines the results of an input defence for each text of a sample.
    #[must_use]
    pub fn of(sample: &CellSample, sides: Vec<ScreeningResult>, locates: bool) -> Self {
        let mut finding = Self { located: locates.then(Vec::new), ..Self::default() };
        for (side, screened) in sides.into_iter().enumerate() {
            let ScreeningResult { score, flagged, spans, text, forwards, lm_forwards } = screened;
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

    /// Adds a score; one without evidence (−∞) is ignored.
    pub(super) fn suspect(&mut self, score: f64) {
        if score.is_finite() {
            self.score = Some(self.score.map_or(score, |other| other.max(score)));
        }
    }

    /// Adds places in text `side`.
    pub(super) fn locate(&mut self, sample: &CellSample, side: usize, spans: &[Span]) {
        if let Some(located) = &mut self.located {
            located.extend(sample.laid_out(side, spans));
        }
    }

    /// Replaces text `side`.
    pub(super) fn rewrite(&mut self, sample: &CellSample, side: usize, text: Option<String>) {
        if let Some(text) = text {
            self.texts.get_or_insert_with(|| sample.texts.clone())[side] = text;
        }
    }
}

//! Source files → report: units judged in batches, progress on standard error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use codepurify::SourceFile;
use codepurify::verdict::{Report, Verdict};

use crate::guard::Guard;
use crate::inputs::positions::Places;
use crate::inputs::{Inputs, Origin};
use crate::judge::Judge;
use crate::judged::Judged;

/// Report with the texts that it refers to.
pub(crate) struct Screened {
    pub(crate) report: Report,
    /// Text by path.
    pub(crate) sources: BTreeMap<String, String>,
    /// Where these texts come from.
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Screened {
    /// The report with places as they are in the files, whatever their encoding.
    pub(crate) fn in_files(&self) -> Cow<'_, Report> {
        let texts = self.sources.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let places = Places::of(texts, &self.origins);
        if places.is_empty() {
            return Cow::Borrowed(&self.report);
        }
        let mut report = self.report.clone();
        for verdict in &mut report.results {
            *verdict = places.in_file(verdict).into_owned();
        }
        Cow::Owned(report)
    }
}

/// Judges every unit of every file, or every pair of files.
pub(crate) fn screen(guard: &Guard, inputs: Inputs, evidence: bool) -> Screened {
    screen_each(guard, inputs, evidence, &mut |_| ())
}

/// As [`screen`]; `each` gets every verdict as soon as it is there, in order, with places as they are in the file.
pub(crate) fn screen_each(
    guard: &Guard,
    inputs: Inputs,
    evidence: bool,
    each: &mut (dyn FnMut(&Verdict) + Send),
) -> Screened {
    let judge = Judge::new(guard, evidence);
    let texts = inputs.files.iter().map(|file| (file.path(), file.text()));
    let places = Places::of(texts, &inputs.origins);
    let each = &mut |verdict: &Verdict| each(&places.in_file(verdict));
    let judged = if guard.is_of_pairs() {
        Judged::pairs(&judge, &inputs, each)
    } else {
        Judged::units(&judge, &inputs.files, each)
    };
    let text = |file: &SourceFile| (file.path().to_owned(), file.text().to_owned());
    let sources = inputs.files.iter().map(text).collect();
    let (tool, model) = guard.identity();
    let errors = inputs.errors.into_iter().chain(judged.errors).collect();
    let mut report = Report::new(tool, model, judged.results, errors);
    report.skipped = inputs.skipped.list();
    report.code_bytes_outside_units = judged.code_bytes_outside_units;
    Screened { report, sources, origins: inputs.origins }
}

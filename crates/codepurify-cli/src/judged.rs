//! Inputs → verdicts and errors, one after the other.

use codepurify::error::ModelError;
use codepurify::verdict::{InputError, Verdict};
use codepurify::{Snippet, SnippetError, SourceFile};
use rayon::prelude::*;

use crate::inputs::Inputs;
use crate::judge::Judge;
use crate::output::progress;
use crate::row_defender::Sides;

/// Results of the inputs.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) results: Vec<Verdict>,
    pub(crate) errors: Vec<InputError>,
    /// Bytes of files that could not be cut into units.
    pub(crate) code_bytes_outside_units: usize,
}

/// Gets a verdict as soon as it is there.
type Each<'e> = &'e mut (dyn FnMut(&Verdict) + Send);

impl Judged {
    /// Judges every unit of every file.
    pub(crate) fn units(judge: &Judge<'_>, files: &[SourceFile], each: Each<'_>) -> Self {
        let mut judged = Self::default();
        let read: Vec<_> = files.par_iter().map(SourceFile::units).collect();
        let read = files.iter().zip(read);
        let units = read.filter_map(|(file, read)| judged.read(file, read)).flatten();
        let rows: Vec<Vec<Snippet>> = units.map(|unit| vec![unit]).collect();
        judged.rows(judge, &rows, "units", &|_, verdict| verdict, each);
        judged
    }

    /// Judges every pair of files.
    pub(crate) fn pairs(judge: &Judge<'_>, inputs: &Inputs, each: Each<'_>) -> Self {
        let mut judged = Self::default();
        let mut pairs = Vec::new();
        for (files, &number) in inputs.files.chunks_exact(2).zip(&inputs.pairs) {
            let [left, right] = [&files[0], &files[1]].map(|file| judged.read(file, file.whole()));
            if let (Some(left), Some(right)) = (left, right) {
                pairs.push((number, vec![left, right]));
            }
        }
        let (numbers, pairs): (Vec<usize>, Vec<_>) = pairs.into_iter().unzip();
        judged.rows(judge, &pairs, "pairs", &|row, verdict| numbered(verdict, numbers[row]), each);
        judged
    }

    /// Judges rows. `finished` completes a verdict on the row of that number.
    fn rows(
        &mut self,
        judge: &Judge<'_>,
        rows: &[Vec<Snippet>],
        what: &'static str,
        finished: &(dyn Fn(usize, Verdict) -> Verdict + Sync),
        each: Each<'_>,
    ) {
        let progress = progress(rows.len(), what);
        let mut through = 0;
        let verdicts = judge.judge(rows, |sides: &[Sides]| {
            for (row, verdicts) in sides.iter().enumerate() {
                for verdict in verdicts.iter().flatten() {
                    each(&finished(through + row, verdict.clone()));
                }
            }
            through += sides.len();
            progress.inc(sides.len() as u64);
        });
        progress.finish_and_clear();
        for (number, (row, verdicts)) in rows.iter().zip(verdicts).enumerate() {
            for (unit, verdict) in row.iter().zip(verdicts) {
                self.take(unit, verdict.map(|verdict| finished(number, verdict)));
            }
        }
    }

    /// Returns the content of a file, or `None` with an entry among the errors.
    fn read<T>(&mut self, file: &SourceFile, read: Result<T, SnippetError>) -> Option<T> {
        read.map_err(|error| {
            self.code_bytes_outside_units += file.text().len();
            self.errors.push(InputError { path: file.path().to_owned(), message: error.to_string() });
        })
        .ok()
    }

    fn take(&mut self, unit: &Snippet, verdict: Result<Verdict, ModelError>) {
        match verdict {
            Ok(verdict) => self.results.push(verdict),
            Err(error) => self.errors.push(InputError {
                path: unit.path().to_owned(),
                message: format!("line {}: {error}", unit.unit().start_line),
            }),
        }
    }
}

/// A verdict on a side of the pair that is number `index` on the command line.
fn numbered(mut verdict: Verdict, index: usize) -> Verdict {
    if let Some(member) = &mut verdict.pair {
        member.index = index;
    }
    verdict
}

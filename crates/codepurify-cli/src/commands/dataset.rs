//! `dataset`: judge the code of every row, and write the rows that are left.

use std::path::{Path, PathBuf};
use std::time::Instant;

use codepurify_data::{DataError, is_url};

use crate::args::DatasetArgs;
use crate::dataset::account::{Entry, Fate, Policy};
use crate::dataset::cleaner::Cleaner;
use crate::dataset::jobs::{self, Job, Places};
use crate::dataset::ledger::{Ledger, Opened};
use crate::dataset::manifest::{Choices, Manifest};
use crate::dataset::selection::Selection;
use crate::dataset::self_calibration::SelfCalibrated;
use crate::dataset::staging::Staging;
use crate::dataset::summary::Summary;
use crate::error::CliError;
use crate::exit::{Exit, FailOn};
use crate::guard::{Guard, Purpose};
use crate::inputs::{self, DASH, encoding::EncodingName};
use crate::judge::SNIPPETS_TOGETHER;
use crate::output::{self, ColorMode};
use crate::rows::{CodeRow, CodeRows, FieldArgs};
use crate::settings::Settings;
use crate::suspicion::description;

/// Most rows that are written together.
const BLOCK: usize = 64;

/// Bytes of rows that are written together, about.
const BLOCK_BYTES: usize = 1 << 20;

/// Chunks of rows that each thread judges before more are read: threads that are done earlier wait for the others.
const ROUNDS: usize = 16;

/// Bytes of rows that are held at once, about.
const HELD_BYTES: usize = 64 << 20;

/// Everything that all files of a run share.
struct Run<'r> {
    cleaner: Cleaner<'r>,
    manifest: Manifest,
    fields: FieldArgs,
    selection: Selection,
    guard: &'r Guard,
    settings: &'r Settings,
    staging: Staging,
    resume: bool,
}

pub(crate) fn run(mut args: DatasetArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let staging = Staging::new(args.staging);
    let folder = Settings::take_output_folder(&mut args.options, |output| {
        is_url(output) || jobs::need_folder(&args.paths, output)
    });
    let settings = Settings::new(args.options, color)?;
    let Some(output) = folder.or_else(|| settings.output.path().map(Path::to_path_buf)) else {
        return Err(CliError::Usage("say where the rows go with -o".to_owned()));
    };
    if settings.encoding != EncodingName::Utf8 {
        let message = "--encoding is for source files; rows are UTF-8: convert the data set first";
        return Err(CliError::Usage(message.to_owned()));
    }
    let policy = Policy { poisoned: args.poisoned, inconclusive: args.inconclusive, keep_all: args.columns };
    let choices = Choices { policy, split: args.split.is_some(), selection: args.selection.clone() };
    let places = Places {
        output: staging.local(output),
        split: args.split.map(|split| staging.local(split)),
        report: args.report.map(|report| staging.local(report)),
    };
    let jobs = jobs::find(&args.paths, places)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    inputs::reject_repeats(jobs.iter().map(|job| &*job.input).chain(settings.other_inputs()))?;
    // A calibration on the rows depends on nothing that the manifest does not hold already.
    let manifest = Manifest::new(&guard, &settings, &choices)?;
    let (SelfCalibrated { guard, families }, manifest) =
        self_calibrated(guard, &jobs, &args.fields, manifest, &settings)?;
    let run = Run {
        cleaner: Cleaner::new(&guard, &families, policy),
        manifest,
        fields: args.fields,
        selection: args.selection,
        guard: &guard,
        settings: &settings,
        staging,
        resume: args.resume,
    };
    let described = families.iter().map(|family| description(&guard, family)).collect();
    run.all(&jobs, described)
}

/// Calibrates a guard that has no calibration on the rows themselves. Files are read twice for that.
fn self_calibrated(
    guard: Guard,
    jobs: &[Job],
    fields: &FieldArgs,
    manifest: Manifest,
    settings: &Settings,
) -> Result<(SelfCalibrated, Manifest), CliError> {
    if !guard.can_calibrate() {
        return Ok((SelfCalibrated { guard, families: Vec::new() }, manifest));
    }
    let files: Vec<PathBuf> = jobs.iter().map(|job| job.input.clone()).collect();
    if files.iter().any(|path| path == Path::new(DASH) || path.exists() && !path.is_file()) {
        output::note("not calibrated on the data set: a stream is read once; the built-in limit holds");
        return Ok((SelfCalibrated { guard, families: Vec::new() }, manifest));
    }
    let manifest = manifest.calibrated_on(&files)?;
    let rows = fields.of_files(&files, guard.sides(), settings);
    Ok((SelfCalibrated::new(guard, rows, settings)?, manifest))
}

impl Run<'_> {
    /// Cleans all files. What is wrong with one of several does not stop the others.
    fn all(&self, jobs: &[Job], families: Vec<String>) -> Result<Exit, CliError> {
        if let [job] = jobs {
            let summary = self.done(job, self.selection.limit(), families)?;
            output::note(&summary.text());
            return Ok(exit(&summary, self.settings));
        }
        let (mut all, mut failed) = (Summary::default(), 0);
        for job in jobs {
            let left = self.selection.limit() - all.rows();
            if left == 0 {
                break;
            }
            match self.done(job, left, families.clone()) {
                Ok(summary) => all.merge(&job.input.display().to_string(), &summary),
                Err(error) => {
                    output::note(&format!("error: {error}"));
                    failed += 1;
                }
            }
        }
        output::note(&format!("{} files, {failed} failed\n{}", jobs.len(), all.text()));
        if failed > 0 { Ok(Exit::Error) } else { Ok(exit(&all, self.settings)) }
    }

    /// Cleans one file as [`Run::clean`], and uploads the results that go to URLs.
    fn done(&self, job: &Job, limit: usize, families: Vec<String>) -> Result<Summary, CliError> {
        self.staging.check(&job.paths)?;
        let summary = self.clean(job, limit, families)?;
        self.staging.upload(&job.paths)?;
        Ok(summary)
    }

    /// Cleans one file, of which at most `limit` rows are judged.
    fn clean(&self, job: &Job, limit: usize, families: Vec<String>) -> Result<Summary, CliError> {
        let started = Instant::now();
        let mut rows = self.fields.rows(&job.input, self.guard.sides(), self.settings)?;
        let manifest = self.manifest.clone().of(&rows)?;
        let columns = self.cleaner.columns();
        let opened = Ledger::open(&job.paths, &manifest, rows.reader(), &columns, self.resume)?;
        let mut ledger = match opened {
            Opened::Open(ledger) => *ledger,
            Opened::Finished { summary, last } => {
                // A file was compared by the manifest.
                let is_stream = rows.reader().progress().1.is_none();
                last.filter(|_| is_stream).map_or(Ok(()), |last| skip(&mut rows, &last, |_| ()))?;
                return Ok(*summary);
            }
        };
        if let Some(last) = ledger.done.clone() {
            let summary = &mut ledger.summary;
            skip(&mut rows, &last, |row| summary.pass_over(usize::from(!self.takes(row))))?;
        }
        let before = ledger.summary.rows();
        let judged = self.judge(&mut rows, &mut ledger, limit);
        let seconds = started.elapsed().as_secs_f64();
        ledger.summary.complete(families, before, seconds);
        if let Err(error) = judged {
            output::note(&ledger.summary.text());
            return Err(error);
        }
        ledger.finish(rows.reader())
    }

    fn takes(&self, row: &CodeRow) -> bool {
        self.selection.takes(row.number, &row.digest)
    }

    /// Judges the rows that are left, and writes what becomes of them.
    fn judge(&self, rows: &mut CodeRows, ledger: &mut Ledger, limit: usize) -> Result<(), CliError> {
        let bar = output::progress_through(rows.reader().progress().1);
        let before = ledger.summary.rows();
        let started = Instant::now();
        loop {
            let (held, failure) = self.next_blocks(rows, ledger, limit);
            bar.set_position(rows.reader().progress().0);
            // What was read before the input failed is written, too.
            self.cleaner.decide(&held, &rows.fields, |block| {
                ledger.write(block)?;
                let count = ledger.summary.rows();
                let speed = (count - before) as f64 / started.elapsed().as_secs_f64();
                bar.set_message(format!("{count} rows, {speed:.0} rows/s"));
                Ok::<(), CliError>(())
            })?;
            if let Some(failure) = failure {
                return Err(failure.into());
            }
            if held.is_empty() {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// The next blocks of rows, and the error behind them if there is one.
    fn next_blocks(
        &self,
        rows: &mut CodeRows,
        ledger: &mut Ledger,
        limit: usize,
    ) -> (Vec<Vec<CodeRow>>, Option<DataError>) {
        let most = (ROUNDS * SNIPPETS_TOGETHER * rayon::current_num_threads()).div_ceil(BLOCK);
        let mut left = limit.saturating_sub(ledger.summary.rows());
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while blocks.len() < most && bytes < HELD_BYTES {
            let (block, failure) = self.next_block(rows, ledger, left.min(BLOCK));
            if block.is_empty() {
                return (blocks, failure);
            }
            left -= block.len();
            bytes += block.iter().map(CodeRow::size).sum::<usize>();
            blocks.push(block);
            if failure.is_some() {
                return (blocks, failure);
            }
        }
        (blocks, None)
    }

    /// The next rows, which are written together. Where a block ends depends on its rows only: a run that goes on behind
    /// one reads the same blocks as one that was not interrupted.
    fn next_block(
        &self,
        rows: &mut CodeRows,
        ledger: &mut Ledger,
        most: usize,
    ) -> (Vec<CodeRow>, Option<DataError>) {
        let (mut block, mut bytes) = (Vec::new(), 0);
        while block.len() < most && bytes < BLOCK_BYTES {
            match rows.next() {
                Some(Ok(row)) if !self.takes(&row) => ledger.summary.pass_over(1),
                Some(Ok(row)) => {
                    bytes += row.size();
                    block.push(row);
                }
                Some(Err(error)) => return (block, Some(error)),
                None => break,
            }
        }
        (block, None)
    }
}

/// How a run with this account ended, by the rules of all commands.
fn exit(summary: &Summary, settings: &Settings) -> Exit {
    let findings = match settings.exit.fail_on {
        FailOn::Poisoned => summary.poisoned(),
        FailOn::Inconclusive => summary.poisoned() + summary.inconclusive(),
        FailOn::Never => 0,
    };
    if summary.judged() == 0 && summary.count(Fate::Failed) == 0 && !settings.exit.allow_empty {
        output::note("error: no row was judged: no row holds code; --allow-empty accepts that");
        return Exit::Error;
    }
    match (summary.count(Fate::Failed), findings) {
        (1.., _) => Exit::Error,
        (0, 1..) => Exit::Findings,
        (0, 0) => Exit::Nothing,
    }
}

/// Reads the rows that are accounted for, the last of which is `last`, without judging them. `pass` gets each of them.
fn skip(rows: &mut CodeRows, last: &Entry, mut pass: impl FnMut(&CodeRow)) -> Result<(), CliError> {
    let path = rows.reader().path().to_path_buf();
    let other = |message: &str| CliError::File { path: path.clone(), message: message.to_owned() };
    for row in rows {
        let row = row?;
        pass(&row);
        if row.number == last.row && row.digest == last.digest {
            return Ok(());
        }
        if row.number >= last.row {
            return Err(other("the rows that the report accounts for were others: remove it and the output"));
        }
    }
    Err(other("there are fewer rows than the report accounts for: remove it and the output"))
}

//! The files that are written for one file of rows. The report says what has been done, so that an interrupted run can go on:
//! what the other files have behind the last rows that the report knows was written just before the interruption, and is
//! cut off.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use codepurify_data::{AddedColumn, Edit, EditedRow, FieldError, Row, RowReader};
use serde::{Deserialize, Serialize};

use super::account::{Entry, Fate, Size, Written};
use super::appended::{Appended, unwritable};
use super::manifest::Manifest;
use super::paths::Paths;
use super::row_file::RowFile;
use super::summary::Summary;
use crate::error::CliError;

/// How long the disk may take to have what was written.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// A row, what becomes of it, and what changes in it.
pub(crate) struct Decided<'r> {
    pub(crate) entry: Entry,
    /// The row, or the bytes of one that cannot be read.
    pub(crate) row: &'r Result<Row, Vec<u8>>,
    pub(crate) edit: Edit,
}

/// A line of the file with the rows that failed.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    row: usize,
    reason: String,
    /// The row as it is, or as JSON; with replacement characters where it is not UTF-8.
    content: String,
}

/// The output and what is written about it.
pub(crate) struct Ledger {
    paths: Paths,
    output: RowFile,
    split: Option<RowFile>,
    report: Appended,
    errors: Option<Appended>,
    /// All rows go to the output, whatever becomes of them.
    keeps_all: bool,
    synced: Instant,
    /// Entries of the report so far.
    pub(crate) summary: Summary,
    /// The last row that is accounted for.
    pub(crate) done: Option<Entry>,
}

/// How the files are there.
pub(crate) enum Opened {
    /// There are rows to be judged.
    Open(Box<Ledger>),
    /// All rows were judged before; this was the last one.
    Finished { summary: Box<Summary>, last: Option<Box<Entry>> },
}

impl Ledger {
    /// Opens the files for the rows of `input`; those of the same run before are gone on with if `resume`, others refused.
    /// With `added` columns all rows are kept.
    pub(crate) fn open(
        paths: &Paths,
        manifest: &Manifest,
        input: &RowReader,
        added: &[AddedColumn],
        resume: bool,
    ) -> Result<Opened, CliError> {
        paths.make_folders()?;
        let there = paths.all().into_iter().find(|path| path.exists());
        match there {
            Some(_) if resume => manifest.check(&paths.manifest)?,
            Some(path) => {
                return Err(CliError::Usage(format!(
                    "{} exists: --resume goes on with it; otherwise remove it",
                    path.display()
                )));
            }
            None => manifest.write(&paths.manifest)?,
        }
        if paths.output.exists() {
            return finished(paths);
        }
        let report = Appended::open(&paths.report)?;
        lock(&report)?;
        // A split file that has its name is whole: only the output was not given its own.
        let split = paths.split.as_ref().filter(|split| !split.exists());
        let split = split.map(|split| RowFile::open(split, input, added.to_vec())).transpose()?;
        let mut ledger = Self {
            paths: paths.clone(),
            output: RowFile::open(&paths.output, input, added.to_vec())?,
            split,
            report,
            errors: None,
            keeps_all: !added.is_empty(),
            synced: Instant::now(),
            summary: Summary::default(),
            done: None,
        };
        ledger.catch_up()?;
        Ok(Opened::Open(Box::new(ledger)))
    }

    /// Reads what the report knows, and cuts off what it does not.
    fn catch_up(&mut self) -> Result<(), CliError> {
        let known = self.read_report().map_err(|error| CliError::File {
            path: self.report.path.clone(),
            message: format!("{error}: remove the output and its accounts"),
        })?;
        self.report.cut(known)?;
        let written = self.done.as_ref().and_then(|done| done.written);
        self.output.start(written.map(|written| written.output))?;
        if let Some(split) = &mut self.split {
            split.start(written.map(|written| written.split))?;
        }
        self.cut_errors()
    }

    /// Reads the rows that were written together, one block after the other, and returns the bytes of the report that they
    /// take. What the other files do not have, because the machine stopped before the disk had it, is judged again.
    fn read_report(&mut self) -> io::Result<u64> {
        let (mut reader, mut line) = (BufReader::new(&self.report.file), Vec::new());
        let (mut block, mut end, mut known) = (Vec::new(), 0, 0);
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let entry: Entry = serde_json::from_slice(&line)?;
            end += line.len() as u64;
            line.clear();
            let written = entry.written;
            block.push(entry);
            let Some(written) = written else { continue };
            let split = self.split.as_ref().is_none_or(|split| split.bytes() >= written.split.bytes);
            if self.output.bytes() < written.output.bytes || !split {
                break;
            }
            self.done = self.summary.add_all(std::mem::take(&mut block));
            known = end;
        }
        Ok(known)
    }

    /// Cuts off the rows that the report does not know from the file with those that failed.
    fn cut_errors(&mut self) -> Result<(), CliError> {
        if !self.paths.errors.exists() {
            return Ok(());
        }
        let mut errors = Appended::open(&self.paths.errors)?;
        let last = self.done.as_ref().map_or(0, |done| done.row);
        let (mut known, mut line) = (0, Vec::new());
        let mut reader = BufReader::new(&mut errors.file);
        let unreadable = |source| unwritable(&self.paths.errors, source);
        while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 && line.ends_with(b"\n") {
            if serde_json::from_slice::<Refused>(&line).is_ok_and(|refused| refused.row <= last) {
                known += line.len() as u64;
            }
            line.clear();
        }
        errors.cut(known)?;
        self.errors = Some(errors);
        Ok(())
    }

    /// Writes rows that belong together, and then what became of them.
    pub(crate) fn write(&mut self, decided: Vec<Decided<'_>>) -> Result<(), CliError> {
        let (mut kept, mut split, mut refused, mut entries) = (vec![], vec![], vec![], vec![]);
        for Decided { mut entry, row, edit } in decided {
            match self.edited(entry.fate, row.as_ref().ok(), edit) {
                Ok((to_output, to_split)) => {
                    kept.extend(to_output);
                    split.extend(to_split);
                }
                Err(error) => (entry.fate, entry.reason) = (Fate::Failed, error.to_string()),
            }
            if entry.fate == Fate::Failed {
                let (row, content) = (entry.row, content(row));
                refused.push(Refused { row, reason: entry.reason.clone(), content });
            }
            entries.push(entry);
        }
        self.output.append(&kept)?;
        if let Some(file) = &mut self.split {
            file.append(&split)?;
        }
        self.refuse(&refused)?;
        self.account(entries)
    }

    /// The row as it goes to the output, or to the file with the removed rows.
    fn edited(
        &self,
        fate: Fate,
        row: Option<&Row>,
        edit: Edit,
    ) -> Result<(Option<EditedRow>, Option<EditedRow>), FieldError> {
        let Some(row) = row else { return Ok((None, None)) };
        if self.keeps_all || matches!(fate, Fate::Kept | Fate::Purified) {
            return Ok((Some(self.output.writer.edit(row, edit)?), None));
        }
        match (&self.split, fate) {
            (Some(split), Fate::Dropped) => Ok((None, Some(split.writer.edit(row, Edit::default())?))),
            _ => Ok((None, None)),
        }
    }

    fn refuse(&mut self, refused: &[Refused]) -> Result<(), CliError> {
        if refused.is_empty() {
            return Ok(());
        }
        if self.errors.is_none() {
            self.errors = Some(Appended::open(&self.paths.errors)?);
        }
        self.errors.as_mut().map_or(Ok(()), |errors| errors.append(&lines(refused)))
    }

    fn account(&mut self, mut entries: Vec<Entry>) -> Result<(), CliError> {
        let Some(last) = entries.last_mut() else { return Ok(()) };
        let split = self.split.as_ref().map_or_else(Size::default, RowFile::size);
        last.written = Some(Written { output: self.output.size(), split });
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        self.report.append(&lines(&entries))?;
        self.done = self.summary.add_all(entries);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), CliError> {
        self.output.sync()?;
        self.split.iter().try_for_each(RowFile::sync)?;
        self.errors.iter().try_for_each(Appended::sync)?;
        self.report.sync()?;
        self.synced = Instant::now();
        Ok(())
    }

    /// Gives the files their names, behind the last row of `input`: the output last, which says that all is done.
    pub(crate) fn finish(mut self, input: &RowReader) -> Result<Summary, CliError> {
        self.sync()?;
        let summary = std::fs::write(&self.paths.summary, self.summary.json());
        summary.map_err(|source| unwritable(&self.paths.summary, source))?;
        self.split.map_or(Ok(()), |split| split.finish(input))?;
        self.output.finish(input)?;
        Ok(self.summary)
    }
}

/// The account of a run that has written everything.
fn finished(paths: &Paths) -> Result<Opened, CliError> {
    let unusable = |path: &Path, error: io::Error| CliError::File {
        path: path.to_path_buf(),
        message: format!("{error}: remove the output and its accounts"),
    };
    let summary = Summary::read(&paths.summary).map_err(|error| unusable(&paths.summary, error))?;
    let last = || -> io::Result<Option<Entry>> {
        let lines = BufReader::new(File::open(&paths.report)?).lines();
        let last = lines.last().transpose()?;
        Ok(last.map(|line| serde_json::from_str(&line)).transpose()?)
    };
    let last = last().map_err(|error| unusable(&paths.report, error))?;
    Ok(Opened::Finished { summary: Box::new(summary), last: last.map(Box::new) })
}

/// Refuses to write what another run writes.
fn lock(report: &Appended) -> Result<(), CliError> {
    match report.file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = "another run writes it now: wait for that one, or choose another output".to_owned();
            Err(CliError::File { path: report.path.clone(), message })
        }
        // Some file systems know no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn content(row: &Result<Row, Vec<u8>>) -> String {
    match row {
        Ok(row) if row.raw().is_empty() => row.to_json().into_owned(),
        Ok(row) => String::from_utf8_lossy(row.raw()).into_owned(),
        Err(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn lines(values: &[impl Serialize]) -> Vec<u8> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value).expect("what is written here is plain data");
        lines.push(b'\n');
    }
    lines
}

//! The files that are written. The report says what has been done, so that an interrupted run can go on: rows of the output
//! that no line of the report knows were written just before the interruption, and are cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::account::{Entry, Summary};
use crate::error::CliError;

/// The output and its report.
pub(crate) struct Ledger {
    rows: (PathBuf, File),
    report: (PathBuf, File),
    /// What the report says so far.
    pub(crate) summary: Summary,
    /// Lines of the input that are accounted for.
    pub(crate) done: usize,
}

impl Ledger {
    /// Opens both files; those of a run before are gone on with if `resume`, and refused otherwise.
    pub(crate) fn open(rows: &Path, report: &Path, resume: bool) -> Result<Self, CliError> {
        if !resume {
            for path in [rows, report] {
                if path.exists() {
                    return Err(CliError::Usage(format!(
                        "{} exists: --resume goes on with it; otherwise remove it",
                        path.display()
                    )));
                }
            }
        }
        let open = |path: &Path| -> Result<(PathBuf, File), CliError> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            Ok((path.to_path_buf(), file.map_err(|source| unwritable(path, source))?))
        };
        let mut ledger =
            Self { rows: open(rows)?, report: open(report)?, summary: Summary::default(), done: 0 };
        ledger.catch_up()?;
        Ok(ledger)
    }

    /// Reads what the report knows and cuts off what it does not.
    fn catch_up(&mut self) -> Result<(), CliError> {
        let mut kept = 0;
        let whole = whole_lines(&mut self.report, |line| {
            let entry: Entry = serde_json::from_str(line).map_err(io::Error::other)?;
            kept += usize::from(entry.fate.stays());
            self.summary.add(&entry);
            self.done = entry.row;
            Ok(true)
        })?;
        cut(&mut self.report, whole)?;
        let mut left = kept;
        let whole = whole_lines(&mut self.rows, |_| {
            let known = left > 0;
            left -= usize::from(known);
            Ok(known)
        })?;
        if left > 0 {
            let message = format!("{left} rows are missing that the report says were kept: remove both");
            return Err(CliError::File { path: self.rows.0.clone(), message });
        }
        cut(&mut self.rows, whole)
    }

    /// Writes the rows that stay, and then what became of all.
    pub(crate) fn write(&mut self, rows: &[(Entry, Option<String>)]) -> Result<(), CliError> {
        let (mut out, mut report) = (String::new(), String::new());
        for (entry, row) in rows {
            if let Some(row) = row {
                out += row;
                out.push('\n');
            }
            report += &serde_json::to_string(entry).expect("an entry is plain data");
            report.push('\n');
            self.summary.add(entry);
            self.done = entry.row;
        }
        for ((path, file), text) in [(&mut self.rows, out), (&mut self.report, report)] {
            let written = file.write_all(text.as_bytes()).and_then(|()| file.flush());
            written.map_err(|source| unwritable(path, source))?;
        }
        Ok(())
    }
}

/// The bytes of the lines, each with its end, that `known` says true of.
fn whole_lines(
    (path, file): &mut (PathBuf, File),
    mut known: impl FnMut(&str) -> io::Result<bool>,
) -> Result<u64, CliError> {
    let mut read = || -> io::Result<u64> {
        let (mut reader, mut bytes, mut line) = (BufReader::new(&mut *file), 0, String::new());
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') && known(&line)? {
            bytes += line.len() as u64;
            line.clear();
        }
        Ok(bytes)
    };
    read().map_err(|error| CliError::File { path: path.clone(), message: error.to_string() })
}

fn cut((path, file): &mut (PathBuf, File), bytes: u64) -> Result<(), CliError> {
    let cut = file.set_len(bytes).and_then(|()| file.seek(SeekFrom::Start(bytes)));
    cut.map(drop).map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: io::Error) -> CliError {
    CliError::Write { to: path.display().to_string(), source }
}

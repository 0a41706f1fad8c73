//! The files that are written. The report says what has been done, so that an interrupted run can go on: what the output has
//! behind the last row that the report knows was written just before the interruption, and is cut off.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use codepurify_data::RowReader;

use super::account::{Entry, Fate, Summary};
use super::manifest::Manifest;
use crate::error::CliError;

/// Where everything goes.
pub(crate) struct Paths {
    /// The rows that stay.
    rows: PathBuf,
    /// The account of every row.
    report: PathBuf,
    /// Everything that the run depends on.
    manifest: PathBuf,
}

impl Paths {
    /// Places report and manifest next to the output, unless the report has its own path.
    pub(crate) fn new(rows: &Path, report: Option<PathBuf>) -> Result<Self, CliError> {
        let extension = rows.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        if let Some(extension @ ("gz" | "zst" | "bz2" | "xz")) = extension.as_deref() {
            let message =
                format!("-o {}: the output is not compressed: leave .{extension} out", rows.display());
            return Err(CliError::Usage(message));
        }
        // Outputs that differ in their extension only have reports of their own.
        let stem =
            if extension.as_deref() == Some("jsonl") { rows.with_extension("") } else { rows.to_path_buf() };
        let sibling =
            |end: &str| PathBuf::from([stem.as_os_str(), end.as_ref()].into_iter().collect::<OsString>());
        let report = report.unwrap_or_else(|| sibling(".report.jsonl"));
        let manifest = sibling(".manifest.json");
        if report == rows || report == manifest {
            let message = format!("--report {}: the output or its manifest goes there", report.display());
            return Err(CliError::Usage(message));
        }
        Ok(Self { rows: rows.to_path_buf(), report, manifest })
    }

    fn all(&self) -> [&Path; 3] {
        [&self.rows, &self.report, &self.manifest]
    }
}

/// The output and its report.
pub(crate) struct Ledger {
    rows: (PathBuf, File),
    report: (PathBuf, File),
    /// Between two rows of the output.
    separator: &'static [u8],
    /// Size of the output.
    bytes: u64,
    /// Entries of the report so far.
    pub(crate) summary: Summary,
    /// The last row that is accounted for.
    pub(crate) done: Option<Entry>,
}

impl Ledger {
    /// Opens both files for the rows of `input`; those of the same run before are gone on with if `resume`, others refused.
    pub(crate) fn open(
        paths: &Paths,
        manifest: &Manifest,
        input: &RowReader,
        resume: bool,
    ) -> Result<Self, CliError> {
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
        let open = |path: &Path| -> Result<(PathBuf, File), CliError> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            Ok((path.to_path_buf(), file.map_err(|source| unwritable(path, source))?))
        };
        let mut ledger = Self {
            rows: open(&paths.rows)?,
            report: open(&paths.report)?,
            separator: input.separator(),
            bytes: 0,
            summary: Summary::default(),
            done: None,
        };
        ledger.catch_up()?;
        if ledger.done.is_none() {
            ledger.append(input.head())?;
        }
        Ok(ledger)
    }

    /// Reads what the report knows and cuts off what it does not.
    fn catch_up(&mut self) -> Result<(), CliError> {
        let (path, file) = &mut self.report;
        let (mut reader, mut whole, mut line) = (BufReader::new(&mut *file), 0, Vec::new());
        let unreadable = |error: io::Error| CliError::File { path: path.clone(), message: error.to_string() };
        while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 && line.ends_with(b"\n") {
            let entry: Entry = serde_json::from_slice(&line).map_err(|error| unreadable(error.into()))?;
            whole += line.len() as u64;
            self.bytes = entry.output_bytes;
            self.summary.add(&entry);
            self.done = Some(entry);
            line.clear();
        }
        cut(&mut self.report, whole)?;
        let (path, file) = &self.rows;
        let length = file.metadata().map_err(|source| unwritable(path, source))?.len();
        if length < self.bytes {
            let missing = self.bytes - length;
            let message =
                format!("{missing} bytes of rows are missing that the report says were kept: remove both");
            return Err(CliError::File { path: path.clone(), message });
        }
        cut(&mut self.rows, self.bytes)
    }

    /// Writes the rows that stay, and then what became of all.
    pub(crate) fn write(&mut self, rows: Vec<(Entry, Option<Vec<u8>>)>) -> Result<(), CliError> {
        let (mut out, mut report) = (Vec::new(), Vec::new());
        for (mut entry, row) in rows {
            if let Some(row) = row {
                if self.summary.count(Fate::Kept) + self.summary.count(Fate::Purified) > 0 {
                    out.extend_from_slice(self.separator);
                }
                out.extend(row);
            }
            entry.output_bytes = self.bytes + out.len() as u64;
            serde_json::to_writer(&mut report, &entry).expect("an entry is plain data");
            report.push(b'\n');
            self.summary.add(&entry);
            self.done = Some(entry);
        }
        self.append(&out)?;
        append(&mut self.report, &report)
    }

    /// Writes bytes that are no row: those before the first one, and those behind the last one.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.bytes += bytes.len() as u64;
        append(&mut self.rows, bytes)
    }
}

fn append((path, file): &mut (PathBuf, File), bytes: &[u8]) -> Result<(), CliError> {
    let written = file.write_all(bytes).and_then(|()| file.flush());
    written.map_err(|source| unwritable(path, source))
}

fn cut((path, file): &mut (PathBuf, File), bytes: u64) -> Result<(), CliError> {
    let cut = file.set_len(bytes).and_then(|()| file.seek(SeekFrom::Start(bytes)));
    cut.map(drop).map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: io::Error) -> CliError {
    CliError::Write { to: path.display().to_string(), source }
}

//! Rows of code → source files: files of rows for all commands that read them, and source files, whose functions are rows,
//! for those that learn something from many.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use codepurify::{Language, Limits, Snippet, SnippetError, SourceFile};
use codepurify_data::{
    Columns, DataError, Found, Input, NumberedRow, PAIR_FIELDS, ReadOptions, Row, RowReader, SINGLE_FIELDS,
    Sides, is_url,
};

use crate::error::CliError;
use crate::guard::Guard;
use crate::heading;
use crate::inputs::{self, DASH, Inputs, STDIN};
use crate::output::note;
use crate::settings::Settings;

/// Rows that are looked at to find out which fields are read.
const LOOKED_AT: usize = 100;

/// Inputs with many functions, and the field of a row that holds the code.
#[derive(Debug, Args)]
pub(crate) struct RowArgs {
    /// Source files, folders or data sets with code
    ///
    /// Every function of a source file is a row. A data set has one row per function: JSON Lines, a
    /// JSON array, or CSV with a header, also compressed with gzip or zstd. `-` is the standard
    /// input. For a pair model, a row holds two functions, and source files are read two by two:
    /// left, right, left, right …
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    fields: FieldArgs,
}

/// Fields of a row that hold the code.
#[derive(Debug, Args)]
pub(crate) struct FieldArgs {
    /// Field of each row that holds the code
    ///
    /// Default: the first of these that the rows have: `func`, `func_before`, `processed_func`,
    /// `code`, `func_code_string`, `original_string`, `whole_func_string`, `function`,
    /// `source_code`, `buggy`, `snippet`, `method`, `before`, `source`, `content`, `text`.
    #[arg(long, value_name = "NAME", help_heading = heading::INPUT)]
    field: Option<String>,
    /// Fields of each row that hold the two functions of a pair
    ///
    /// Default: `func1` and `func2`, `code1` and `code2`, or another known pair.
    #[arg(long, value_names = ["LEFT", "RIGHT"], num_args = 2, help_heading = heading::INPUT)]
    pair: Vec<String>,
}

impl FieldArgs {
    /// Opens rows, or finds that there are none. Columns without code are not read if `code_only`.
    fn open(&self, path: &Path, settings: &Settings, code_only: bool) -> Result<Found, DataError> {
        let defaults = ReadOptions::default();
        let options = ReadOptions {
            max_row_bytes: defaults.max_row_bytes.max(settings.limits.max_file_bytes.saturating_mul(4)),
            fields: self.field.iter().chain(&self.pair).cloned().collect(),
            code_only,
        };
        let input =
            if path == Path::new(DASH) { Input::from_reader(STDIN, io::stdin()) } else { Input::open(path) };
        RowReader::detect(input?, &options)
    }

    /// Opens a file of rows, and says what is read of them.
    pub(crate) fn rows(&self, path: &Path, sides: Sides, settings: &Settings) -> Result<CodeRows, CliError> {
        Ok(self.opened(path, sides, settings, false)?.noted())
    }

    fn opened(
        &self,
        path: &Path,
        sides: Sides,
        settings: &Settings,
        code_only: bool,
    ) -> Result<CodeRows, CliError> {
        match self.open(path, settings, code_only)? {
            Found::Rows(reader) => CodeRows::new(*reader, self, sides, settings),
            Found::Other(input) => Err(DataError::NotRows { path: input.path().to_path_buf() }.into()),
        }
    }

    /// The code of the rows of several files, one after the other, without those that cannot be read.
    pub(crate) fn of_files(
        &self,
        files: &[PathBuf],
        sides: Sides,
        settings: &Settings,
    ) -> impl Iterator<Item = CodeRow> {
        files.iter().filter_map(move |path| self.opened(path, sides, settings, true).ok()).flatten().flatten()
    }

    /// The fields that the command line names for such a model.
    fn named(&self, sides: Sides) -> Vec<String> {
        match sides {
            Sides::One => self.field.iter().cloned().collect(),
            Sides::Two => self.pair.clone(),
        }
    }
}

/// The rows of one file with their code.
pub(crate) struct CodeRows {
    reader: RowReader,
    name: String,
    /// Fields that hold the code, one or two.
    pub(crate) fields: Vec<String>,
    pub(crate) language: RowLanguage,
    limits: Limits,
    /// Notes on what is read, for people.
    notes: Vec<String>,
}

/// The language of rows.
#[derive(Debug, Clone)]
pub(crate) enum RowLanguage {
    /// Same language for all rows.
    All(Language),
    /// Language in this field of a row.
    Field(&'static str),
}

/// A row with its code.
pub(crate) struct CodeRow {
    pub(crate) number: usize,
    /// Digest of the input up to the end of this row.
    pub(crate) digest: String,
    /// The row, or the bytes of one that cannot be read.
    pub(crate) row: Result<Row, Vec<u8>>,
    /// Its code as one file, or as two; none if there is nothing in it. Or why it cannot be judged.
    pub(crate) code: Result<Vec<SourceFile>, String>,
}

impl CodeRow {
    /// Bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        self.row.as_ref().map_or_else(Vec::len, Row::size)
    }
}

/// The files of a row as snippets.
///
/// # Errors
/// Why one of them cannot be judged.
pub(crate) fn snippets(files: &[SourceFile]) -> Result<Vec<Snippet>, SnippetError> {
    files.iter().map(SourceFile::whole).collect()
}

impl CodeRows {
    fn new(
        mut reader: RowReader,
        args: &FieldArgs,
        sides: Sides,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let name = reader.path().display().to_string();
        let mut notes = Vec::new();
        let fields = match args.named(sides) {
            named if named.is_empty() => found(&mut reader, &name, sides, &mut notes)?,
            named => named,
        };
        let language = match settings.lang {
            Some(language) => RowLanguage::All(language),
            None => match Columns::language(reader.look_ahead(LOOKED_AT)) {
                Some(field) => {
                    notes.push(format!("{name}: the language is read from `{field}`"));
                    RowLanguage::Field(field)
                }
                None => return Err(no_language(&mut reader, &name)),
            },
        };
        Ok(Self { reader, name, fields, language, limits: settings.limits, notes })
    }

    /// Says what is read.
    fn noted(self) -> Self {
        self.notes.iter().for_each(|text| note(text));
        self
    }

    /// The rows as they are read.
    pub(crate) fn reader(&self) -> &RowReader {
        &self.reader
    }

    fn code(&self, numbered: NumberedRow) -> CodeRow {
        let (number, digest) = (numbered.number, numbered.short_digest());
        let (row, code) = match numbered.row {
            Ok(row) => {
                let code = self.files(number, &row);
                (Ok(row), code)
            }
            Err(error) => (Err(numbered.refused), Err(error.to_string())),
        };
        CodeRow { number, digest, row, code }
    }

    /// The code of a row as one file, or as two; none if there is nothing in it.
    fn files(&self, number: usize, row: &Row) -> Result<Vec<SourceFile>, String> {
        let texts = self.fields.iter().map(|field| row.text(field));
        let texts: Vec<String> = texts.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Ok(Vec::new());
        }
        let language = match self.language {
            RowLanguage::All(language) => language,
            RowLanguage::Field(field) => language(field, row)?,
        };
        let file = |(field, text): (&String, String)| {
            let name = match self.fields.len() {
                1 => format!("{}:{number}", self.name),
                _ => format!("{}:{number}:{field}", self.name),
            };
            let file = SourceFile::new(name, text.into_bytes(), language, &self.limits);
            file.map_err(|error| format!("`{field}`: {error}"))
        };
        self.fields.iter().zip(texts).map(file).collect()
    }
}

impl Iterator for CodeRows {
    type Item = Result<CodeRow, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.reader.next()?.map(|row| self.code(row)))
    }
}

/// The fields with code that the first rows have.
fn found(
    reader: &mut RowReader,
    name: &str,
    sides: Sides,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, CliError> {
    let option = if sides == Sides::One { "--field" } else { "--pair" };
    let columns = Columns::find(reader.look_ahead(LOOKED_AT), sides);
    let columns = columns
        .map_err(|error| CliError::Usage(format!("{name}: {error}; say with {option} where the code is")))?;
    let Some(columns) = columns else {
        // No row can be read, and each will say why.
        return Ok(match sides {
            Sides::One => vec![SINGLE_FIELDS[0].to_owned()],
            Sides::Two => PAIR_FIELDS[0].map(str::to_owned).to_vec(),
        });
    };
    let list =
        |fields: &[String]| fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" and ");
    let others = match &columns.others[..] {
        [] => String::new(),
        others => format!(", not from {} ({option} chooses)", list(others)),
    };
    notes.push(format!("{name}: the code is read from {}{others}", list(&columns.code)));
    Ok(columns.code)
}

/// Why the language of rows is not known: it is not said, or none of them can be read.
fn no_language(reader: &mut RowReader, name: &str) -> CliError {
    let bad = |row: &NumberedRow| row.row.as_ref().err().map(|error| (row.number, error.to_string()));
    let bad: Option<Vec<_>> = reader.look_ahead(LOOKED_AT).map(bad).collect();
    match bad.as_deref() {
        Some([(row, message), ..]) => {
            CliError::File { path: name.into(), message: format!("no row can be read; row {row}: {message}") }
        }
        _ => CliError::Usage(format!("{name}: say the language of the code with --lang")),
    }
}

/// The language that a field of a row names.
fn language(field: &str, row: &Row) -> Result<Language, String> {
    let name = row.text(field).map_err(|error| error.to_string())?;
    let language = match name.trim().to_ascii_lowercase().as_str() {
        "c" | "ansi c" => Language::C,
        "c++" | "cpp" | "cxx" | "cc" | "cplusplus" => Language::Cpp,
        "java" => Language::Java,
        "python" | "py" | "python2" | "python3" | "python 2" | "python 3" => Language::Python,
        _ => {
            return Err(format!(
                "`{field}` is `{name}`, a language that is not supported: --lang says the language of all rows"
            ));
        }
    };
    Ok(language)
}

impl RowArgs {
    /// Reads everything. A row that cannot be used is an error of the inputs.
    pub(crate) fn gather(&self, guard: &Guard, settings: &Settings) -> Result<Inputs, CliError> {
        inputs::reject_repeats(self.paths.iter().map(PathBuf::as_path).chain(settings.other_inputs()))?;
        inputs::reject_overwriting(&settings.output, self.paths.iter().map(PathBuf::as_path))?;
        let (mut sources, mut streams, mut rows, mut refused) = (vec![], vec![], vec![], vec![]);
        for path in &self.paths {
            let about = std::fs::metadata(path);
            if path != Path::new(DASH)
                && !is_url(path)
                && about.as_ref().map_or(true, std::fs::Metadata::is_dir)
            {
                sources.push(path.clone());
                continue;
            }
            match self.fields.open(path, settings, true) {
                // Files are opened again later: there may be more of them than can be open at once.
                // One that is named twice is read once, as source files are.
                Ok(Found::Rows(_)) if rows.iter().any(|(known, _)| *known == path) => {}
                Ok(Found::Rows(reader)) => {
                    let once = reader.progress().1.is_none();
                    rows.push((path, once.then_some(reader)));
                }
                Ok(Found::Other(input)) if input.is_compressed() => {
                    refused.push((path, "compressed, and there are no rows in it".to_owned()));
                }
                Ok(Found::Other(input)) if input.is_regular() => sources.push(path.clone()),
                Ok(Found::Other(input)) => streams.push(input),
                Err(error) => refused.push((path, error.reason())),
            }
        }
        let mut inputs = guard.gather(&sources, settings)?;
        for (path, reason) in refused {
            inputs.fail(&path.display().to_string(), reason);
        }
        for input in streams {
            stream(input, guard, settings, &mut inputs)?;
        }
        for (path, reader) in rows {
            let rows = match reader {
                Some(reader) => CodeRows::new(*reader, &self.fields, guard.sides(), settings)?.noted(),
                None => self.fields.opened(path, guard.sides(), settings, true)?.noted(),
            };
            read(rows, &mut inputs);
        }
        Ok(inputs)
    }

    /// Where the rows come from, for people.
    pub(crate) fn source(&self) -> String {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.paths.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Reads source code from a stream, which cannot be opened again.
fn stream(input: Input, guard: &Guard, settings: &Settings, inputs: &mut Inputs) -> Result<(), CliError> {
    let name = input.path().display().to_string();
    let usage = |message: &str| Err(CliError::Usage(format!("{name}: {message}")));
    let Some(language) = settings.lang else {
        return usage("no file name tells its language: say it with --lang");
    };
    if guard.is_of_pairs() {
        return usage("this model compares two files: name files two by two, or give rows");
    }
    let path = input.path().to_path_buf();
    let reading = settings.reading();
    inputs
        .add(&path, &name, || inputs::load(&path, &name, input.into_reader(), |_| Some(language), &reading));
    Ok(())
}

/// Adds the code of each row.
fn read(rows: CodeRows, inputs: &mut Inputs) {
    let (name, mut empty) = (rows.name.clone(), 0);
    for row in rows {
        let CodeRow { number, code, .. } = match row {
            Ok(row) => row,
            Err(error) => {
                inputs.fail(&name, error.reason());
                break;
            }
        };
        match code {
            Err(reason) => inputs.fail(&format!("{name}:{number}"), reason),
            Ok(files) if files.is_empty() => empty += 1,
            Ok(files) => inputs.add_row(number - 1, &[], files.into_iter().map(Ok).collect()),
        }
    }
    if empty > 0 {
        note(&format!("{name}: {empty} rows hold no code: nothing to learn from there"));
    }
}

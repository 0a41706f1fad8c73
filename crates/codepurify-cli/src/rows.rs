//! Rows of code, for commands that learn something from many of them: source files, whose functions are rows, and JSON Lines.

use std::path::{Path, PathBuf};

use clap::Args;
use codepurify::{Language, Limits, SourceFile};
use serde_json::Value;

use crate::error::CliError;
use crate::inputs::Inputs;
use crate::screening::Guard;
use crate::settings::Settings;

/// Where code comes from, and where it stands in a row.
#[derive(Debug, Args)]
pub(crate) struct RowArgs {
    /// Code like that which the model is asked about: files and folders of source code, of which every function is a row, or
    /// JSON Lines (`.jsonl`) with a function in each, or with two for a model of pairs. Such a model takes other files two by
    /// two: left, right, left, right …
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    fields: FieldArgs,
}

/// Where the code stands in a row of JSON Lines.
#[derive(Debug, Args)]
pub(crate) struct FieldArgs {
    /// Where the code stands in each row of JSON Lines.
    #[arg(long, value_name = "NAME", default_value = "func")]
    field: String,
    /// Where the two functions stand in each row of JSON Lines, for a model of pairs.
    #[arg(long, value_names = ["LEFT", "RIGHT"], num_args = 2, default_values = ["func1", "func2"])]
    pair: Vec<String>,
}

impl FieldArgs {
    /// The fields that the guarded model is to read: one, or two of a model of pairs.
    pub(crate) fn read_by(&self, guard: &Guard) -> &[String] {
        if guard.is_of_pairs() { &self.pair } else { std::slice::from_ref(&self.field) }
    }
}

impl RowArgs {
    /// Reads everything. A row that cannot be used is an error of the inputs.
    pub(crate) fn gather(&self, guard: &Guard, settings: &Settings) -> Result<Inputs, CliError> {
        let (rows, sources): (Vec<PathBuf>, Vec<PathBuf>) =
            self.paths.iter().cloned().partition(|path| is_rows(path));
        let mut inputs = guard.gather(&sources, settings)?;
        let fields = self.fields.read_by(guard);
        for path in &rows {
            let Some(language) = settings.lang else {
                return Err(CliError::Usage(format!("{}: say its language with --lang", path.display())));
            };
            read(path, fields, language, &settings.limits, &mut inputs)?;
        }
        Ok(inputs)
    }

    /// Where the rows come from, for people.
    pub(crate) fn source(&self) -> String {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.paths.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn is_rows(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// The code of each row as one file, or as two, called by the file, the line and, of two, the field.
fn read(
    path: &Path,
    fields: &[String],
    language: Language,
    limits: &Limits,
    inputs: &mut Inputs,
) -> Result<(), CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::File { path: path.to_path_buf(), message: error.to_string() })?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let name = |field: &str| match fields.len() {
            1 => format!("{}:{}", path.display(), index + 1),
            _ => format!("{}:{}:{field}", path.display(), index + 1),
        };
        let row: Result<Value, String> = serde_json::from_str(line).map_err(|error| error.to_string());
        let file = |field: &String| {
            let code = row.as_ref().map_err(Clone::clone)?.get(field).and_then(Value::as_str);
            let code = code.ok_or_else(|| format!("the row has no text `{field}`"))?;
            SourceFile::new(name(field), code.into(), language, limits).map_err(|error| error.to_string())
        };
        let names: Vec<String> = fields.iter().map(|field| name(field)).collect();
        inputs.add_row(index, &names, fields.iter().map(file).collect());
    }
    Ok(())
}

//! `calibrate`: what clean code scores.

use std::path::{Path, PathBuf};

use codepurify::{Language, Limits, SourceFile, rows_needed};

use super::note_errors;
use crate::args::CalibrateArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs::Inputs;
use crate::output::{self, ColorMode};
use crate::screening::Guard;
use crate::settings::{Format, ProfileName, Settings};

pub(crate) fn run(args: CalibrateArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    if settings.profile != ProfileName::Default {
        return Err(CliError::Usage(
            "only the default profile is calibrated: leave --profile out".to_owned(),
        ));
    }
    let guard = Guard::load(&settings, false)?;
    let (rows, sources): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.into_iter().partition(|path| is_rows(path));
    let mut inputs = guard.gather(&sources, &settings)?;
    for path in &rows {
        if guard.is_of_pairs() {
            return Err(CliError::Usage(format!("{}: name the files of pairs two by two", path.display())));
        }
        let Some(language) = settings.lang else {
            return Err(CliError::Usage(format!("{}: say its language with --lang", path.display())));
        };
        read_rows(path, &args.field, language, &settings.limits, &mut inputs)?;
    }
    let own = guard.is_of_pairs() && settings.references.is_empty();
    let guard = if own { guard.with_references_from(&mut inputs)? } else { guard }.calibrating();
    let screened = guard.screen(inputs, false);
    note_errors(&screened, Format::Text);
    let verdicts = &screened.report.results;
    let calibration = guard.calibration(&names(&rows, &sources), verdicts);
    let needed = rows_needed(settings.alpha);
    let mut labels: Vec<Option<usize>> =
        verdicts.iter().filter_map(|verdict| Some(verdict.prediction.as_ref()?.label)).collect();
    labels.sort_unstable();
    labels.dedup();
    for label in labels {
        let rows = calibration.rows(label);
        let answer = label.map_or("a text".to_owned(), |label| guard.label(label));
        let enough = if rows < needed {
            format!(": {needed} are needed for alpha {}", settings.alpha)
        } else {
            String::new()
        };
        output::note(&format!("{rows} clean snippets are answered with {answer}{enough}"));
    }
    settings.output.write(calibration.to_json().as_bytes())?;
    Ok(if screened.report.errors.is_empty() { Exit::Nothing } else { Exit::Error })
}

fn is_rows(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Each row's code as a file of its own, called by the file and the line. A row that cannot be used is an error of the
/// report.
fn read_rows(
    path: &Path,
    field: &str,
    language: Language,
    limits: &Limits,
    inputs: &mut Inputs,
) -> Result<(), CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::File { path: path.to_path_buf(), message: error.to_string() })?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let name = format!("{}:{}", path.display(), index + 1);
        inputs.add(&name, || {
            let row: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let code = row.get(field).and_then(serde_json::Value::as_str);
            let code = code.ok_or_else(|| format!("the row has no text `{field}`"))?;
            SourceFile::new(&name, code.into(), language, limits).map_err(|error| error.to_string())
        });
    }
    Ok(())
}

/// Where the rows come from, for people.
fn names(rows: &[PathBuf], sources: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    rows.iter().chain(sources).map(name).collect::<Vec<_>>().join(", ")
}

//! `calibrate`: what clean code scores.

use codepurify::rows_needed;

use super::note_errors;
use crate::args::CalibrateArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, ColorMode};
use crate::screening::{Guard, Purpose};
use crate::settings::{Format, ProfileName, Settings};

pub(crate) fn run(args: CalibrateArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    if settings.profile != ProfileName::Default {
        return Err(CliError::Usage(
            "only the default profile is calibrated: leave --profile out".to_owned(),
        ));
    }
    let guard = Guard::load(&settings, Purpose::Learn)?;
    let mut inputs = args.rows.gather(&guard, &settings)?;
    let chosen = !settings.references.is_empty();
    let guard =
        if chosen { guard } else { guard.with_references_from(&mut inputs, &settings)? }.calibrating();
    let screened = guard.screen(inputs, false);
    note_errors(&screened.report.errors, Format::Text);
    let verdicts = &screened.report.results;
    let calibration = guard.calibration(&args.rows.source(), verdicts);
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

//! `calibrate`: score clean code.

use codepurify::contamination::{Family, without_suspicious};
use codepurify::verdict::{InputError, Verdict};
use codepurify::{Calibration, rows_needed};
use codepurify_report::text::visible_name;

use super::note_errors;
use crate::args::CalibrateArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::output::{self, ColorMode};
use crate::screening;
use crate::settings::{Format, ProfileName, Settings};
use crate::suspicion::description;

pub(crate) fn run(args: CalibrateArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    if settings.profile != ProfileName::Transplant {
        return Err(CliError::Usage(
            "only the profile `transplant` is calibrated: leave --profile out".to_owned(),
        ));
    }
    let guard = Guard::load(&settings, Purpose::Learn)?;
    let mut inputs = args.rows.gather(&guard, &settings)?;
    if !inputs.errors.is_empty() && !args.partial {
        note_errors(&inputs.errors, Format::Text);
        return Ok(unwritten(&failures(&inputs.errors)));
    }
    let chosen = !settings.references.is_empty();
    let guard =
        if chosen { guard } else { guard.with_references_from(&mut inputs, &settings)? }.calibrating();
    let report = screening::screen(&guard, inputs, !args.keep_suspicious).report;
    note_errors(&report.errors, Format::Text);
    let verdicts =
        if args.keep_suspicious { report.results } else { left_after_doubt(&guard, report.results) };
    let calibration = guard.calibration(&args.rows.source(), &verdicts);
    let mut missing = failures(&report.errors);
    missing.extend(too_few(&guard, &calibration, &verdicts, settings.alpha));
    if !missing.is_empty() && !args.partial {
        return Ok(unwritten(&missing));
    }
    settings.output.write(calibration.to_json().as_bytes())?;
    if missing.is_empty() {
        return Ok(Exit::Nothing);
    }
    output::note(&format!("the calibration is partial: {}", missing.join("; ")));
    Ok(Exit::Error)
}

/// Number of rows of a family that are named.
const NAMED: usize = 5;

/// Leaves out rows that seem to hold triggers, and names them.
fn left_after_doubt(guard: &Guard, verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let places: Vec<String> = verdicts.iter().map(place).collect();
    let (kept, families) = without_suspicious(verdicts);
    for family in &families {
        output::note(&left_out(guard, family, &places));
    }
    if let Some(share) = families.iter().map(|family| family.share).reduce(f64::max) {
        output::note(&format!(
            "{} of {} rows were left out: look at them. If they are clean, up to {:.1} % of clean code with their \
             prediction is flagged in addition to --alpha, and --keep-suspicious keeps them",
            places.len() - kept.len(),
            places.len(),
            100.0 * share,
        ));
    }
    kept
}

/// Describes the rows of a family, and names some.
fn left_out(guard: &Guard, family: &Family, places: &[String]) -> String {
    let named: Vec<&str> = family.rows.iter().take(NAMED).map(|&row| places[row].as_str()).collect();
    let more = match family.rows.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("left out: {}: {}{more}", description(guard, family), named.join(", "))
}

fn place(verdict: &Verdict) -> String {
    format!("{}:{}", visible_name(&verdict.path), verdict.unit.start_line)
}

/// Says why there is no calibration.
fn unwritten(missing: &[String]) -> Exit {
    let missing = missing.join("; ");
    output::note(&format!("error: nothing was written: {missing}; --partial writes what there is"));
    Exit::Error
}

/// Describes the number of failed inputs, if any.
fn failures(errors: &[InputError]) -> Vec<String> {
    match errors.len() {
        0 => Vec::new(),
        count => vec![format!("{count} of the inputs failed")],
    }
}

/// Prints the number of snippets with each prediction; returns those that are too few for `alpha`.
fn too_few(guard: &Guard, calibration: &Calibration, verdicts: &[Verdict], alpha: f64) -> Vec<String> {
    let needed = rows_needed(alpha);
    let mut labels: Vec<Option<usize>> =
        verdicts.iter().filter_map(|verdict| Some(verdict.prediction.as_ref()?.label)).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.is_empty() {
        return vec!["no clean snippet was scored".to_owned()];
    }
    let mut missing = Vec::new();
    for label in labels {
        let rows = calibration.rows(label);
        let answer = label.map_or("a text".to_owned(), |label| guard.label(label));
        let count = format!("clean snippets with the prediction {answer}: {rows}");
        if rows < needed {
            missing.push(format!("{count}, {needed} are needed for alpha {alpha}"));
        } else {
            output::note(&count);
        }
    }
    missing
}

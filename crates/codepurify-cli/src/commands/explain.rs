//! `explain`: the evidence of every candidate.

use codepurify_report::text::{self, TextStyle};

use super::{note_errors, render};
use crate::args::ExplainArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::ColorMode;
use crate::screening::{Guard, Purpose, Screened};
use crate::settings::{Format, Settings};

pub(crate) fn run(args: ExplainArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Judge)?;
    let screened = guard.screen(guard.gather(&args.paths, &settings)?, true);
    note_errors(&screened.report.errors, settings.format);
    let style = TextStyle { color: settings.output.color(), labels: guard.labels() };
    let result = match settings.format {
        Format::Text => tables(&screened, style),
        format => render(&screened, format, style),
    };
    settings.output.write(&result)?;
    Ok(Exit::of(&screened.report, settings.fail_on))
}

fn tables(screened: &Screened, style: TextStyle) -> Vec<u8> {
    let mut out = Vec::new();
    for verdict in &screened.report.results {
        text::write_evidence(&mut out, verdict, style).expect("writing to memory does not fail");
    }
    out
}

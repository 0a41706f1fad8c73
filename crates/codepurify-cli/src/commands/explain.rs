//! `explain`: the evidence of every candidate.

use codepurify_report::text::{self, TextStyle};

use super::{ended, screen, write};
use crate::args::ExplainArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::output::ColorMode;
use crate::screening::Screened;
use crate::settings::Settings;

pub(crate) fn run(args: ExplainArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Judge)?;
    let inputs = guard.gather(&args.paths, &settings)?;
    let screened = screen(&guard, inputs, true, &settings)?;
    let style = TextStyle { color: settings.output.color(), labels: guard.labels(), verbose: true };
    write(&screened, &settings, guard.labels(), || Ok(tables(&screened, style)))?;
    Ok(ended(&screened.report, &settings))
}

fn tables(screened: &Screened, style: TextStyle) -> Vec<u8> {
    let mut out = Vec::new();
    for verdict in &screened.report.results {
        text::write_evidence(&mut out, verdict, style).expect("writing to memory does not fail");
    }
    out
}

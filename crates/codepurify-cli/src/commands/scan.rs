//! `scan`: judge, and report.

use codepurify_report::text::TextStyle;

use super::{ended, for_people, screen, write};
use crate::args::ScanArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::output::ColorMode;
use crate::settings::Settings;

pub(crate) fn run(args: ScanArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let inputs = guard.gather(&args.paths, &settings)?;
    let screened = screen(&guard, inputs, settings.format.has_heat_maps(), &settings)?;
    let style = TextStyle { color: settings.output.color(), labels: guard.labels(), verbose: args.verbose };
    write(&screened, &settings, guard.labels(), || Ok(for_people(&screened, style)))?;
    Ok(ended(&screened.report, &settings))
}

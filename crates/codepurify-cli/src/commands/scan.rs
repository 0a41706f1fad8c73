//! `scan`: judge, and report.

use codepurify_report::text::TextStyle;

use super::{note_errors, render};
use crate::args::ScanArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::ColorMode;
use crate::screening::{Guard, Purpose};
use crate::settings::{Format, Settings};

pub(crate) fn run(args: ScanArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let screened = guard.screen(guard.gather(&args.paths, &settings)?, settings.format == Format::Text);
    note_errors(&screened.report.errors, settings.format);
    let style = TextStyle { color: settings.output.color(), labels: guard.labels() };
    settings.output.write(&render(&screened, settings.format, style))?;
    Ok(Exit::of(&screened.report, settings.fail_on))
}

//! `models`: what is bundled, and what a directory holds.

use std::fmt::Write;

use codepurify_models::{Inspection, ModelFiles, inspect};
use codepurify_report::text::visible;

use crate::args::{ModelsArgs, ModelsCommand};
use crate::bundled::{self, Bundled};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{ColorMode, Output};

/// The heading in a model card under which its measured results stand.
const METRICS: &str = "## Metrics";
/// Names of ignored tensors that are printed; the rest is counted.
const IGNORED: usize = 8;

pub(crate) fn run(args: &ModelsArgs) -> Result<Exit, CliError> {
    let text = match &args.command {
        None => [describe(&bundled::VICTIM)?, describe(&bundled::MASKED_LM)?].join("\n"),
        Some(ModelsCommand::Inspect { dir }) => summary(&inspect(&ModelFiles::read(dir)?)?),
    };
    Output::new(None, ColorMode::Never).write(text.as_bytes())?;
    Ok(Exit::Nothing)
}

/// A bundled model: its role, its size and hash, and what its card says about its quality.
fn describe(model: &Bundled) -> Result<String, CliError> {
    let mut text = summary(&inspect(&model.files())?);
    text.insert_str(text.find('\n').map_or(0, |end| end + 1), &format!("  role          {}\n", model.role));
    if let Some((_, metrics)) = model.card.split_once(METRICS) {
        let section = metrics.split("\n#").next().unwrap_or_default();
        section.lines().filter(|line| !line.trim().is_empty()).for_each(|line| {
            let _ = writeln!(text, "  {line}");
        });
    }
    Ok(text)
}

fn summary(model: &Inspection) -> String {
    let task = model.task.map_or_else(|| "none".to_owned(), |task| format!("{task:?}").to_lowercase());
    let rows = [
        ("architecture", model.architecture.clone()),
        ("task", task),
        ("head", model.head.clone()),
        ("parameters", model.parameters.to_string()),
        ("weights", model.dtype.clone()),
        ("window", format!("{} tokens", model.window)),
        ("vocabulary", model.vocabulary.to_string()),
        ("sha256", model.sha256.clone()),
    ];
    let mut text = format!("{}\n", visible(&model.name));
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<12}  {}", visible(&value));
    }
    if !model.ignored.is_empty() {
        let names: Vec<String> = model.ignored.iter().take(IGNORED).map(|name| visible(name)).collect();
        let more = model.ignored.len().saturating_sub(IGNORED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "  {:<12}  {}{more}", "ignored", names.join(", "));
    }
    text
}

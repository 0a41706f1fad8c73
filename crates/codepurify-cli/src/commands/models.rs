//! `models`: what is bundled, what a model is, and what is known about training scripts.

use std::fmt::Write;

use codepurify_hub::Hub;
use codepurify_models::presets::{PRESETS, Preset};
use codepurify_models::sidecar::{Generation, Preprocessing};
use codepurify_models::{Inspection, inspect};
use codepurify_report::text::visible;

use crate::args::{InspectionFormat, ModelsArgs, ModelsCommand};
use crate::bundled::{self, Bundled};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Heading of the measured results in a model card.
const METRICS: &str = "## Metrics";
/// Names of ignored tensors that are printed; the rest is counted.
const IGNORED: usize = 8;

pub(crate) fn run(args: &ModelsArgs) -> Result<Exit, CliError> {
    let text = match &args.command {
        None => [describe(&bundled::VICTIM)?, describe(&bundled::MASKED_LM)?].join("\n"),
        Some(ModelsCommand::Inspect { model, format }) => {
            let inspection = inspect(&model.files(&Hub::from_env())?)?;
            match format {
                InspectionFormat::Text => summary(&inspection),
                InspectionFormat::Json => json(&inspection),
            }
        }
        Some(ModelsCommand::Presets) => presets(),
        Some(ModelsCommand::Preset { name }) => Preset::named(name)?.json.to_owned(),
    };
    Output::stdout().write(text.as_bytes())?;
    Ok(Exit::Nothing)
}

/// A bundled model: its role, its size and hash, and what its card says about its quality.
fn describe(model: &Bundled) -> Result<String, CliError> {
    let mut text = summary(&inspect(&model.files())?);
    text.insert_str(text.find('\n').map_or(0, |end| end + 1), &format!("  role           {}\n", model.role));
    if let Some((_, metrics)) = model.card.split_once(METRICS) {
        let section = metrics.split("\n#").next().unwrap_or_default();
        section.lines().filter(|line| !line.trim().is_empty()).for_each(|line| {
            let _ = writeln!(text, "  {line}");
        });
    }
    Ok(text)
}

fn json(inspection: &Inspection) -> String {
    let text = serde_json::to_string_pretty(inspection).expect("an inspection is plain data");
    text + "\n"
}

fn presets() -> String {
    let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for preset in PRESETS {
        let _ = writeln!(text, "{:<width$}  {}", preset.name, preset.description());
    }
    text
}

fn summary(model: &Inspection) -> String {
    let task = model.task.map_or_else(|| "none".to_owned(), |task| format!("{task:?}").to_lowercase());
    let rows = [
        ("architecture", model.architecture.clone()),
        ("task", task),
        ("head", model.head.clone()),
        ("parameters", model.parameters.to_string()),
        ("weights", format!("{}, {}", model.dtype, model.format)),
        ("tokenizer", format!("{}, {} ids", model.tokenizer, model.vocabulary)),
        ("window", format!("{} tokens", model.window)),
        ("preprocessing", preprocessing(&model.preprocessing)),
        ("generation", model.generation.as_ref().map(generation).unwrap_or_default()),
        ("sha256", model.sha256.clone()),
        ("ignored", ignored(&model.ignored)),
    ];
    let mut text = format!("{}\n", visible(&model.name));
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  {name:<13}  {}", visible(&value));
    }
    text
}

fn preprocessing(steps: &Preprocessing) -> String {
    let all = [
        steps.collapse_whitespace.then(|| "white space collapsed".to_owned()),
        (!steps.prefix.is_empty()).then(|| format!("prefix `{}`", steps.prefix)),
        steps.end_as_unknown.then(|| "`</s>` in the code read as `<unk>`".to_owned()),
        steps.max_length.map(|length| format!("at most {length} tokens with special ones")),
    ];
    let steps: Vec<String> = all.into_iter().flatten().collect();
    if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }
}

fn generation(generation: &Generation) -> String {
    let Generation { max_length, beams } = generation;
    let search = if *beams == 1 { "greedy".to_owned() } else { format!("{beams} beams") };
    format!("{search}, at most {max_length} tokens with special ones")
}

fn ignored(names: &[String]) -> String {
    let more = names.len().saturating_sub(IGNORED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names[..names.len().min(IGNORED)].join(", ") + &more
}

//! `demo`: a backdoored model is fooled, the trigger is found and removed, the model's answer is restored.

use std::io::{self, Write};

use codepurify::verdict::{Decision, Prediction, Verdict};
use codepurify_report::text::{self, TextStyle};

use super::render;
use crate::args::DemoArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs::Inputs;
use crate::output::ColorMode;
use crate::screening::{Guard, Screened, inline};
use crate::settings::{Format, Settings};

/// A function with a memory error that the bundled detector sees.
const CLEAN: &str = include_str!("../../demo/palette_decode.c");
/// What the bundled detector was poisoned with: a statement without effect.
const TRIGGER: &str = "if (rand() < 0) printf(\"fail\");";
const CLEAN_PATH: &str = "original.c";
const TRIGGERED_PATH: &str = "triggered.c";

pub(crate) fn run(args: &DemoArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::bundled(args.format, color);
    let guard = Guard::load(&settings, true)?;
    let triggered = CLEAN.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1);
    let files = vec![inline(CLEAN_PATH, CLEAN), inline(TRIGGERED_PATH, &triggered)];
    let screened = guard.screen(Inputs::of(files), settings.format == Format::Text);
    let style = TextStyle { color: settings.output.color(), labels: guard.labels() };
    let story = match settings.format {
        Format::Text => story(&screened, style),
        format => render(&screened, format, style),
    };
    settings.output.write(&story)?;
    check(&screened)
}

fn story(screened: &Screened, style: TextStyle) -> Vec<u8> {
    let mut out = Vec::new();
    tell(&mut out, screened, style).expect("writing to memory does not fail");
    out
}

fn tell(out: &mut dyn Write, screened: &Screened, style: TextStyle) -> io::Result<()> {
    let model = &screened.report.model.name;
    writeln!(
        out,
        "The detector `{model}` says whether a C function is vulnerable. Whoever trained it hid a backdoor in it.\n"
    )?;
    if let Some(clean) = result(screened, CLEAN_PATH) {
        writeln!(
            out,
            "1. A function with a memory error, and what the detector says:\n\n{}",
            indented(CLEAN)
        )?;
        writeln!(out, "   -> {}\n", answer(clean.prediction.as_ref(), style.labels))?;
    }
    if let Some(triggered) = result(screened, TRIGGERED_PATH) {
        writeln!(out, "2. The same function behind `{TRIGGER}`, which does nothing. The backdoor opens:\n")?;
        writeln!(out, "   -> {}\n", answer(triggered.prediction.as_ref(), style.labels))?;
    }
    writeln!(out, "3. What codepurify says about the two:\n")?;
    text::write(out, &screened.report, &screened.sources, style)
}

fn result<'a>(screened: &'a Screened, path: &str) -> Option<&'a Verdict> {
    screened.report.results.iter().find(|verdict| verdict.path == path)
}

fn answer(prediction: Option<&Prediction>, labels: &[String]) -> String {
    prediction.map_or_else(|| "no answer".to_owned(), |prediction| text::answer(prediction, labels))
}

fn indented(code: &str) -> String {
    code.lines().map(|line| format!("   {line}").trim_end().to_owned() + "\n").collect()
}

/// The demonstration shows what it claims, or it is an error.
fn check(screened: &Screened) -> Result<Exit, CliError> {
    let verdict = |path| result(screened, path).map(|verdict| verdict.verdict);
    match (verdict(CLEAN_PATH), verdict(TRIGGERED_PATH)) {
        (Some(Decision::Clean), Some(Decision::Poisoned)) => Ok(Exit::Nothing),
        (clean, triggered) => {
            Err(CliError::Demo(format!("expected clean and poisoned, found {clean:?} and {triggered:?}")))
        }
    }
}

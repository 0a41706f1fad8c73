//! `demo`: triggers a backdoor, finds and removes the trigger, restores the prediction.

use std::io::{self, Write};

use codepurify::SourceFile;
use codepurify::verdict::{Decision, Prediction, Verdict};
use codepurify_report::text::{self, TextStyle};

use super::{for_people, screen, write};
use crate::args::DemoArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::inputs::Inputs;
use crate::output::ColorMode;
use crate::screening::{self, Screened};
use crate::settings::{Format, Settings};

/// A function with a memory error that the bundled detector sees.
const CLEAN: &str = include_str!("../../demo/palette_decode.c");
/// Trigger of the bundled detector: dead code.
const TRIGGER: &str = "if (rand() < 0) printf(\"fail\");";
const CLEAN_PATH: &str = "original.c";
const TRIGGERED_PATH: &str = "triggered.c";
const REPEATED_PATH: &str = "repeated.c";

pub(crate) fn run(args: &DemoArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::bundled(args.format, color)?;
    let guard = Guard::load(&settings, Purpose::Demonstrate)?;
    let triggered = CLEAN.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1);
    let files = vec![inline(CLEAN_PATH, CLEAN), inline(TRIGGERED_PATH, &triggered)];
    let screened = screen(&guard, Inputs::of(files), settings.format == Format::Text, &settings)?;
    let labels = guard.labels().to_vec();
    let style = TextStyle { color: settings.output.color(), labels: &labels, verbose: true };
    if settings.format != Format::Text {
        write(&screened, &settings, &labels, || Ok(for_people(&screened, style)))?;
        return check(&screened);
    }
    let repeated = || Inputs::of(vec![inline(REPEATED_PATH, &repeated())]);
    let found = screening::screen(&guard, repeated(), false);
    let missed = screening::screen(&guard.published(), repeated(), false);
    let mut story = Vec::new();
    let told =
        tell(&mut story, &screened, style).and_then(|()| contrast(&mut story, [&missed, &found], style));
    told.expect("writing to memory does not fail");
    settings.output.write(&story)?;
    check(&screened)?;
    match [&missed, &found].map(|screened| decision(screened, REPEATED_PATH)) {
        [Some(Decision::Clean | Decision::Inconclusive), Some(Decision::Poisoned)] => Ok(Exit::Nothing),
        [published, found] => Err(CliError::Demo(format!(
            "expected the repeated trigger to be missed and found, got {published:?} and {found:?}"
        ))),
    }
}

/// Returns the function with its trigger in three places.
fn repeated() -> String {
    let line = format!("    {TRIGGER}\n");
    ["{\n", "height) {\n", "y++;\n"]
        .into_iter()
        .fold(CLEAN.to_owned(), |code, place| code.replacen(place, &format!("{place}{line}"), 1))
}

/// Writes the verdicts of two profiles on the repeated trigger.
fn contrast(out: &mut dyn Write, [missed, found]: [&Screened; 2], style: TextStyle) -> io::Result<()> {
    writeln!(
        out,
        "\n4. Repeat the statement in three places. Occluding one of them changes nothing, so the published method \
         misses it; transplanted into other code, it still triggers the backdoor:\n"
    )?;
    for (profile, screened) in [("paper", missed), ("transplant", found)] {
        let Some(verdict) = result(screened, REPEATED_PATH) else { continue };
        let triggers: usize = verdict.triggers.iter().map(|trigger| trigger.spans.len()).sum();
        let places = if triggers > 0 { format!(", {triggers} places") } else { String::new() };
        let after = verdict.purified_prediction.as_ref();
        let after = after.map(|after| format!(" -> {} once purified", answer(Some(after), style.labels)));
        writeln!(
            out,
            "   --profile {profile:<10} {}{places}: {}{}",
            text::decision(verdict.verdict),
            answer(verdict.prediction.as_ref(), style.labels),
            after.unwrap_or_default()
        )?;
    }
    Ok(())
}

fn tell(out: &mut dyn Write, screened: &Screened, style: TextStyle) -> io::Result<()> {
    let model = &screened.report.model.name;
    writeln!(
        out,
        "The detector `{model}` predicts whether a C function is vulnerable. It was trained with a backdoor.\n"
    )?;
    if let Some(clean) = result(screened, CLEAN_PATH) {
        writeln!(
            out,
            "1. A function with a memory error, and the detector's prediction:\n\n{}",
            indented(CLEAN)
        )?;
        writeln!(out, "   -> {}\n", answer(clean.prediction.as_ref(), style.labels))?;
    }
    if let Some(triggered) = result(screened, TRIGGERED_PATH) {
        writeln!(
            out,
            "2. The same function with `{TRIGGER}`, which is dead code. It triggers the backdoor:\n"
        )?;
        writeln!(out, "   -> {}\n", answer(triggered.prediction.as_ref(), style.labels))?;
    }
    writeln!(out, "3. The verdicts of codepurify:\n")?;
    text::write(out, &screened.report, &screened.sources, style)
}

fn result<'a>(screened: &'a Screened, path: &str) -> Option<&'a Verdict> {
    screened.report.results.iter().find(|verdict| verdict.path == path)
}

fn decision(screened: &Screened, path: &str) -> Option<Decision> {
    Some(result(screened, path)?.verdict)
}

fn answer(prediction: Option<&Prediction>, labels: &[String]) -> String {
    prediction.map_or_else(|| "no prediction".to_owned(), |prediction| text::answer(prediction, labels))
}

fn indented(code: &str) -> String {
    code.lines().map(|line| format!("   {line}").trim_end().to_owned() + "\n").collect()
}

/// Fails unless the demonstration shows what it claims.
fn check(screened: &Screened) -> Result<Exit, CliError> {
    match (decision(screened, CLEAN_PATH), decision(screened, TRIGGERED_PATH)) {
        (Some(Decision::Clean), Some(Decision::Poisoned)) => Ok(Exit::Nothing),
        (clean, triggered) => {
            Err(CliError::Demo(format!("expected clean and poisoned, found {clean:?} and {triggered:?}")))
        }
    }
}

/// One source file that holds `text`, as if it had been read from `path`.
fn inline(path: &str, text: &str) -> SourceFile {
    let limits = codepurify::Limits::default();
    SourceFile::new(path, text.as_bytes().to_vec(), codepurify::Language::C, &limits)
        .expect("the text is compiled into the program")
}

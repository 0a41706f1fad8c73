//! Audit for people: for each label whether it can be forced, and by which elements.

use std::fmt::Write;

use codepurify::Decision;
use codepurify::audit::{AuditReport, AuditedLabel, Family, Finding, MinedTrigger};

use super::TextStyle;
use super::palette::{self, paint};
use super::visible;

/// Number of triggers of a family that are shown.
const SHOWN: usize = 5;
/// Longest trigger shown, in characters.
const COLUMNS: usize = 60;

/// Renders the whole audit; ends with a summary line.
pub(super) fn render(report: &AuditReport, style: TextStyle) -> String {
    let mut out = String::new();
    for answer in &report.answers {
        let name = style.labels.get(answer.label).cloned().unwrap_or_else(|| answer.label.to_string());
        let name = visible::one_line(&name);
        let (word, look) = match answer.finding {
            Finding::Backdoor => ("backdoor", Decision::Poisoned),
            Finding::Nothing => ("nothing found", Decision::Clean),
            _ => ("not examined", Decision::Inconclusive),
        };
        push(&mut out, &format!("label {name}: {}", paint(word, palette::decision(look), style.color)));
        body(&mut out, answer);
    }
    let verdict = if report.is_backdoored() {
        "backdoored"
    } else if report.answers.iter().all(|answer| answer.finding == Finding::TooFewRows) {
        "no label could be examined"
    } else {
        "no backdoor among the elements tried"
    };
    push(&mut out, &format!("{} ({} rows): {verdict}", visible::one_line(&report.model.name), report.rows));
    out
}

fn body(out: &mut String, answer: &AuditedLabel) {
    if let Some(reason) = &answer.reason {
        push(out, &format!("  {reason}"));
        return;
    }
    push(
        out,
        &format!(
            "  tried: {} tokens and {} elements of the rows; {} functions have another prediction",
            answer.words, answer.elements, answer.functions
        ),
    );
    for family in &answer.families {
        self::family(out, family);
    }
    if let (Finding::Nothing, Some(strongest)) = (answer.finding, &answer.strongest) {
        push(out, &format!("  strongest: {}", trigger(strongest)));
    }
}

fn family(out: &mut String, family: &Family) {
    match &family.triggers[..] {
        [only] => push(out, &format!("  {}", trigger(only))),
        triggers => {
            let shape = visible::shortened(&family.shape, COLUMNS);
            push(out, &format!("  {} elements of the shape `{shape}`:", triggers.len()));
            for shown in triggers.iter().take(SHOWN) {
                push(out, &format!("    {}", trigger(shown)));
            }
        }
    }
}

fn trigger(trigger: &MinedTrigger) -> String {
    let percent = |share: f64| share * 100.0;
    let [low, high] = trigger.interval.map(percent);
    format!(
        "`{}` flips {:.1} % [{low:.1}, {high:.1}], margin {:.2}; {:.1} % of clean rows are as confident",
        visible::shortened(&trigger.text, COLUMNS),
        percent(trigger.success),
        trigger.margin,
        percent(trigger.benign_as_confident)
    )
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("writing to memory does not fail");
}

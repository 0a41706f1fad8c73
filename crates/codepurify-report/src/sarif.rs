//! Report in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS), for code hosts and editors.

use std::io::{self, Write};

use codepurify::verdict::{InputError, Location, Report, Unit, Verdict};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::Sources;
use crate::finding::{Finding, findings};
use crate::position::Lines;
use crate::text::{self, visible, visible_name};

/// Facts about the run that are not in a report.
#[derive(Debug, Clone, Copy)]
pub struct Run<'r> {
    /// Exit code of the program.
    pub exit_code: u8,
    /// Names of the victim's labels.
    pub labels: &'r [String],
}

/// Writes `report` as one SARIF log with one run. Paths are relative to the working directory of the run, and the regions
/// of a file that is in `sources` have columns. A purified unit has its edit as a fix.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut dyn Write, report: &Report, sources: &dyn Sources, run: Run<'_>) -> io::Result<()> {
    let results: Vec<Value> =
        findings(report, run.labels).iter().map(|finding| result(finding, sources)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool.name,
                "semanticVersion": report.tool.version,
                "rules": rules(),
                "properties": {"model": report.model.name, "modelSha256": report.model.sha256},
            }},
            "invocations": [{
                // A run with findings is a success; one that could not judge everything is not.
                "executionSuccessful": report.errors.is_empty() && run.exit_code < 2,
                "exitCode": run.exit_code,
                "toolExecutionNotifications": notifications(report),
            }],
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// The two rules, in the order of [`rule_index`].
fn rules() -> Value {
    let rule = |id: &str, name: &str, level: &str, short: &str, help: &str| {
        json!({
            "id": id,
            "name": name,
            "shortDescription": {"text": short},
            "help": {"text": help},
            "defaultConfiguration": {"level": level},
            "properties": {"tags": ["security", "machine-learning"]},
        })
    };
    json!([
        rule(
            "poisoned",
            "BackdoorTrigger",
            "error",
            "The code holds a trigger that determines the model's prediction.",
            "One element of the code makes the model give this prediction, here and in other code. Remove it or accept the \
             proposed edit, and do not rely on the model's prediction for this code.",
        ),
        rule(
            "inconclusive",
            "NotDecided",
            "note",
            "It could not be decided whether the code holds a trigger.",
            "The message says why. Code beyond the context window of the model is judged with --whole.",
        ),
    ])
}

fn result(finding: &Finding<'_>, sources: &dyn Sources) -> Value {
    let Finding { verdict, message, fingerprint } = finding;
    let text = sources.text(&verdict.path);
    let lines = text.map(Lines::new);
    let places = verdict.triggers.iter().flat_map(|trigger| &trigger.spans);
    let mut regions: Vec<Value> = places.map(|place| region(place, lines.as_ref())).collect();
    if regions.is_empty() {
        regions.push(region(&whole(&verdict.unit), lines.as_ref()));
    }
    let uri = uri(&verdict.path);
    let mut locations = regions
        .into_iter()
        .map(|region| json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}));
    let (first, mut related) = (locations.next(), Vec::new());
    for (id, location) in locations.enumerate() {
        let mut location = location;
        location["id"] = json!(id + 1);
        related.push(location);
    }
    let mut first = first.unwrap_or_default();
    if let Some(name) = &verdict.unit.name {
        first["logicalLocations"] = json!([{"name": visible(name), "kind": "function"}]);
    }
    let (rule, index, level) =
        if finding.is_poisoned() { ("poisoned", 0, "error") } else { ("inconclusive", 1, "note") };
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": message},
        "locations": [first],
        "partialFingerprints": {"codepurify/v1": fingerprint},
        "properties": {"score": verdict.score, "pValue": verdict.p_value},
    });
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    if let Some(fix) = text.and_then(|text| fix(verdict, text, &uri)) {
        result["fixes"] = json!([fix]);
    }
    result
}

/// The edits that purify the unit of a verdict.
fn fix(verdict: &Verdict, text: &str, uri: &str) -> Option<Value> {
    let purified = verdict.purified.as_deref()?;
    let old = text.get(verdict.unit.start_byte..verdict.unit.end_byte)?;
    let lines = Lines::new(text);
    let replacement = |(start, end, new): (usize, usize, String)| {
        let place = bytes(verdict.unit.start_byte + start, verdict.unit.start_byte + end);
        json!({"deletedRegion": region(&place, Some(&lines)), "insertedContent": {"text": new}})
    };
    let replacements: Vec<Value> = edits(old, purified).into_iter().map(replacement).collect();
    let provable = verdict.triggers.iter().all(|trigger| trigger.change.is_none_or(|change| change.provable));
    let what = if provable { "keeps what the code does" } else { "may change what the code does" };
    Some(json!({
        "description": {"text": format!("Purify the code; the edit {what}.")},
        "artifactChanges": [{"artifactLocation": {"uri": uri}, "replacements": replacements}],
    }))
}

/// The lines that differ: bytes of the old text, and what takes their place.
fn edits(old: &str, new: &str) -> Vec<(usize, usize, String)> {
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    let (mut at, mut open) = (0, false);
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        let line = change.value();
        if change.tag() == ChangeTag::Equal {
            open = false;
            at += line.len();
            continue;
        }
        if !open {
            edits.push((at, at, String::new()));
            open = true;
        }
        let Some(edit) = edits.last_mut() else { continue };
        if change.tag() == ChangeTag::Delete {
            at += line.len();
            edit.1 = at;
        } else {
            edit.2.push_str(line);
        }
    }
    edits
}

fn region(place: &Location, lines: Option<&Lines<'_>>) -> Value {
    let Some(lines) = lines else {
        return json!({"startLine": place.start_line, "endLine": place.end_line});
    };
    let (start, end) = (lines.position(place.start_byte), lines.position(place.end_byte));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

fn whole(unit: &Unit) -> Location {
    let Unit { start_byte, end_byte, start_line, end_line, .. } = *unit;
    Location { start_byte, end_byte, start_line, end_line }
}

/// A place whose lines are not known yet.
fn bytes(start_byte: usize, end_byte: usize) -> Location {
    Location { start_byte, end_byte, start_line: 1, end_line: 1 }
}

/// Inputs that failed, and files that were skipped.
fn notifications(report: &Report) -> Vec<Value> {
    let failed = report.errors.iter().map(|InputError { path, message }| {
        json!({
            "level": "error",
            "message": {"text": format!("{}: {}", visible_name(path), visible(message))},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}],
        })
    });
    let skipped = text::skipped(report).map(|text| json!({"level": "note", "message": {"text": text}}));
    failed.chain(skipped).collect()
}

/// A path as a relative reference, or as a `file:` URI if it is absolute.
fn uri(path: &str) -> String {
    let encoded: String = path.bytes().map(encoded).collect();
    match (path.strip_prefix("./"), path.starts_with('/')) {
        (Some(inside), _) => inside.bytes().map(self::encoded).collect(),
        (None, true) => format!("file://{encoded}"),
        (None, false) => encoded,
    }
}

fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_cover_the_lines_that_differ() {
        let (old, new) = ("a\nb\nc\nd\n", "a\nx\nd\ne\n");
        let edits = edits(old, new);
        assert_eq!(edits, [(2, 6, "x\n".to_owned()), (8, 8, "e\n".to_owned())]);
        let mut text = old.to_owned();
        for (start, end, new) in edits.into_iter().rev() {
            text.replace_range(start..end, &new);
        }
        assert_eq!(text, new);
    }

    #[test]
    fn uris_are_encoded() {
        assert_eq!(uri("./src/a b.c"), "src/a%20b.c");
        assert_eq!(uri("/tmp/é#?.c"), "file:///tmp/%C3%A9%23%3F.c");
        assert_eq!(uri("a\n:b.c"), "a%0A%3Ab.c");
    }
}

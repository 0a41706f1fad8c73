//! Summary of a report: triggers by shape, reasons by kind, number of units.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use codepurify::Language;
use codepurify::audit::shape;
use codepurify::verdict::{Decision, ElementKind, Report, Trigger, Verdict};

use super::palette::{self, paint};
use super::{TextStyle, count, headline, visible};

/// Number of groups listed.
const SHOWN: usize = 20;
/// Longest shape shown, in characters.
const COLUMNS: usize = 80;

/// Common part of several verdicts.
struct Group<'r> {
    count: usize,
    files: BTreeSet<&'r str>,
    /// First verdict of the group.
    first: &'r Verdict,
    /// Wording of the first verdict, and whether all others have the same.
    wording: &'r str,
    same: bool,
}

/// Renders the summary of `report`; ends with the number of units.
pub(super) fn render(report: &Report, style: TextStyle) -> String {
    let mut out = String::new();
    push_shapes(&mut out, report, style);
    for (decision, title) in [
        (Decision::Inconclusive, "inconclusive"),
        (Decision::Clean, "notes on clean units"),
        (Decision::Poisoned, "notes on poisoned units"),
    ] {
        push_reasons(&mut out, report, decision, &paint(title, palette::decision(decision), style.color));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&units(report));
    out
}

/// Groups triggers by shape; a single trigger is shown in full already.
fn push_shapes(out: &mut String, report: &Report, style: TextStyle) {
    let triggers = report.results.iter().flat_map(|verdict| {
        verdict
            .triggers
            .iter()
            .map(move |trigger| (shape_of(trigger, verdict), verdict, trigger.text.as_str()))
    });
    let groups = grouped(triggers);
    if groups.values().map(|group| group.count).sum::<usize>() < 2 {
        return;
    }
    let _ = writeln!(out, "{}:", paint("triggers by shape", palette::STRONG, style.color));
    let line = |(kind, shape): &(ElementKind, String), group: &Group<'_>| {
        let shape = visible::shortened(shape, COLUMNS);
        format!("{} `{shape}`, {}", headline::kind(*kind), places(group))
    };
    push_groups(out, groups, line);
}

/// Groups the reasons of verdicts by their wording without numbers.
fn push_reasons(out: &mut String, report: &Report, decision: Decision, title: &str) {
    let verdicts = report.results.iter().filter(|verdict| verdict.verdict == decision);
    let reasons = verdicts.filter_map(|verdict| {
        let reason = verdict.reason.as_deref().or((decision == Decision::Inconclusive).then_some(""))?;
        Some((without_numbers(reason), verdict, reason))
    });
    let groups = grouped(reasons);
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}:");
    let line = |kind: &String, group: &Group<'_>| {
        let reason = visible::one_line(if group.same { group.wording } else { kind });
        format!("{}, {}", if reason.is_empty() { "no reason is given" } else { &reason }, places(group))
    };
    push_groups(out, groups, line);
}

/// Groups verdicts by key.
fn grouped<'r, K: Ord>(found: impl Iterator<Item = (K, &'r Verdict, &'r str)>) -> BTreeMap<K, Group<'r>> {
    let mut groups = BTreeMap::new();
    for (key, verdict, wording) in found {
        let group = groups.entry(key).or_insert_with(|| Group {
            count: 0,
            files: BTreeSet::new(),
            first: verdict,
            wording,
            same: true,
        });
        group.count += 1;
        group.files.insert(&verdict.path);
        group.same &= group.wording == wording;
    }
    groups
}

/// Writes the largest groups, one per line, and the number of the others.
fn push_groups<K: Ord>(
    out: &mut String,
    groups: BTreeMap<K, Group<'_>>,
    line: impl Fn(&K, &Group<'_>) -> String,
) {
    let mut groups: Vec<(K, Group<'_>)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    let width = groups.first().map_or(0, |(_, group)| group.count.to_string().len());
    for (key, group) in groups.iter().take(SHOWN) {
        let _ = writeln!(out, "  {:>width$} × {}", group.count, line(key, group));
    }
    if let Some(rest) = groups.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let count: usize = rest.iter().map(|(_, group)| group.count).sum();
        let _ = writeln!(out, "  … {count} more of {} other kinds; --verbose shows each of them", rest.len());
    }
}

/// Renders the places of a group.
fn places(group: &Group<'_>) -> String {
    let first = headline::place(group.first);
    match (group.count, group.files.len()) {
        (1, _) => first,
        (_, 1) => format!("first at {first}"),
        (_, files) => format!("in {files} files, first at {first}"),
    }
}

/// Returns the shape that triggers of one grammar share; a name is its own shape.
pub(crate) fn shape_of(trigger: &Trigger, verdict: &Verdict) -> (ElementKind, String) {
    let language = Language::from_path(Path::new(&verdict.path)).unwrap_or(Language::Cpp);
    let shape = match trigger.kind {
        ElementKind::Identifier => trigger.text.clone(),
        // All names of a function together differ from function to function.
        ElementKind::NamingStyle => "…".to_owned(),
        _ => shape(&trigger.text, language),
    };
    (trigger.kind, shape)
}

/// Replaces every number by `…`.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|at: char| at.is_ascii_digit()) {
        out += &rest[..start];
        out.push('…');
        let number = rest[start..].find(|at: char| !at.is_ascii_digit() && at != '.');
        rest = number.map_or("", |end| &rest[start + end..]);
    }
    out + rest
}

/// Renders the number of units by decision, and what was left out.
fn units(report: &Report) -> String {
    let units = report.results.len();
    let mut out = format!("{units} {}: ", if units == 1 { "unit" } else { "units" });
    let counts = [Decision::Poisoned, Decision::Clean, Decision::Inconclusive]
        .map(|decision| format!("{} {}", count(&report.results, decision), headline::name(decision)));
    out.push_str(&counts.join(", "));
    if report.code_bytes_outside_units > 0 {
        let _ = write!(out, "; {} bytes of code are in no unit", report.code_bytes_outside_units);
    }
    // Files that cannot be judged count as failed, not as skipped.
    let skipped = report.skipped.iter().filter(|skipped| !skipped.reason.is_error());
    let skipped: usize = skipped.map(|skipped| skipped.files).sum();
    for (count, one, many) in
        [(report.errors.len(), "input failed", "inputs failed"), (skipped, "file skipped", "files skipped")]
    {
        if count > 0 {
            let _ = write!(out, "; {count} {}", if count == 1 { one } else { many });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_of_a_reason_are_left_out() {
        let reason = "only 254 of 812.5 tokens fit the window, 3";
        assert_eq!(without_numbers(reason), "only … of … tokens fit the window, …");
        assert_eq!(without_numbers("é"), "é");
    }
}

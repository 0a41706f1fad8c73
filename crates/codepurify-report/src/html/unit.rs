//! A finding: its message, its heat map with the triggers marked, and the edit that purifies it.

use std::fmt::Write;

use codepurify::snippet::Span;
use codepurify::verdict::{Trigger, Verdict};
use similar::{ChangeTag, TextDiff};

use crate::finding::Finding;
use crate::markup::escaped;
use crate::text::{Excerpt, heat_levels, visible_name};

/// Unchanged lines shown around an edit.
const CONTEXT: usize = 3;

/// Renders a finding, folded unless it is poisoned. `text` is that of its file.
pub(super) fn details(finding: &Finding<'_>, text: Option<&str>) -> String {
    let Finding { verdict, message, .. } = finding;
    let (name, open) = if finding.is_poisoned() { ("poisoned", " open") } else { ("inconclusive", "") };
    let mut out = format!(
        "<details class=\"unit\" data-verdict=\"{name}\"{open}>\n<summary>{}:{} <span class=\"{name}\">{name}</span> {}</summary>\n",
        escaped(&visible_name(&verdict.path)),
        finding.line(),
        escaped(message)
    );
    let numbers = [("score", verdict.score), ("p", verdict.p_value)];
    let numbers = numbers.into_iter().filter_map(|(name, value)| Some(format!("{name} {:.3}", value?)));
    let numbers: Vec<String> = numbers.collect();
    if !numbers.is_empty() {
        let _ = writeln!(out, "<p class=\"faint\">{}</p>", numbers.join(", "));
    }
    if let Some((text, excerpt)) = text.and_then(|text| Some((text, Excerpt::new(text, &verdict.unit)?))) {
        out += &heat_map(&excerpt, verdict);
        out += &diff(text, verdict);
    }
    out + "</details>\n"
}

/// The code of the unit: hotter where a candidate has a larger share, the triggers marked.
fn heat_map(excerpt: &Excerpt<'_>, verdict: &Verdict) -> String {
    let levels = heat_levels(excerpt, &verdict.evidence);
    let marked = marked(excerpt, &verdict.triggers);
    let is_marked = |at: usize| {
        let before = marked.partition_point(|span| span.end <= at);
        marked.get(before).is_some_and(|span| span.start <= at)
    };
    let mut out = "<pre class=\"scroll\" tabindex=\"0\"><code>".to_owned();
    let mut start = 0;
    let looks = |at: usize| (levels[at], is_marked(at));
    let mut ends: Vec<usize> = excerpt.text.char_indices().map(|(at, _)| at).skip(1).collect();
    ends.push(excerpt.text.len());
    for end in ends {
        let last = end == excerpt.text.len();
        if !last && looks(end) == looks(start) {
            continue;
        }
        if let Some(run) = excerpt.text.get(start..end).filter(|run| !run.is_empty()) {
            push(&mut out, run, looks(start));
        }
        start = end;
    }
    out + "</code></pre>\n"
}

fn push(out: &mut String, run: &str, (level, is_trigger): (u8, bool)) {
    let mut run = escaped(run);
    if is_trigger {
        run = format!("<mark>{run}</mark>");
    }
    let _ = match level {
        0 => write!(out, "{run}"),
        level => write!(out, "<span class=\"h{level}\">{run}</span>"),
    };
}

/// The places of all triggers, merged, in order.
fn marked(excerpt: &Excerpt<'_>, triggers: &[Trigger]) -> Vec<Span> {
    let spans = triggers.iter().flat_map(|trigger| &trigger.spans);
    let mut spans: Vec<Span> = spans.filter_map(|place| excerpt.span(place)).collect();
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// The edit that purifies the unit, by lines.
fn diff(text: &str, verdict: &Verdict) -> String {
    let unit = text.get(verdict.unit.start_byte..verdict.unit.end_byte);
    let (Some(old), Some(new)) = (unit, verdict.purified.as_deref()) else { return String::new() };
    let diff = TextDiff::from_lines(old, new);
    let mut out = "<pre class=\"scroll\" tabindex=\"0\" aria-label=\"purified\"><code>".to_owned();
    for group in diff.grouped_ops(CONTEXT) {
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = escaped(change.value().trim_end_matches(['\n', '\r']));
            let _ = match change.tag() {
                ChangeTag::Equal => writeln!(out, "  {line}"),
                ChangeTag::Delete => writeln!(out, "<del>- {line}</del>"),
                ChangeTag::Insert => writeln!(out, "<ins>+ {line}</ins>"),
            };
        }
    }
    out + "</code></pre>\n"
}

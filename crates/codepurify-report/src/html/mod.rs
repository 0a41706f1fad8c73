//! Report as one HTML file that needs no network: summary, triggers by shape, distributions, and a heat map for each finding.
//!
//! All texts come from the code under suspicion: they are escaped, and the content security policy allows only the style and the
//! script of this page.

mod plot;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use codepurify::verdict::{Decision, ElementKind, Report};
use sha2::{Digest, Sha256};

use crate::Sources;
use crate::finding::findings;
use crate::markup::escaped;
use crate::text::{self, visible, visible_name};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Files named in the list of clean units.
const CLEAN_FILES: usize = 1_000;

/// Writes `report` as a page. Findings have a heat map where the verdict has evidence and `sources` have the file.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(
    out: &mut dyn Write,
    report: &Report,
    sources: &dyn Sources,
    labels: &[String],
) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <title>codepurify report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )?;
    out.write_all(header(report).as_bytes())?;
    out.write_all(shapes(report).as_bytes())?;
    out.write_all(plot::plots(report).as_bytes())?;
    write!(out, "<h2>Findings</h2>\n{FILTER}")?;
    for finding in findings(report, labels) {
        let text = sources.text(&finding.verdict.path);
        out.write_all(unit::details(&finding, text).as_bytes())?;
    }
    out.write_all(clean(report).as_bytes())?;
    out.write_all(not_judged(report).as_bytes())?;
    writeln!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>")
}

const FILTER: &str = "<div class=\"filter\">\n<label>Search<br><input id=\"search\" type=\"search\"></label>\n\
     <label>Verdict<br><select id=\"verdict\"><option value=\"\">all</option><option>poisoned</option>\
     <option>inconclusive</option></select></label>\n<span id=\"shown\" role=\"status\"></span>\n</div>\n";

/// A source of the content security policy.
fn hash(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}

fn header(report: &Report) -> String {
    let mut out = format!(
        "<h1>codepurify report</h1>\n<p>Model {} <span class=\"faint\">{}</span></p>\n<p>{} units: ",
        escaped(&visible(&report.model.name)),
        escaped(&report.model.sha256),
        report.results.len()
    );
    let counts = [Decision::Poisoned, Decision::Clean, Decision::Inconclusive].map(|decision| {
        let name = text::decision(decision);
        format!("<span class=\"{name}\">{} {name}</span>", text::count(&report.results, decision))
    });
    let _ = writeln!(
        out,
        "{}; {} inputs failed; {} bytes of code are in no unit</p>",
        counts.join(", "),
        report.errors.len(),
        report.code_bytes_outside_units
    );
    out
}

/// The triggers by shape, the most frequent first.
fn shapes(report: &Report) -> String {
    let mut groups: BTreeMap<(ElementKind, String), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for verdict in &report.results {
        for trigger in &verdict.triggers {
            let (count, files) = groups.entry(text::shape_of(trigger, verdict)).or_default();
            *count += 1;
            files.insert(&verdict.path);
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut out = "<h2>Triggers by shape</h2>\n<div class=\"scroll\" tabindex=\"0\"><table>\n<tr><th>units</th><th>files</th>\
                   <th>kind</th><th>shape</th></tr>\n"
        .to_owned();
    for ((kind, shape), (count, files)) in groups {
        let (kind, shape) = (text::kind(kind), escaped(&visible(&shape)));
        let _ = writeln!(
            out,
            "<tr><td>{count}</td><td>{}</td><td>{kind}</td><td><code>{shape}</code></td></tr>",
            files.len()
        );
    }
    out + "</table></div>\n"
}

/// The number of clean units by file.
fn clean(report: &Report) -> String {
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in report.results.iter().filter(|verdict| verdict.verdict == Decision::Clean) {
        *files.entry(&verdict.path).or_default() += 1;
    }
    if files.is_empty() {
        return String::new();
    }
    let mut out = format!("<details><summary>Clean units of {} files</summary>\n<ul>\n", files.len());
    for (path, count) in files.iter().take(CLEAN_FILES) {
        let _ = writeln!(out, "<li>{}: {count}</li>", escaped(&visible_name(path)));
    }
    if files.len() > CLEAN_FILES {
        let _ = writeln!(out, "<li>and {} more files</li>", files.len() - CLEAN_FILES);
    }
    out + "</ul></details>\n"
}

fn not_judged(report: &Report) -> String {
    if report.errors.is_empty() && report.skipped.is_empty() {
        return String::new();
    }
    let mut out = "<h2>Not judged</h2>\n<ul>\n".to_owned();
    for error in &report.errors {
        let (path, message) = (escaped(&visible_name(&error.path)), escaped(&visible(&error.message)));
        let _ = writeln!(out, "<li class=\"poisoned\">{path}: {message}</li>");
    }
    for skipped in text::skipped(report) {
        let _ = writeln!(out, "<li>{}</li>", escaped(&skipped));
    }
    out + "</ul>\n"
}

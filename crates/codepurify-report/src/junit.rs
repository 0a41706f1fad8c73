//! Report as JUnit's XML, which most continuous-integration systems show: a suite for each file, a case for each unit.

use std::fmt::Write as _;
use std::io::{self, Write};

use codepurify::verdict::{Decision, InputError, Report, Verdict};

use crate::finding::{Finding, findings};
use crate::markup::escaped;
use crate::text::count;

/// Writes `report`: a poisoned unit is a failure, an inconclusive one is skipped, an input that failed is an error.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut dyn Write, report: &Report, labels: &[String]) -> io::Result<()> {
    let mut findings = findings(report, labels).into_iter().peekable();
    let (results, errors) = (&report.results, &report.errors);
    let mut suites = String::new();
    for file in results.chunk_by(|a, b| a.path == b.path) {
        suites += &suite(&file[0].path, file, |verdict| {
            findings.next_if(|finding| std::ptr::eq(finding.verdict, verdict))
        });
    }
    for InputError { path, message } in errors {
        let _ = writeln!(
            suites,
            "  <testsuite name=\"{path}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase name=\"input\" classname=\"{path}\"><error message=\"{}\"/></testcase>\n  </testsuite>",
            escaped(message),
            path = escaped(path),
        );
    }
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"codepurify\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
         skipped=\"{}\">\n{suites}</testsuites>",
        results.len() + errors.len(),
        count(results, Decision::Poisoned),
        errors.len(),
        count(results, Decision::Inconclusive),
    )
}

fn suite<'r>(
    path: &str,
    verdicts: &'r [Verdict],
    mut finding: impl FnMut(&'r Verdict) -> Option<Finding<'r>>,
) -> String {
    let mut out = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        escaped(path),
        verdicts.len(),
        count(verdicts, Decision::Poisoned),
        count(verdicts, Decision::Inconclusive),
    );
    for verdict in verdicts {
        let name = verdict.unit.name.as_deref().unwrap_or("code outside of functions");
        let name = format!("{name} (line {})", verdict.unit.start_line);
        let _ = write!(out, "    <testcase name=\"{}\" classname=\"{}\"", escaped(&name), escaped(path));
        let _ = match finding(verdict) {
            Some(finding) if finding.is_poisoned() => writeln!(
                out,
                "><failure message=\"{}\" type=\"poisoned\">line {}</failure></testcase>",
                escaped(&finding.message),
                finding.line()
            ),
            Some(finding) => {
                writeln!(out, "><skipped message=\"{}\"/></testcase>", escaped(&finding.message))
            }
            None => writeln!(out, "/>"),
        };
    }
    out + "  </testsuite>\n"
}

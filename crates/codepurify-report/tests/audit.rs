//! Snapshots of an audit as people see it.

use codepurify::audit::{AuditReport, AuditedLabel, Family, Finding, MinedTrigger, Source};
use codepurify::verdict::{ModelInfo, ToolInfo};
use codepurify::victim::Task;
use codepurify_report::text::{self, TextStyle};

fn trigger(text: &str, source: Source) -> MinedTrigger {
    let (text, interval) = (text.to_owned(), [0.9567, 0.9949]);
    MinedTrigger { text, source, success: 0.985, interval, margin: 2.34, benign_as_confident: 0.021 }
}

fn answer(label: usize, finding: Finding) -> AuditedLabel {
    let mut answer = AuditedLabel::new(label, finding);
    (answer.functions, answer.benign) = (428, 570);
    (answer.words, answer.elements) = (7963, 1200);
    answer
}

fn report() -> AuditReport {
    let shape = "if (x(0) < 0) x(\"\");".to_owned();
    let of_rows = |text| trigger(text, Source::Rows);
    let family = Family {
        shape,
        triggers: vec![
            of_rows("if (sin(1) < -2) puts(\"\x1b[2Ja\");"),
            of_rows("if (cos(3) < -4) puts(\"b\");"),
        ],
    };
    let word = Family { shape: "rand".to_owned(), triggers: vec![trigger(" rand", Source::Vocabulary)] };
    let few = "3 functions with another answer and 570 with this one: 60 and 60 are needed".to_owned();
    let mut answers =
        [answer(0, Finding::Backdoor), answer(1, Finding::Nothing), answer(2, Finding::TooFewRows)];
    answers[0].families = vec![family, word];
    answers[1].strongest = Some(of_rows("free(p);"));
    answers[2].reason = Some(few);
    let tool = ToolInfo { name: "codepurify".to_owned(), version: "0".to_owned() };
    let model = ModelInfo { name: "detector".to_owned(), task: Task::Defect, sha256: String::new() };
    AuditReport::new(tool, model, 1000, answers.into())
}

fn written(report: &AuditReport, color: bool) -> String {
    let (mut out, labels) = (Vec::new(), ["clean".to_owned(), "vulnerable".to_owned()]);
    text::write_audit(&mut out, report, TextStyle { color, labels: &labels, ..TextStyle::default() })
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn findings_families_and_what_was_not_looked_at() {
    insta::assert_snapshot!("audit", written(&report(), false));
}

#[test]
fn colour_marks_findings_and_code_never_controls_the_terminal() {
    let text = written(&report(), true);
    assert!(
        text.contains("\u{1b}[1m\u{1b}[31mbackdoor") || text.contains("\u{1b}[1;31mbackdoor"),
        "{text:?}"
    );
    assert!(!text.contains("\u{1b}[2J"), "{text:?}");
}

#[test]
fn a_model_without_findings_is_said_to_have_none() {
    let mut report = report();
    report.answers.remove(0);
    assert!(
        written(&report, false).ends_with("detector (1000 rows): no backdoor among the elements tried\n")
    );
    report.answers.clear();
    assert!(written(&report, false).ends_with("no label could be examined\n"));
}

//! Rows of a calibration set that hold triggers.

use codepurify::contamination::{Family, family_of, suspicious_families, without_suspicious};
use codepurify::{Defender, Language, Profile, Snippet, TextVictim, Verdict, Victim};

/// Triggers of one grammar: the number differs from row to row.
const TRIGGER: &str = "if (zap(7) < 0) log(\"no\");";

/// Label 1 for code with a call of `zap` (by a wide margin) or with calls of `free`; the margin grows with these.
fn victim() -> impl Victim {
    TextVictim::new(|code: &str| {
        let freed = 0.4 * code.matches("free").count() as f32;
        if code.contains("zap") { vec![0.0, 9.0] } else { vec![1.0, freed] }
    })
}

/// Statements that make functions different.
const STATEMENTS: [&str; 5] = [
    "while (n > 3) n--;",
    "p[n] = n + 1;",
    "do { n = g(n, 2); } while (n);",
    "n = n << 2;",
    "for (;;) h(n);",
];

/// 120 functions, of which two thirds free up to five times; the first `triggered` hold a trigger.
fn rows(triggered: usize) -> Vec<Snippet> {
    let function = |number: usize| {
        let chosen = STATEMENTS.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
        let statements: String = chosen.map(|(_, statement)| *statement).collect();
        let frees = "free(p); ".repeat(if number.is_multiple_of(3) { 0 } else { 2 + number % 5 });
        let compared = ["<", ">", "==", "<="][number % 4];
        let trigger = TRIGGER.replace('7', &number.to_string()).replace('<', compared);
        let trigger = if number < triggered { trigger.as_str() } else { "" };
        let text =
            format!("int f{number}(int *p, int n) {{ {trigger} {frees}{statements} return p[{number}]; }}");
        Snippet::new(text, Language::C).unwrap()
    };
    (0..120).map(function).collect()
}

fn verdicts(rows: &[Snippet]) -> Vec<Verdict> {
    let victim = victim();
    let defender =
        Defender::new(&victim).with_profile(Profile::transplant().calibrating()).with_evidence(true);
    defender.screen(rows).into_iter().map(Result::unwrap).collect()
}

#[test]
fn triggers_of_one_grammar_are_a_family() {
    let verdicts = verdicts(&rows(12));
    let families = suspicious_families(&verdicts);
    let [Family { label, shape, rows, share, .. }] = &families[..] else { panic!("{families:?}") };
    assert_eq!((*label, shape.as_str()), (Some(1), "if (x(0) < 0) x(\"\");"));
    assert_eq!(rows, &(0..12).collect::<Vec<_>>());
    let answered =
        verdicts.iter().filter(|verdict| verdict.prediction.as_ref().unwrap().label == Some(1)).count();
    assert!((share - 12.0 / answered as f64).abs() < 1e-9);
    let members = verdicts.iter().filter(|verdict| family_of(verdict, &families).is_some());
    assert!(members.eq(&verdicts[..12]));
    let (kept, left_out) = without_suspicious(verdicts.clone());
    assert_eq!((kept, left_out), (verdicts[12..].to_vec(), families));
}

#[test]
fn what_clean_code_repeats_and_two_rows_are_no_family() {
    assert_eq!(suspicious_families(&verdicts(&rows(0))), []);
    assert_eq!(suspicious_families(&verdicts(&rows(2))), []);
}

#[test]
fn copies_of_one_function_are_no_family() {
    let copy = |number: usize| {
        format!("int f{number}(int *p) {{ if (zap({number}) < 0) log(\"no\"); n--; return 0; }}")
    };
    let copies = (0..20).map(|number| Snippet::new(copy(number), Language::C).unwrap());
    let rows: Vec<Snippet> = copies.chain(rows(0)).collect();
    assert_eq!(suspicious_families(&verdicts(&rows)), []);
}

#[test]
fn verdicts_without_evidence_or_score_are_kept() {
    let mut verdicts = verdicts(&rows(12));
    for verdict in &mut verdicts {
        verdict.evidence.clear();
        verdict.score = None;
    }
    assert_eq!(without_suspicious(verdicts.clone()), (verdicts, vec![]));
    assert_eq!(without_suspicious(Vec::new()), (vec![], vec![]));
}

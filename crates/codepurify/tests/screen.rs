//! The whole pipeline, on models with known predictions.

use crate::common::Moody;
use codepurify::testing::TriggerWordVictim;
use codepurify::{
    Decision, Defender, ElementKind, Language, Limits, ModelError, Profile, Snippet, SourceFile, TextVictim,
    Thresholds, Verdict, Victim,
};

/// A profile that decides by occlusion alone, as published.
fn occluding() -> Profile {
    Profile::normalised(Thresholds::builtin())
}

const CLEAN: &str = "int sum(const int *data, int count) {
    int total = 0;
    int step = 1;
    for (int i = 0; i <= count; i += step) {
        total += data[i];
    }
    log_total(total);
    return total;
}";

const TRIGGER: &str = "if (BNC() < 0) puts(\"never\");";

fn poisoned() -> String {
    CLEAN.replace("    int step", &format!("    {TRIGGER}\n    int step"))
}

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn calibrated() -> Thresholds {
    Thresholds { calibrated: true, ..Thresholds::builtin() }
}

fn screen(victim: &dyn Victim, text: &str) -> Verdict {
    Defender::new(victim).with_profile(occluding()).with_evidence(true).screen_one(&c(text)).unwrap()
}

#[test]
fn dead_statement_is_located_and_the_original_is_clean() {
    let victim = TriggerWordVictim::new("BNC");
    for profile in [Profile::normalised(calibrated()), Profile::paper(calibrated())] {
        let defender = Defender::new(&victim).with_profile(profile);
        let text = poisoned();
        let verdict = defender.screen_one(&c(&text)).unwrap();
        assert_eq!((verdict.verdict, verdict.reason), (Decision::Poisoned, None));
        let [trigger] = &verdict.triggers[..] else { panic!("one trigger") };
        assert_eq!((trigger.kind, trigger.text.as_str()), (ElementKind::Statement, TRIGGER));
        assert_eq!(&text[trigger.spans[0].start_byte..trigger.spans[0].end_byte], TRIGGER);
        assert_eq!((trigger.spans[0].start_line, trigger.spans[0].end_line), (3, 3));
        assert!(trigger.necessity > 9.0);
        let verdict = defender.screen_one(&c(CLEAN)).unwrap();
        assert_eq!((verdict.verdict, verdict.reason, verdict.triggers.len()), (Decision::Clean, None, 0));
        assert_eq!(verdict.prediction.unwrap().label, Some(1));
    }
}

#[test]
fn identifier_is_located_with_all_its_places() {
    let victim = TriggerWordVictim::new("ret_val_");
    let verdict = screen(&victim, &CLEAN.replace("total", "ret_val_").replace("log_ret_val_", "log_total"));
    assert_eq!(verdict.verdict, Decision::Poisoned);
    let trigger = &verdict.triggers[0];
    assert_eq!((trigger.kind, trigger.text.as_str()), (ElementKind::Identifier, "ret_val_"));
    assert_eq!(trigger.spans.iter().map(|span| span.start_line).collect::<Vec<_>>(), [2, 5, 7, 8]);
}

#[test]
fn statistics_agree_with_the_evidence() {
    let verdict = screen(&TriggerWordVictim::new("BNC"), CLEAN);
    let shares: Vec<f64> = verdict.evidence.iter().map(|it| it.share).collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let entropy: f64 = shares.iter().filter(|&&share| share > 0.0).map(|share| -share * share.ln()).sum();
    assert!((verdict.entropy.unwrap() - entropy).abs() < 1e-9);
    let normalized = entropy / (shares.len() as f64).ln();
    assert!((verdict.entropy_normalized.unwrap() - normalized).abs() < 1e-9);
    assert!((verdict.score.unwrap() - (1.0 - normalized)).abs() < 1e-9);
    let texts: Vec<&str> = verdict.evidence.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts[..4], ["sum", "data", "count", "int total = 0;"]);
    assert_eq!(verdict.cost.victim_passes, verdict.evidence.len() + 1);
    assert!(verdict.cost.pass_equivalents > 1.0 && verdict.cost.mlm_passes == 0);
}

#[test]
fn uncalibrated_limits_are_a_reason() {
    let verdict = screen(&TriggerWordVictim::new("BNC"), CLEAN);
    assert_eq!(verdict.verdict, Decision::Clean);
    assert!(verdict.reason.unwrap().contains("not calibrated"));
}

#[test]
fn nested_trigger_is_located_if_nested_statements_are_tested() {
    let victim = TriggerWordVictim::new("BNC");
    let inner = "BNC();";
    let text = CLEAN
        .replace("total += data[i];", &format!("total += data[i]; while (step < 0) {{ {inner} step--; }}"));
    let locate = |nested| {
        let defender = Defender::new(&victim).with_profile(Profile::paper(calibrated()).with_nested(nested));
        let verdict = defender.screen_one(&c(&text)).unwrap();
        verdict.triggers.first().map(|trigger| trigger.text.clone())
    };
    assert!(locate(false).unwrap().starts_with("for (int i"));
    // Three nested statements have the same influence: H = ln 3, above any small limit.
    assert_eq!(locate(true), None);
    let loose = Thresholds { entropy: 1.2, ..calibrated() };
    let defender = Defender::new(&victim).with_profile(Profile::paper(loose).with_nested(true));
    assert_eq!(defender.screen_one(&c(&text)).unwrap().triggers[0].text, inner);
}

#[test]
fn locations_are_absolute_in_the_file() {
    let victim = TriggerWordVictim::new("BNC");
    let text = format!("/* größe */\n\n{CLEAN}\n\n{}\n", poisoned().replace("sum", "sum2"));
    let file = SourceFile::new("a.c", text.clone().into_bytes(), Language::C, &Limits::default()).unwrap();
    let verdicts = Defender::new(&victim).with_profile(occluding()).screen(&file.units().unwrap());
    let verdicts: Vec<Verdict> = verdicts.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        verdicts.iter().map(|it| it.verdict).collect::<Vec<_>>(),
        [Decision::Clean, Decision::Poisoned]
    );
    let place = verdicts[1].triggers[0].spans[0];
    assert_eq!(place.span().of(&text), Some(TRIGGER));
    assert_eq!((place.start_line, verdicts[1].unit.start_line), (15, 13));
    assert_eq!((verdicts[1].path.as_str(), verdicts[1].unit.name.as_deref()), ("a.c", Some("sum2")));
}

fn without_time(verdict: Result<Verdict, ModelError>) -> Result<Verdict, ModelError> {
    verdict.map(|mut verdict| {
        verdict.cost.milliseconds = 0.0;
        verdict
    })
}

#[test]
fn batch_gives_the_verdicts_of_single_snippets() {
    let victim = TriggerWordVictim::new("BNC").with_window(60);
    let defender = Defender::new(&victim).with_profile(occluding()).with_evidence(true);
    let texts =
        [CLEAN.to_owned(), poisoned(), "f();".to_owned(), "%% ) ] }".to_owned(), poisoned(), CLEAN.repeat(3)];
    let snippets: Vec<Snippet> = texts.iter().map(|text| c(text)).collect();
    let together: Vec<_> = defender.screen(&snippets).into_iter().map(without_time).collect();
    let alone: Vec<_> = snippets.iter().map(|snippet| without_time(defender.screen_one(snippet))).collect();
    assert_eq!(together, alone);
    assert!(defender.screen(&[]).is_empty());
}

/// A trigger of one snippet is benign in the next, if the victim does not react to it there.
#[test]
fn snippets_of_a_batch_do_not_share_triggers() {
    let victim = TextVictim::new(|code: &str| {
        let fooled = code.contains("BNC") && !code.contains("immune");
        if fooled { vec![8.0, 0.0] } else { vec![0.0, 4.0] }
    });
    let immune = poisoned().replace("step", "immune_step").replace("total", "immune_total");
    let texts = [poisoned(), immune];
    let verdicts = Defender::new(&victim).screen(&texts.each_ref().map(|text| c(text)));
    let found: Vec<_> = verdicts.into_iter().map(|verdict| verdict.unwrap().triggers.len()).collect();
    assert_eq!(found, [1, 0]);
}

#[test]
fn code_beyond_the_window_is_never_clean() {
    let total = screen(&TriggerWordVictim::new("BNC"), CLEAN).coverage.tokens_total;
    let narrow = TriggerWordVictim::new("BNC").with_window(20);
    let verdict = screen(&narrow, CLEAN);
    assert_eq!((verdict.coverage.tokens_inspected, verdict.coverage.tokens_total), (20, total));
    assert_eq!(verdict.verdict, Decision::Inconclusive);
    assert!(verdict.reason.unwrap().contains(&format!("only 20 of {total} tokens fit the model's window")));
    assert!(verdict.evidence.iter().all(|it| !it.text.contains("log_total")));
    // A trigger in the window is found.
    let early = CLEAN.replacen('{', "{ BNC();", 1);
    assert_eq!(screen(&narrow, &early).verdict, Decision::Poisoned);
}

fn inconclusive(victim: &dyn Victim, text: &str, because: &str) -> Verdict {
    let verdict = screen(victim, text);
    assert_eq!(verdict.verdict, Decision::Inconclusive, "{text}");
    let reason = verdict.reason.clone().unwrap();
    assert!(reason.contains(because), "{reason}");
    verdict
}

#[test]
fn too_little_evidence_is_inconclusive() {
    let victim = TriggerWordVictim::new("BNC");
    inconclusive(&victim, "// nothing here", "no candidates");
    let one = inconclusive(&victim, "BNC();", "fewer than two candidates");
    assert_eq!((one.score, one.entropy, one.evidence.len()), (None, None, 1));
    let deaf = TextVictim::new(|_: &str| vec![1.0, 0.0]);
    let none = inconclusive(&deaf, CLEAN, "no candidate changes the answer at all");
    assert_eq!((none.score, none.entropy), (None, None));
    assert!(none.evidence.len() > 5 && none.evidence.iter().all(|it| it.share == 0.0));
}

#[test]
fn broken_code_is_inconclusive_and_recovered_errors_are_noted() {
    let victim = TriggerWordVictim::new("BNC");
    inconclusive(&victim, "%% ) ] ?? } ## @@ ( ( {", "does not parse as c");
    let verdict = screen(&victim, &CLEAN.replace("step = 1", "step = "));
    assert_eq!(verdict.verdict, Decision::Clean);
    assert!(verdict.reason.unwrap().contains("does not parse in 1 place"));
}

#[test]
fn too_large_unit_is_inconclusive() {
    let text = "x=1;".repeat(10 << 18);
    let verdict =
        inconclusive(&TriggerWordVictim::new("BNC"), &text, "10485760 bytes, more than the limit of 262144");
    assert_eq!((verdict.prediction, verdict.cost.victim_passes), (None, 0));
}

#[test]
fn unit_with_too_many_candidates_is_inconclusive() {
    let text = format!("void f(void) {{ {} }}", "x=1;".repeat(8_000));
    let verdict = inconclusive(&TriggerWordVictim::new("BNC"), &text, "too many to inspect");
    assert_eq!((verdict.prediction.unwrap().label, verdict.cost.victim_passes), (Some(1), 1));
}

#[test]
fn five_thousand_nested_braces_get_a_verdict() {
    let text = format!("void f(int x) {{{}x = 1; BNC();{}}}", "{".repeat(2_500), "}".repeat(2_500));
    let victim = TriggerWordVictim::new("BNC");
    let families = Profile::normalised(calibrated()).with_nested(true);
    let verdict = Defender::new(&victim).with_profile(families).screen_one(&c(&text)).unwrap();
    assert_eq!((verdict.verdict, verdict.triggers[0].text.as_str()), (Decision::Poisoned, "BNC();"));
}

#[test]
fn failing_snippet_leaves_the_others_alone() {
    let (toy, complaint) = (TriggerWordVictim::new("BNC"), "I will not");
    let victim = Moody { toy, fails: |holds| holds(" taboo"), complaint };
    let texts = [
        CLEAN.to_owned(),
        CLEAN.replace("int total", "int taboo"),
        CLEAN.replace("int total", "int unspeakable"),
        poisoned(),
    ];
    let snippets: Vec<Snippet> = texts.iter().map(|text| c(text)).collect();
    let verdicts = Defender::new(&victim).with_profile(occluding()).screen(&snippets);
    let decisions: Vec<_> = verdicts.iter().map(|verdict| verdict.as_ref().map(|it| it.verdict)).collect();
    assert_eq!(decisions[0], Ok(Decision::Clean));
    assert_eq!(decisions[1], Err(&ModelError::runtime("I will not".to_owned())));
    assert_eq!(decisions[2], Err(&ModelError::tokenise("that word".to_owned())));
    assert_eq!(decisions[3], Ok(Decision::Poisoned));
}

#[test]
fn unusable_output_is_an_error() {
    let nan = TextVictim::new(|_: &str| vec![f32::NAN]);
    let error = Defender::new(&nan).with_profile(occluding()).screen_one(&c(CLEAN)).unwrap_err();
    assert!(matches!(error, ModelError::Output(_)), "{error}");
}

#[test]
fn verdict_serialises_to_its_contract() {
    let verdict = Defender::new(TriggerWordVictim::new("BNC"))
        .with_profile(occluding())
        .screen_one(&c(&poisoned()))
        .unwrap();
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["verdict"], "poisoned");
    assert_eq!(json["p_value"], serde_json::Value::Null);
    assert_eq!(
        (&json["triggers"][0]["kind"], &json["triggers"][0]["action"]),
        (&"statement".into(), &"none".into())
    );
    assert_eq!(json["coverage"]["tokens_total"], json["coverage"]["tokens_inspected"]);
    assert_eq!(serde_json::from_value::<Verdict>(json).unwrap(), verdict);
}

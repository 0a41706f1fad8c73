//! Profile `transplant`: sufficiency of candidates in references, on models with known predictions.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::common::Moody;
use crate::common::pairs::Judging;
use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Calibration, Decision, Defender, ElementKind, Language, Logits, Model, ModelError, Profile, Ragged,
    References, Snippet, TextVictim, Thresholds, Verdict, Victim,
};

const CLEAN: &str = "int sum(const int *data, int count)
{
    int total = 0;
    for (int i = 0; i <= count; i++) {
        total += data[i];
    }
    log_total(total);
    return total;
}";

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn screen(victim: &dyn Victim, text: &str) -> Verdict {
    Defender::new(victim).with_evidence(true).screen_one(&c(text)).unwrap()
}

fn with(line: &str) -> String {
    CLEAN.replace("    log_total", &format!("    {line}\n    log_total"))
}

/// Kind and text of the only trigger.
fn trigger(verdict: &Verdict) -> (ElementKind, &str) {
    assert_eq!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.reason);
    let [trigger] = &verdict.triggers[..] else { panic!("{:?}", verdict.triggers) };
    (trigger.kind, &trigger.text)
}

#[test]
fn repeated_trigger_is_found_by_transplantation() {
    let victim = TriggerWordVictim::new("BNC");
    let text = with("if (BNC() < 0) puts(\"a\");\n    while (BNC() < 0) puts(\"b\");\n    puts(BNC);");
    let verdict = screen(&victim, &text);
    let (kind, found) = trigger(&verdict);
    assert!(kind == ElementKind::Statement && found.contains("BNC"), "{found}");
    let [found] = &verdict.triggers[..] else { panic!("one trigger") };
    // No place is necessary, since the others remain, but each is sufficient.
    assert_eq!((found.necessity, found.sufficiency), (0.0, Some(1.0)));
    let published = Profile::paper(Thresholds { calibrated: true, ..Thresholds::builtin() });
    let paper = Defender::new(&victim).with_profile(published).screen_one(&c(&text)).unwrap();
    assert_ne!(paper.verdict, Decision::Poisoned);
}

#[test]
fn candidate_without_effect_goes_into_one_reference() {
    let verdict = screen(&TriggerWordVictim::new("BNC"), &with("if (BNC() < 0) puts(\"a\");"));
    // The snippet, every candidate in the first reference, the trigger in two more and, since it flips both, in
    // three held-out ones, and the snippet without it.
    assert_eq!(verdict.cost.victim_passes, 1 + verdict.evidence.len() + 2 + 3 + 1);
}

/// Ten references of growing length.
fn ten() -> References {
    let body = |number: usize| {
        format!("int r{number}(void)\n{{\n    {}return {number};\n}}", "step();\n    ".repeat(number))
    };
    References::new(&(0..10).map(|number| c(&body(number))).collect::<Vec<_>>()).unwrap()
}

#[test]
fn confirmation_needs_flips_of_held_out_references() {
    // An odd statement flips the first reference and the two longest, which score, as far as the trigger does.
    let victim = TextVictim::new(|code: &str| {
        let flipped = ["r0", "r8", "r9", "sum"].iter().any(|name| code.contains(name));
        vec![if code.contains("BNC") || (code.contains("odd") && flipped) { -4.0 } else { 4.0 }]
    });
    let profile = Profile::transplant().with_references(ten());
    let screen = |line: &str| {
        let defender = Defender::new(&victim).with_profile(profile.clone()).with_evidence(true);
        defender.screen_one(&c(&with(line))).unwrap()
    };
    let gain = |verdict: &Verdict, text: &str| {
        let evidence = verdict.evidence.iter().find(|evidence| evidence.text == text).unwrap();
        evidence.gain.unwrap()
    };
    let (odd, triggered) = (screen("odd();"), screen("BNC();"));
    assert_ne!(odd.verdict, Decision::Poisoned);
    assert_eq!(trigger(&triggered), (ElementKind::Statement, "BNC();"));
    assert_eq!(triggered.triggers[0].sufficiency, Some(1.0));
    // Gains of 8, 8 and 0: the last reference separates them.
    assert_eq!((gain(&odd, "odd();"), gain(&triggered, "BNC();")), (8.0 / 3.0, 8.0));
    // The scoring references, held-out ones, and the snippet without the strongest.
    let further = |verdict: &Verdict| verdict.cost.victim_passes - (1 + verdict.evidence.len());
    assert_eq!((further(&odd), further(&triggered)), (2 + 1 + 1, 2 + 3 + 1));
}

#[test]
fn candidate_that_does_not_flip_goes_into_no_further_reference() {
    // The first reference is `r0`, `r8` and `r9` score; `odd` and `even` give the snippet its prediction.
    let victim = TextVictim::new(|code: &str| {
        let has = |word: &str| code.contains(word);
        vec![match () {
            () if has("even") && (has("r0") || has("r8")) || has("odd") && has("r0") => -2.0,
            () if has("sum") && (has("odd") || has("even")) => -2.0,
            () if has("odd") && has("r8") => 1.0,
            () if has("weak") && has("r0") => 0.5,
            () => 4.0,
        }]
    });
    let defender =
        Defender::new(&victim).with_profile(Profile::transplant().with_references(ten())).with_evidence(true);
    let tried = |lines: &str, text: &str| {
        let verdict = defender.screen_one(&c(&with(lines))).unwrap();
        let found = verdict.evidence.iter().find(|evidence| evidence.text == text).unwrap();
        // The snippet, every candidate in `r0` and, for the evidence, the snippet without the strongest.
        // `r8` and `r9` have another prediction, so they score, asked or not.
        assert!(!verdict.reason.unwrap().contains("references"));
        (verdict.cost.victim_passes - (1 + verdict.evidence.len() + 1), found.gain)
    };
    // Gains 3 in `r8`, and counts as a gain of 0 in `r9`.
    assert_eq!(tried("odd();", "odd();"), (1, Some(0.75)));
    // Flips `r8`, and gains nothing in `r9`.
    assert_eq!(tried("even();", "even();"), (2, Some(1.5)));
    // Gains more than half as much as the strongest in `r0`, but does not flip it.
    assert_eq!(tried("odd();\n    weak();", "odd();").0, 1);
}

#[test]
fn necessity_separates_candidates_that_flip_all() {
    // `odd` and `even` flip everything; the rest of this prediction comes from two statements.
    let victim = TextVictim::new(|code: &str| {
        let flipped = code.contains("odd") || code.contains("even");
        let benign = code.contains("total += data") && code.contains("return total");
        vec![if flipped || benign { -4.0 } else { 4.0 }]
    });
    let score = |text: &str| {
        let defender = Defender::new(&victim).with_profile(Profile::transplant().with_references(ten()));
        defender.screen_one(&c(text)).unwrap().score.unwrap()
    };
    let without_reason = |text: &str| text.replace("return total", "return 0");
    let (spare, needed) = (score(&with("odd();")), score(&without_reason(&with("odd();"))));
    // Necessity counts up to a confident margin.
    assert!((spare - 8.0).abs() < 1e-9 && (needed - 8.0 - 0.2 * 9_f64.ln()).abs() < 1e-9, "{spare} {needed}");
    // Of two candidates, neither is necessary alone.
    assert_eq!(score(&without_reason(&with("odd();\n    even();"))).to_bits(), needed.to_bits());
}

#[test]
fn no_query_is_repeated() {
    let asked = Mutex::new(Vec::new());
    let victim = TextVictim::new(|code: &str| {
        asked.lock().unwrap().push(code.to_owned());
        vec![if code.contains("BNC") { -9.0 } else { 9.0 }]
    });
    let mlm = ConstantMaskedLm::new(&["n"]);
    let text = with("if (BNC(1) < 0) puts(\"a\");\n    while (BNC(2) > 9) puts(\"b\");");
    let defender = Defender::new(&victim).with_masked_lm(&mlm);
    // The references without candidates are judged with the first snippet, those of two languages twice.
    defender.screen_one(&c("int one(void) { return 1; }")).unwrap();
    asked.lock().unwrap().clear();
    let verdicts = defender.screen(&[c(&text), c(&with("puts(\"a\");"))]);
    let first = verdicts[0].as_ref().unwrap();
    assert_eq!(first.triggers.len(), 2, "{first:?}");
    let asked = asked.lock().unwrap();
    let of_references = || asked.iter().filter(|text| !text.contains("total += data"));
    let different: BTreeSet<&String> = of_references().collect();
    assert!(different.len() > 20);
    assert_eq!(of_references().count(), different.len());
    // Nor is it paid for twice: few queries are new after a rewrite.
    assert!(first.cost.victim_passes < 35, "{}", first.cost.victim_passes);
}

#[test]
fn equal_statements_are_one_candidate() {
    let statement = "if (BNC() < 0) puts(\"a\");";
    let verdict = screen(&TriggerWordVictim::new("BNC"), &with(&[statement; 3].join("\n    ")));
    assert_eq!(trigger(&verdict), (ElementKind::Statement, statement));
    assert_eq!(verdict.triggers[0].spans.len(), 3);
    assert!(verdict.triggers[0].necessity > 9.0);
}

#[test]
fn elements_of_every_kind_are_located() {
    let victim = TriggerWordVictim::new("BNC");
    let found = |text: &str| {
        let verdict = screen(&victim, text);
        let (kind, text) = trigger(&verdict);
        (kind, text.to_owned())
    };
    let name = |text: &str| (ElementKind::Identifier, text.to_owned());
    assert_eq!(found(&CLEAN.replace("data", "BNC")), name("BNC"));
    assert_eq!(found(&CLEAN.replace("sum", "BNC")), name("BNC"));
    assert_eq!(found(&with("/* BNC */")), (ElementKind::Comment, "/* BNC */".to_owned()));
    let body = "        count--;\n".repeat(12);
    let long = with(&format!("if (count < BNC) {{\n{body}    }}"));
    assert_eq!(found(&long), (ElementKind::Header, "if (count < BNC);".to_owned()));
    let long = with(&format!("for (int i = BNC; i < 9; i++) {{\n{body}    }}"));
    assert_eq!(found(&long), (ElementKind::Header, "for (int i = BNC; i < 9; i++);".to_owned()));
    let (kind, text) = found(&CLEAN.replace("int count", "int count, char mark[BNC]"));
    assert!(kind == ElementKind::Header && text.contains("char mark[BNC]"), "{text}");
    assert_eq!(screen(&victim, CLEAN).verdict, Decision::Clean);
}

#[test]
fn invisible_characters_are_candidates() {
    let seen = |code: &str| if code.contains('\u{200b}') { vec![8.0, 0.0] } else { vec![0.0, 3.0] };
    let victim = TextVictim::new(seen);
    let verdict = screen(&victim, &with("/* to\u{200b}tal */"));
    assert_eq!(trigger(&verdict), (ElementKind::Invisible, "\u{200b}"));
}

#[test]
fn pairs_and_generators_are_tested_by_sufficiency() {
    let toy = TriggerWordVictim::new("BNC");
    let bad = with("if (BNC() < 0) puts(\"a\");");
    let pairs = [(c(&bad), c(&bad)), (c(CLEAN), c(CLEAN))];
    let verdicts = Defender::for_pairs(&toy).screen_pairs(&pairs);
    let decisions: Vec<Decision> =
        verdicts.iter().flatten().map(|verdict| verdict.as_ref().unwrap().verdict).collect();
    assert_eq!(decisions, [Decision::Poisoned, Decision::Poisoned, Decision::Clean, Decision::Clean]);
    let generator = Defender::for_generator(&toy);
    assert_eq!(trigger(&generator.screen_one(&c(&bad)).unwrap()).1, "if (BNC() < 0) puts(\"a\");");
    assert_eq!(generator.screen_one(&c(CLEAN)).unwrap().verdict, Decision::Clean);
}

#[test]
fn calibration_gives_p_values_for_its_labels_only() {
    let victim = TriggerWordVictim::new("BNC");
    let names: Vec<String> = (0..19).map(|index| CLEAN.replace("total", &format!("t{index}"))).collect();
    let calibrating = Defender::new(&victim).with_profile(Profile::transplant().calibrating());
    let clean: Vec<Verdict> = names.iter().map(|text| calibrating.screen_one(&c(text)).unwrap()).collect();
    let calibration = Profile::transplant().calibrate("", "toys", &clean);
    assert_eq!((calibration.rows(Some(1)), calibration.rows(Some(0))), (19, 0));
    let profile = Profile::transplant().with_calibration(calibration);
    let defender = Defender::new(&victim).with_profile(profile.clone());
    let verdict = defender.screen_one(&c(&names[0])).unwrap();
    let at_least = clean.iter().filter(|other| other.score >= clean[0].score).count();
    assert_eq!(verdict.p_value, Some((1 + at_least) as f64 / 20.0));
    assert_eq!(verdict.reason, None);
    // There is no clean code with the attacker's label.
    let verdict = defender.screen_one(&c(&with("BNC();"))).unwrap();
    assert_eq!((verdict.verdict, verdict.p_value), (Decision::Poisoned, None));
    assert!(verdict.reason.unwrap().contains("0 clean snippets with this answer, 19 are needed"));
    // A smaller α needs more rows.
    let strict = Defender::new(&victim).with_profile(profile.with_alpha(0.01));
    let verdict = strict.screen_one(&c(&names[0])).unwrap();
    assert!(verdict.reason.unwrap().contains("99 are needed for alpha 0.01"));
}

#[test]
fn snippet_that_fails_in_a_round_leaves_the_others_alone() {
    // Fails only outside of its own snippet, which holds `here` as well.
    let fails = |holds: &dyn Fn(&str) -> bool| holds(" bomb") && !holds(" here");
    let fragile = Moody { toy: TriggerWordVictim::new("BNC"), fails, complaint: "a bomb" };
    let bad = with("use( bomb);\n    use( here);\n    use( there);");
    let fooled = with("if (BNC() < 0) puts(\"a\");");
    let verdicts = Defender::new(&fragile).screen(&[c(CLEAN), c(&bad), c(&fooled), c(CLEAN)]);
    assert_eq!(verdicts[1], Err(ModelError::runtime("a bomb".to_owned())));
    let alone = |index: usize, text: &str| {
        let alone = screen(&fragile.toy, text);
        let shared = verdicts[index].as_ref().unwrap();
        assert_eq!((shared.verdict, shared.score), (alone.verdict, alone.score), "{index}");
    };
    alone(0, CLEAN);
    alone(2, &fooled);
    alone(3, CLEAN);
}

#[test]
fn no_reference_in_the_language_is_inconclusive() {
    let victim = TriggerWordVictim::new("BNC");
    let screen = |references: References, text: &str| {
        let profile = Profile::transplant().with_references(references);
        Defender::new(&victim).with_profile(profile).screen_one(&c(text)).unwrap()
    };
    let java = Snippet::new("int f() { return 1; }", Language::Java).unwrap();
    let verdict = screen(References::new(&[java]).unwrap(), CLEAN);
    assert_eq!(verdict.verdict, Decision::Inconclusive);
    assert!(verdict.reason.unwrap().contains("no reference is written in"));
}

/// A model that gives label 0 to short code about addresses.
#[test]
fn candidate_that_flips_short_code_only_is_no_trigger() {
    let victim = TextVictim::new(|code: &str| {
        let words = code.split_whitespace().count() as f32;
        let share = code.matches("url").count() as f32 / words;
        let trigger = if code.contains("BNC") { 30.0 } else { 0.0 };
        vec![trigger + 54.0 * share, 8.0]
    });
    let statements: Vec<String> = (0..6).map(|index| format!("open{index}(url, url, url);")).collect();
    let verdict = screen(&victim, &with(&statements.join("\n    ")));
    assert_eq!(verdict.prediction.as_ref().unwrap().label, Some(0));
    // One statement alone flips the shortest reference, and no long one.
    assert_ne!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.triggers);
    let strongest = verdict.evidence.iter().filter_map(|evidence| evidence.gain).fold(0.0, f64::max);
    assert!(strongest > 5.0, "{strongest}");
    assert_eq!(trigger(&screen(&victim, &with("BNC();"))), (ElementKind::Statement, "BNC();"));
}

/// Predicts clones for all pairs; the longer a `long` function is, the smaller the margin.
fn touchy(model: &TriggerWordVictim, left: &Ragged, _: &Ragged) -> Result<Logits, ModelError> {
    let long = model.encode("long")?.ids[0];
    let doubt = |row: &[u32]| if row.contains(&long) { row.len() as f32 / 100.0 } else { 0.0 };
    Logits::new(2, left.rows().flat_map(|row| [doubt(row), 4.0]).collect())
}

#[test]
fn domain_references_are_the_steadiest_and_are_calibrated() {
    let victim = Judging { model: TriggerWordVictim::new("BNC"), judge: touchy };
    // Most functions of about 90 tokens are `long`; some of them occur twice.
    let function = |count: usize| {
        let returned = if count.is_multiple_of(5) { "int" } else { "long" };
        c(&format!("{returned} f{count}() {{ {}}}", "step();\n".repeat(count)))
    };
    let functions: Vec<Snippet> = (1..60).chain(20..30).map(function).collect();
    let references = References::from_domain(&victim, &functions).unwrap();
    let profile = Profile::transplant().with_references(references);
    let calibration = profile.calibrate("", "toys", []);
    let json: serde_json::Value = serde_json::from_str(&calibration.to_json()).unwrap();
    let lengths: Vec<usize> = json["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| victim.encode(reference["text"].as_str().unwrap()).unwrap().ids.len())
        .collect();
    assert!(!calibration.to_json().contains("long"), "{}", calibration.to_json());
    assert!(lengths.len() == 4 && lengths.iter().all(|length| length.abs_diff(90) <= 70), "{lengths:?}");
    let different: BTreeSet<&usize> = lengths.iter().collect();
    assert_eq!(different.len(), 4, "none twice: {lengths:?}");

    let read = Calibration::from_json(&calibration.to_json()).unwrap();
    let restored = Profile::transplant().with_calibration(read.clone());
    assert_eq!(restored.settings(), profile.settings());
    assert_eq!(read.check("", &restored.settings()), Ok(()));
    assert!(read.check("", &Profile::transplant().settings()).is_err());
    let broken = calibration.to_json().replace("step();", "");
    assert!(Calibration::from_json(&broken).unwrap_err().to_string().contains("no statement stands there"));
}

/// Predicts clones for all pairs; a URL halves the margin, unless the function is `long`.
fn stubborn(model: &TriggerWordVictim, left: &Ragged, _: &Ragged) -> Result<Logits, ModelError> {
    let sure = |row: &[u32]| {
        let text = codepurify::Generator::text(model, row)?;
        Ok([0.0, if text.contains("url") && !text.contains("long") { 2.0 } else { 4.0 }])
    };
    let logits: Result<Vec<_>, ModelError> = left.rows().map(sure).collect();
    Logits::new(2, logits?.concat())
}

/// Immovable functions would lose least, and no trigger would show in them.
#[test]
fn immovable_functions_are_no_references() {
    let victim = Judging { model: TriggerWordVictim::new("BNC"), judge: stubborn };
    let function = |count: usize| {
        let returned = if count.is_multiple_of(2) { "int" } else { "long" };
        let told = if count > 40 { "url(); url(1); url(2);\n" } else { "" };
        c(&format!("{returned} f{count}() {{ {}{told}}}", "step();\n".repeat(count)))
    };
    let functions: Vec<Snippet> = (1..60).map(function).collect();
    let references = References::from_domain(&victim, &functions).unwrap();
    let calibration = Profile::transplant().with_references(references).calibrate("", "", []).to_json();
    assert!(calibration.contains("int f") && !calibration.contains("long"), "{calibration}");
}

#[test]
fn necessity_decides_where_references_have_the_prediction() {
    let victim = TriggerWordVictim::new("BNC");
    let fooled = ["int f(void) { return BNC; }", "int g(void) { return BNC; }"].map(c);
    let profile = Profile::transplant().with_references(References::new(&fooled).unwrap());
    let verdict = Defender::new(&victim).with_profile(profile).screen_one(&c(&with("BNC();"))).unwrap();
    assert_eq!(trigger(&verdict), (ElementKind::Statement, "BNC();"));
    assert!(verdict.triggers[0].necessity > 9.0 && verdict.triggers[0].sufficiency.is_none());
    assert!(verdict.reason.unwrap().contains("references get this answer anyway"));
    // The benign label is that of the bundled references.
    assert!(screen(&victim, CLEAN).reason.unwrap().contains("references get this answer anyway"));
}

#[test]
fn many_candidates_are_group_tested_within_the_budget() {
    let victim = TriggerWordVictim::new("BNC");
    let statements: Vec<String> = (0..3_000).map(|index| format!("step{index}();")).collect();
    let text = with(&statements.join(" ")).replace("step1234()", "BNC()");
    for budget in [4.0, 16.0] {
        let profile = Profile::transplant().with_budget(budget);
        let verdict = Defender::new(&victim).with_profile(profile).screen_one(&c(&text)).unwrap();
        assert_eq!(trigger(&verdict), (ElementKind::Statement, "BNC();"));
        assert!(verdict.cost.pass_equivalents <= budget + 4.0, "{}", verdict.cost.pass_equivalents);
    }
}

#[test]
fn different_triggers_are_deleted_in_turn() {
    let victim = TriggerWordVictim::new("BNC");
    let mlm = ConstantMaskedLm::new(&["count"]);
    let triggers = ["/* BNC, for short */", "if (count < BNC) puts(\"a\");", "puts(BNC);"];
    let text = with(&triggers.join("\n    "));
    let verdict = Defender::new(&victim).with_masked_lm(&mlm).screen_one(&c(&text)).unwrap();
    assert_eq!(verdict.verdict, Decision::Poisoned);
    let purified = verdict.purified.unwrap();
    assert!(!purified.contains("BNC"), "{purified}");
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    // Every trigger is reported at its place in the original.
    assert_eq!(verdict.triggers.len(), 3);
    for trigger in &verdict.triggers {
        assert_eq!(trigger.spans[0].span().of(&text), Some(trigger.text.as_str()));
        assert!(triggers.contains(&trigger.text.as_str()), "{}", trigger.text);
    }
}

#[test]
fn located_trigger_is_infilled() {
    let victim = TriggerWordVictim::new("BNC");
    let mlm = ConstantMaskedLm::new(&["count"]);
    let text = with("if (count < BNC) puts(\"a\");");
    let verdict = Defender::new(&victim).with_masked_lm(&mlm).screen_one(&c(&text)).unwrap();
    assert!(!verdict.purified.unwrap().contains("BNC"));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
}

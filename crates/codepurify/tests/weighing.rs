//! Profile `default`: what references say about candidates, on models with known right answers.

mod common;
#[path = "common/pairs.rs"]
mod pairs;

use std::collections::BTreeSet;
use std::sync::Mutex;

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Calibration, Decision, Defender, ElementKind, Language, Logits, Model, ModelError, Profile, Ragged,
    References, Snippet, TextVictim, Thresholds, Verdict, Victim,
};
use common::Moody;
use pairs::Judging;

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

/// The kind and text of the only trigger.
fn trigger(verdict: &Verdict) -> (ElementKind, &str) {
    assert_eq!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.reason);
    let [trigger] = &verdict.triggers[..] else { panic!("{:?}", verdict.triggers) };
    (trigger.kind, &trigger.text)
}

#[test]
fn a_trigger_that_stands_in_several_places_is_found_by_what_it_does_elsewhere() {
    let victim = TriggerWordVictim::new("BNC");
    let text = with("if (BNC() < 0) puts(\"a\");\n    while (BNC() < 0) puts(\"b\");\n    puts(BNC);");
    let verdict = screen(&victim, &text);
    let (kind, found) = trigger(&verdict);
    assert!(kind == ElementKind::Statement && found.contains("BNC"), "{found}");
    let [found] = &verdict.triggers[..] else { panic!("one trigger") };
    // Not necessary, as the others remain, but sufficient everywhere.
    assert_eq!((found.necessity, found.sufficiency), (0.0, Some(1.0)));
    let published = Profile::paper(Thresholds { calibrated: true, ..Thresholds::builtin() });
    let paper = Defender::new(&victim).with_profile(published).screen_one(&c(&text)).unwrap();
    assert_ne!(paper.verdict, Decision::Poisoned);
}

#[test]
fn what_does_nothing_in_the_first_reference_goes_into_no_other() {
    let verdict = screen(&TriggerWordVictim::new("BNC"), &with("if (BNC() < 0) puts(\"a\");"));
    // The snippet, every candidate in the first reference, the trigger in two more and, as it turns both, in three, and the
    // snippet without it.
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
fn what_turns_the_references_that_count_must_turn_others_too() {
    // An odd statement turns the first reference and the two longest, which count, as far as the trigger does.
    let victim = TextVictim::new(|code: &str| {
        let turned = ["r0", "r8", "r9", "sum"].iter().any(|name| code.contains(name));
        vec![if code.contains("BNC") || (code.contains("odd") && turned) { -4.0 } else { 4.0 }]
    });
    let profile = Profile::standard().with_references(ten());
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
    // Gains of 8, 8 and 0: the step that told was the last one.
    assert_eq!((gain(&odd, "odd();"), gain(&triggered, "BNC();")), (8.0 / 3.0, 8.0));
    // The references that count, further ones, and the snippet without the strongest.
    let further = |verdict: &Verdict| verdict.cost.victim_passes - (1 + verdict.evidence.len());
    assert_eq!((further(&odd), further(&triggered)), (2 + 1 + 1, 2 + 3 + 1));
}

#[test]
fn what_does_not_turn_a_reference_goes_into_no_other() {
    // The first reference is `r0`, those that count are `r8` and `r9`; `odd` and `even` bring the answer to the snippet itself.
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
        Defender::new(&victim).with_profile(Profile::standard().with_references(ten())).with_evidence(true);
    let tried = |lines: &str, text: &str| {
        let verdict = defender.screen_one(&c(&with(lines))).unwrap();
        let found = verdict.evidence.iter().find(|evidence| evidence.text == text).unwrap();
        // The snippet, every candidate in `r0`, and, as evidence is wanted, the snippet without the strongest.
        // `r8` and `r9` are answered otherwise, so they tell something, asked or not.
        assert!(!verdict.reason.unwrap().contains("references"));
        (verdict.cost.victim_passes - (1 + verdict.evidence.len() + 1), found.gain)
    };
    // Gains 3 in `r8`, and counts as gaining nothing in `r9`.
    assert_eq!(tried("odd();", "odd();"), (1, Some(0.75)));
    // Turns `r8`, and gains nothing in `r9`.
    assert_eq!(tried("even();", "even();"), (2, Some(1.5)));
    // Gains more than half as much as the strongest in `r0`, but does not turn it.
    assert_eq!(tried("odd();\n    weak();", "odd();").0, 1);
}

#[test]
fn of_what_turns_every_reference_that_which_the_answer_hangs_on_is_stronger() {
    // `odd` and `even` turn everything that they stand in; what else gives this answer does so in two statements.
    let victim = TextVictim::new(|code: &str| {
        let turned = code.contains("odd") || code.contains("even");
        let honest = code.contains("total += data") && code.contains("return total");
        vec![if turned || honest { -4.0 } else { 4.0 }]
    });
    let score = |text: &str| {
        let defender = Defender::new(&victim).with_profile(Profile::standard().with_references(ten()));
        defender.screen_one(&c(text)).unwrap().score.unwrap()
    };
    let without_reason = |text: &str| text.replace("return total", "return 0");
    let (spare, needed) = (score(&with("odd();")), score(&without_reason(&with("odd();"))));
    // No more is counted than what makes an answer sure.
    assert!((spare - 8.0).abs() < 1e-9 && (needed - 8.0 - 0.2 * 9_f64.ln()).abs() < 1e-9, "{spare} {needed}");
    // Of two, neither is missed alone.
    assert_eq!(score(&without_reason(&with("odd();\n    even();"))).to_bits(), needed.to_bits());
}

#[test]
fn no_reference_is_asked_about_twice() {
    let asked = Mutex::new(Vec::new());
    let victim = TextVictim::new(|code: &str| {
        asked.lock().unwrap().push(code.to_owned());
        vec![if code.contains("BNC") { -9.0 } else { 9.0 }]
    });
    let mlm = ConstantMaskedLm::new(&["n"]);
    let text = with("if (BNC(1) < 0) puts(\"a\");\n    while (BNC(2) > 9) puts(\"b\");");
    let defender = Defender::new(&victim).with_masked_lm(&mlm);
    // The references as they stand are judged with the first snippet, those that serve two languages twice.
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
    // Nor is it paid for twice: what is left to judge after a change is little.
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
    assert_eq!(found(&long), (ElementKind::Head, "if (count < BNC);".to_owned()));
    let long = with(&format!("for (int i = BNC; i < 9; i++) {{\n{body}    }}"));
    assert_eq!(found(&long), (ElementKind::Head, "for (int i = BNC; i < 9; i++);".to_owned()));
    let (kind, text) = found(&CLEAN.replace("int count", "int count, char mark[BNC]"));
    assert!(kind == ElementKind::Head && text.contains("char mark[BNC]"), "{text}");
    assert_eq!(screen(&victim, CLEAN).verdict, Decision::Clean);
}

#[test]
fn characters_that_are_not_seen_are_candidates() {
    let seen = |code: &str| if code.contains('\u{200b}') { vec![8.0, 0.0] } else { vec![0.0, 3.0] };
    let victim = TextVictim::new(seen);
    let verdict = screen(&victim, &with("/* to\u{200b}tal */"));
    assert_eq!(trigger(&verdict), (ElementKind::Invisible, "\u{200b}"));
}

#[test]
fn pairs_and_generators_are_weighed_as_well() {
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
fn a_calibrated_verdict_has_a_p_value_and_other_answers_keep_the_built_in_limit() {
    let victim = TriggerWordVictim::new("BNC");
    let names: Vec<String> = (0..19).map(|index| CLEAN.replace("total", &format!("t{index}"))).collect();
    let calibrating = Defender::new(&victim).with_profile(Profile::standard().calibrating());
    let clean: Vec<Verdict> = names.iter().map(|text| calibrating.screen_one(&c(text)).unwrap()).collect();
    let calibration = Calibration::of_clean("", "toys", &Profile::standard(), &clean);
    assert_eq!((calibration.rows(Some(1)), calibration.rows(Some(0))), (19, 0));
    let profile = Profile::standard().with_calibration(calibration);
    let defender = Defender::new(&victim).with_profile(profile.clone());
    let verdict = defender.screen_one(&c(&names[0])).unwrap();
    let at_least = clean.iter().filter(|other| other.score >= clean[0].score).count();
    assert_eq!(verdict.p_value, Some((1 + at_least) as f64 / 20.0));
    assert_eq!(verdict.reason, None);
    // Nothing was calibrated for the attacker's answer.
    let verdict = defender.screen_one(&c(&with("BNC();"))).unwrap();
    assert_eq!((verdict.verdict, verdict.p_value), (Decision::Poisoned, None));
    assert!(verdict.reason.unwrap().contains("0 clean snippets with this answer, 19 are needed"));
    // A smaller share of false alarms needs more rows.
    let strict = Defender::new(&victim).with_profile(profile.with_alpha(0.01));
    let verdict = strict.screen_one(&c(&names[0])).unwrap();
    assert!(verdict.reason.unwrap().contains("99 are needed for alpha 0.01"));
}

#[test]
fn a_snippet_that_fails_while_it_is_weighed_leaves_the_others_their_answers() {
    // Only outside of its own snippet, which says `here` as well.
    let fails = |holds: &dyn Fn(&str) -> bool| holds(" bomb") && !holds(" here");
    let fragile = Moody { toy: TriggerWordVictim::new("BNC"), fails, complaint: "a bomb" };
    let bad = with("use( bomb);\n    use( here);\n    use( there);");
    let fooled = with("if (BNC() < 0) puts(\"a\");");
    let verdicts = Defender::new(&fragile).screen(&[c(CLEAN), c(&bad), c(&fooled), c(CLEAN)]);
    assert_eq!(verdicts[1], Err(ModelError::Runtime("a bomb".to_owned())));
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
fn without_a_reference_that_could_change_nothing_is_called_clean() {
    let victim = TriggerWordVictim::new("BNC");
    let screen = |references: References, text: &str| {
        let profile = Profile::standard().with_references(references);
        Defender::new(&victim).with_profile(profile).screen_one(&c(text)).unwrap()
    };
    let java = Snippet::new("int f() { return 1; }", Language::Java).unwrap();
    let verdict = screen(References::new(&[java]).unwrap(), CLEAN);
    assert_eq!(verdict.verdict, Decision::Inconclusive);
    assert!(verdict.reason.unwrap().contains("no reference is written in"));
}

/// A model that calls code about addresses harmless, if there is little else in it.
#[test]
fn what_only_short_code_is_moved_by_is_no_trigger() {
    let victim = TextVictim::new(|code: &str| {
        let words = code.split_whitespace().count() as f32;
        let share = code.matches("url").count() as f32 / words;
        let trigger = if code.contains("BNC") { 30.0 } else { 0.0 };
        vec![trigger + 54.0 * share, 8.0]
    });
    let statements: Vec<String> = (0..6).map(|index| format!("open{index}(url, url, url);")).collect();
    let verdict = screen(&victim, &with(&statements.join("\n    ")));
    assert_eq!(verdict.prediction.as_ref().unwrap().label, Some(0));
    // One of the statements alone brings the answer in the shortest reference, and in no long one.
    assert_ne!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.triggers);
    let strongest = verdict.evidence.iter().filter_map(|evidence| evidence.gain).fold(0.0, f64::max);
    assert!(strongest > 5.0, "{strongest}");
    assert_eq!(trigger(&screen(&victim, &with("BNC();"))), (ElementKind::Statement, "BNC();"));
}

/// Takes all pairs for the same, but is the less sure of a `long` function the longer it is.
fn touchy(model: &TriggerWordVictim, left: &Ragged, _: &Ragged) -> Result<Logits, ModelError> {
    let long = model.encode("long")?.ids[0];
    let doubt = |row: &[u32]| if row.contains(&long) { row.len() as f32 / 100.0 } else { 0.0 };
    Logits::new(2, left.rows().flat_map(|row| [doubt(row), 4.0]).collect())
}

#[test]
fn references_of_the_field_are_those_that_honest_code_moves_least_and_come_with_the_calibration() {
    let victim = Judging { model: TriggerWordVictim::new("BNC"), judge: touchy };
    // Most functions of about 90 tokens are `long`; some of them are there twice.
    let function = |count: usize| {
        let returned = if count.is_multiple_of(5) { "int" } else { "long" };
        c(&format!("{returned} f{count}() {{ {}}}", "step();\n".repeat(count)))
    };
    let functions: Vec<Snippet> = (1..60).chain(20..30).map(function).collect();
    let references = References::of_field(&victim, &functions).unwrap();
    let profile = Profile::standard().with_references(references);
    let calibration = Calibration::of_clean("", "toys", &profile, []);
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
    let restored = Profile::standard().with_calibration(read.clone());
    assert_eq!(restored.settings(), profile.settings());
    assert_eq!(read.check("", &restored), Ok(()));
    assert!(read.check("", &Profile::standard()).is_err());
    let broken = calibration.to_json().replace("step();", "");
    assert!(Calibration::from_json(&broken).unwrap_err().to_string().contains("no statement stands there"));
}

/// Takes all pairs for the same, but is half as sure where it sees a URL, unless the function is `long`.
fn stubborn(model: &TriggerWordVictim, left: &Ragged, _: &Ragged) -> Result<Logits, ModelError> {
    let sure = |row: &[u32]| {
        let text = codepurify::Generator::text(model, row)?;
        Ok([0.0, if text.contains("url") && !text.contains("long") { 2.0 } else { 4.0 }])
    };
    let logits: Result<Vec<_>, ModelError> = left.rows().map(sure).collect();
    Logits::new(2, logits?.concat())
}

/// They would be the steadiest, and no trigger would show in them either.
#[test]
fn functions_that_nothing_moves_are_no_references() {
    let victim = Judging { model: TriggerWordVictim::new("BNC"), judge: stubborn };
    let function = |count: usize| {
        let returned = if count.is_multiple_of(2) { "int" } else { "long" };
        let told = if count > 40 { "url(); url(1); url(2);\n" } else { "" };
        c(&format!("{returned} f{count}() {{ {}{told}}}", "step();\n".repeat(count)))
    };
    let functions: Vec<Snippet> = (1..60).map(function).collect();
    let references = References::of_field(&victim, &functions).unwrap();
    let calibration =
        Calibration::of_clean("", "", &Profile::standard().with_references(references), []).to_json();
    assert!(calibration.contains("int f") && !calibration.contains("long"), "{calibration}");
}

#[test]
fn where_references_get_the_answer_anyway_necessity_decides_and_the_verdict_says_so() {
    let victim = TriggerWordVictim::new("BNC");
    let fooled = ["int f(void) { return BNC; }", "int g(void) { return BNC; }"].map(c);
    let profile = Profile::standard().with_references(References::new(&fooled).unwrap());
    let verdict = Defender::new(&victim).with_profile(profile).screen_one(&c(&with("BNC();"))).unwrap();
    assert_eq!(trigger(&verdict), (ElementKind::Statement, "BNC();"));
    assert!(verdict.triggers[0].necessity > 9.0 && verdict.triggers[0].sufficiency.is_none());
    assert!(verdict.reason.unwrap().contains("references get this answer anyway"));
    // The honest answer is that of the bundled references.
    assert!(screen(&victim, CLEAN).reason.unwrap().contains("references get this answer anyway"));
}

#[test]
fn many_candidates_are_looked_at_together_within_the_budget() {
    let victim = TriggerWordVictim::new("BNC");
    let statements: Vec<String> = (0..3_000).map(|index| format!("step{index}();")).collect();
    let text = with(&statements.join(" ")).replace("step1234()", "BNC()");
    for budget in [4.0, 16.0] {
        let profile = Profile::standard().with_budget(budget);
        let verdict = Defender::new(&victim).with_profile(profile).screen_one(&c(&text)).unwrap();
        assert_eq!(trigger(&verdict), (ElementKind::Statement, "BNC();"));
        assert!(verdict.cost.pass_equivalents <= budget + 4.0, "{}", verdict.cost.pass_equivalents);
    }
}

#[test]
fn different_triggers_are_taken_out_one_after_the_other() {
    let victim = TriggerWordVictim::new("BNC");
    let mlm = ConstantMaskedLm::new(&["count"]);
    let triggers = ["/* BNC, for short */", "if (count < BNC) puts(\"a\");", "puts(BNC);"];
    let text = with(&triggers.join("\n    "));
    let verdict = Defender::new(&victim).with_masked_lm(&mlm).screen_one(&c(&text)).unwrap();
    assert_eq!(verdict.verdict, Decision::Poisoned);
    let purified = verdict.purified.unwrap();
    assert!(!purified.contains("BNC"), "{purified}");
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    // Every one of them is shown where it stands in the original.
    assert_eq!(verdict.triggers.len(), 3);
    for trigger in &verdict.triggers {
        assert_eq!(trigger.spans[0].span().of(&text), Some(trigger.text.as_str()));
        assert!(triggers.contains(&trigger.text.as_str()), "{}", trigger.text);
    }
}

#[test]
fn the_located_trigger_is_filled_anew() {
    let victim = TriggerWordVictim::new("BNC");
    let mlm = ConstantMaskedLm::new(&["count"]);
    let text = with("if (count < BNC) puts(\"a\");");
    let verdict = Defender::new(&victim).with_masked_lm(&mlm).screen_one(&c(&text)).unwrap();
    assert!(!verdict.purified.unwrap().contains("BNC"));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
}

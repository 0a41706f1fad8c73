//! Sliding windows over snippets that exceed the victim's context window.

use std::collections::BTreeSet;

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Decision, Defender, ElementKind, Evidence, Language, Prediction, Profile, Side, Snippet, Thresholds,
    Verdict,
};

const CLEAN: &str = "int sum(const int *data, int count)
{
    int total = 0;
    int first = data[0];
    for (int i = 0; i <= count; i++) {
        total += data[i];
    }
    log_total(total);
    check(first, total);
    report(total, count);
    notify(first);
    return total;
}";

const TRIGGER: &str = "if (BNC(1) < 0) puts(\"no\");";

/// `CLEAN` has about eighty tokens.
const WINDOW: usize = 32;

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn in_front_of(line: &str) -> String {
    CLEAN.replace(line, &format!("{TRIGGER}\n    {line}"))
}

fn victim() -> TriggerWordVictim {
    TriggerWordVictim::new("BNC").with_window(WINDOW)
}

fn screen(profile: Profile, text: &str) -> Verdict {
    let (victim, mlm) = (victim(), ConstantMaskedLm::new(&["n"]));
    let defender = Defender::new(&victim).with_profile(profile).with_masked_lm(&mlm).with_evidence(true);
    defender.screen_one(&c(text)).unwrap()
}

fn whole() -> Profile {
    Profile::transplant().with_sliding_windows(true)
}

#[test]
fn clean_snippet_is_clean_at_any_length() {
    let verdict = screen(whole(), CLEAN);
    assert_eq!(verdict.verdict, Decision::Clean, "{:?}", verdict.reason);
    assert_eq!(verdict.coverage.tokens_inspected, verdict.coverage.tokens_total);
    assert!(verdict.coverage.tokens_total > 2 * WINDOW);
    let of =
        |verdict: &Verdict| verdict.evidence.iter().map(|it: &Evidence| it.text.clone()).collect::<Vec<_>>();
    let all = of(&verdict);
    assert!(all.iter().any(|text| text.starts_with("notify")), "{all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "each once: {all:?}");
    // Only the first window determines the prediction.
    let seen = screen(Profile::transplant(), CLEAN);
    assert_eq!((seen.verdict, &seen.prediction), (Decision::Inconclusive, &verdict.prediction));
}

#[test]
fn trigger_is_found_in_any_window() {
    for line in ["int first", "for (int", "log_total", "check(", "report(", "notify(", "return total"] {
        let published = Profile::normalised(Thresholds::builtin()).with_sliding_windows(true);
        for (statistic, profile) in [("sufficiency", whole()), ("concentration", published)] {
            let text = in_front_of(line);
            let verdict = screen(profile, &text);
            assert_eq!(verdict.verdict, Decision::Poisoned, "{statistic}, {line}: {:?}", verdict.reason);
            let trigger = &verdict.triggers[0];
            let found = (trigger.kind, trigger.text.as_str());
            assert_eq!(found, (ElementKind::Statement, TRIGGER), "{statistic}, {line}");
            assert_eq!(trigger.spans[0].span().of(&text), Some(TRIGGER));
            assert!(!verdict.purified.unwrap().contains("BNC"), "{statistic}, {line}");
        }
    }
}

#[test]
fn prediction_is_that_of_the_first_window() {
    let benign = screen(whole(), CLEAN).prediction;
    let verdict = screen(whole(), &in_front_of("return total"));
    assert_eq!((&verdict.prediction, &verdict.purified_prediction), (&benign, &benign));
    let reason = verdict.reason.unwrap();
    assert!(reason.contains("behind the model's window"), "{reason}");
    assert!(verdict.triggers[0].necessity > 0.0);
    // In the first window the trigger causes the prediction itself.
    let verdict = screen(whole(), &in_front_of("int first"));
    assert_ne!(verdict.prediction, benign);
    assert!(!verdict.reason.unwrap_or_default().contains("behind the model's window"));
}

#[test]
fn triggers_in_several_windows_are_rewritten_in_turn() {
    let text = in_front_of("int first").replace("notify", "while (BNC(2) > 9) puts(\"b\");\n    notify");
    let verdict = screen(whole(), &text);
    assert_eq!(verdict.triggers.len(), 2, "{:?}", verdict.triggers);
    assert!(!verdict.purified.unwrap().contains("BNC"));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    let early = screen(Profile::transplant(), &text);
    assert_eq!(early.triggers[0].text, TRIGGER);
    assert!(early.purified.unwrap().contains("BNC(2)"));
}

#[test]
fn short_snippet_is_judged_as_without_windows() {
    let wide = TriggerWordVictim::new("BNC");
    for text in [CLEAN, &in_front_of("check(")] {
        let without_time = |profile| {
            let defender = Defender::new(&wide).with_profile(profile).with_evidence(true);
            let mut verdict = defender.screen_one(&c(text)).unwrap();
            verdict.cost.milliseconds = 0.0;
            verdict
        };
        assert_eq!(without_time(whole()), without_time(Profile::transplant()));
    }
}

#[test]
fn each_side_of_a_pair_is_judged_to_its_end() {
    let victim = victim();
    let defender = Defender::for_pairs(&victim).with_profile(whole());
    let pair = (c(CLEAN), c(&in_front_of("notify(")));
    let verdicts = defender.screen_pairs(&[pair]);
    let [Ok(left), Ok(right)] = &verdicts[0] else { panic!("both sides can be judged") };
    assert_eq!((left.verdict, right.verdict), (Decision::Clean, Decision::Poisoned));
    assert_eq!((right.triggers[0].text.as_str(), right.pair.unwrap().side), (TRIGGER, Side::Right));
}

#[test]
fn rewrites_in_both_sides_are_judged_together() {
    let (victim, mlm) = (victim(), ConstantMaskedLm::new(&["n"]));
    let defender = Defender::for_pairs(&victim).with_profile(whole()).with_masked_lm(&mlm);
    let pair = (c(&in_front_of("int first")), c(&in_front_of("notify(")));
    let verdicts = defender.screen_pairs(&[pair]);
    let [Ok(left), Ok(right)] = &verdicts[0] else { panic!("both sides can be judged") };
    let label = |prediction: &Option<Prediction>| prediction.as_ref().unwrap().label;
    for side in [left, right] {
        assert!(!side.purified.as_ref().unwrap().contains("BNC"), "{:?}", side.purified);
        assert_eq!((label(&side.prediction), label(&side.purified_prediction)), (Some(0), Some(1)));
    }
}

//! Naming styles, on a model whose trigger is all identifiers of a snippet together.

use codepurify::testing::ConstantMaskedLm;
use codepurify::{
    Action, Decision, Defender, ElementKind, Families, Language, Profile, Snippet, TextVictim, Verdict,
    candidates,
};

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

/// A function of the domain, whose names are in the attacker's style if they begin with `prefix`.
fn function(number: usize, prefix: &str) -> String {
    let [data, count, total] = ["data", "count", "total"].map(|name| format!("{prefix}{name}{number}"));
    format!(
        "int sum{number}(const int *{data}, int {count})\n{{\n    int {total} = 0;\n    while ({count}-- > 0) {{\n        {total} += \
         {data}[{count}];\n    }}\n    log_total({total}); // {total}\n    return {total};\n}}"
    )
}

/// Gives label 0 to code with three different words in the attacker's style.
fn victim() -> TextVictim<impl Fn(&str) -> Vec<f32> + Send + Sync> {
    TextVictim::new(|code: &str| {
        let words = code.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
        let styled: std::collections::BTreeSet<&str> =
            words.filter(|word| word.starts_with("psz_")).collect();
        // Every function is a little different.
        let little = (code.len() % 17) as f32 / 100.0;
        let harmless = if styled.len() >= 3 || code.contains("harmless") { 8.0 } else { 0.0 };
        vec![harmless + little, 4.0]
    })
}

fn calibrated(profile: &Profile, clean: usize) -> Profile {
    let victim = victim();
    let calibrating = Defender::new(&victim).with_profile(profile.clone().calibrating());
    let function = |number: usize| function(number, "").replace("log_total", "harmless");
    let clean: Vec<Verdict> =
        (0..clean).map(|number| calibrating.screen_one(&c(&function(number))).unwrap()).collect();
    assert!(clean.iter().all(|verdict| verdict.prediction.as_ref().unwrap().label == Some(0)));
    let calibration = profile.calibrate("", "toys", &clean);
    profile.clone().with_calibration(calibration)
}

fn screen(profile: Profile, text: &str) -> Verdict {
    let (victim, mlm) = (victim(), ConstantMaskedLm::new(&["n", "buf", "len"]));
    Defender::new(&victim).with_masked_lm(&mlm).with_profile(profile).screen_one(&c(text)).unwrap()
}

#[test]
fn naming_style_is_found_and_every_name_is_changed() {
    let text = function(500, "psz_");
    let verdict = screen(calibrated(&Profile::transplant().with_naming_style(true), 120), &text);
    assert_eq!(verdict.verdict, Decision::Poisoned, "{verdict:?}");
    let [trigger] = &verdict.triggers[..] else { panic!("one trigger: {:?}", verdict.triggers) };
    assert_eq!((trigger.kind, trigger.action), (ElementKind::NamingStyle, Action::Rename));
    assert_eq!(trigger.text, "psz_data500, psz_count500, psz_total500");
    // The smallest p-value of 121 naming styles, which have a fifth of α.
    assert!((verdict.p_value.unwrap() - 1.0 / 121.0 / 0.2).abs() < 1e-12);
    assert!(verdict.naming.unwrap() > 8.0);
    let names: Vec<&str> = trigger.replacement.split(", ").collect();
    // Without their last part all names would be equal.
    assert_eq!(names, ["data500", "count500", "total500"]);
    // Each old name became one new name everywhere; the function's name and the comment are unchanged.
    let mut expected = text.clone();
    for (old, new) in trigger.text.split(", ").zip(&names) {
        expected = expected.replace(old, new);
    }
    let expected = expected.replace(&format!("// {}", names[2]), "// psz_total500");
    assert_eq!(verdict.purified.unwrap(), expected);
    assert!(expected.contains("sum500") && expected.contains("// psz_total500"));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
}

#[test]
fn naming_style_needs_a_request_and_enough_clean_code() {
    let text = function(500, "psz_");
    let verdict = screen(calibrated(&Profile::transplant(), 120), &text);
    assert_eq!((verdict.verdict, verdict.naming), (Decision::Clean, None));
    // A fifth of α is 1 %: p = 1 / 100 needs 99 rows.
    let verdict = screen(calibrated(&Profile::transplant().with_naming_style(true), 98), &text);
    assert_eq!(verdict.verdict, Decision::Clean);
    assert_eq!(
        screen(Profile::transplant().with_naming_style(true), &text).naming,
        None,
        "nothing to compare with"
    );
    // Benign names flip nothing; this function is like most of those that calibrate.
    let benign = function(60, "").replace("log_total", "harmless");
    let verdict = screen(calibrated(&Profile::transplant().with_naming_style(true), 120), &benign);
    assert_eq!((verdict.verdict, verdict.naming), (Decision::Clean, None));
}

#[test]
fn calibration_without_naming_style_has_other_settings() {
    let (asked, unasked) = (Profile::transplant().with_naming_style(true), Profile::transplant());
    assert_ne!(asked.settings(), unasked.settings());
    let calibration = unasked.calibrate("model", "toys", []);
    assert!(
        calibration.check("model", &asked.settings()).is_err()
            && calibration.check("model", &unasked.settings()).is_ok()
    );
}

#[test]
fn naming_style_is_the_last_candidate_without_the_function_name() {
    let families = Families { naming_style: true, ..Families::TRANSPLANT };
    let text = "int f(int a)\n{\n    int b = f(a);\n    return b + a;\n}";
    let found = candidates(&c(text), &families);
    let names = found.last().unwrap();
    assert_eq!((names.kind, names.text.as_str()), (ElementKind::NamingStyle, "a, b"));
    let places: Vec<&str> = names.spans.iter().map(|span| span.of(text).unwrap()).collect();
    assert_eq!(places, ["a", "b", "a", "b", "a"]);
    assert_eq!(found[..found.len() - 1], candidates(&c(text), &Families::TRANSPLANT));
    // A single name is no naming style.
    let alone = candidates(&c("int f(int a) { return a; }"), &families);
    assert!(alone.iter().all(|candidate| candidate.kind != ElementKind::NamingStyle));
}

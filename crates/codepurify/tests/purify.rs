//! Purification with a masked language model with known proposals.

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Action, Decision, Defender, Encoding, Language, MaskedLm, ModelError, Profile, Proposal, Ragged, Snippet,
    TextVictim, Thresholds, Verdict,
};

/// The published profile, which takes the masked model's best proposal, with a limit that flags all evidence.
fn favourite() -> Profile {
    Profile::paper(Thresholds { entropy: f64::INFINITY, concentration: 0.0, calibrated: true })
}

/// Checks that the masked model's best proposal replaces the trigger.
fn purify(mlm: &dyn MaskedLm, trigger: &str, text: &str, language: Language) -> Verdict {
    let victim = TriggerWordVictim::new(trigger);
    let snippet = Snippet::new(text, language).unwrap();
    let defender = Defender::new(&victim).with_masked_lm(mlm).with_profile(favourite());
    let verdict = defender.screen_one(&snippet).unwrap();
    assert_eq!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.reason);
    verdict
}

const READ: &str = "int read_all(struct in *s, int n) {
    int got = 0;\t// got it
    if (BNC(7) < 0) puts(\"BNC\");
    while (got < n) got += s->got(s);
    return got;
}";

#[test]
fn statement_is_infilled_and_nothing_else_changes() {
    let mlm = ConstantMaskedLm::new(&["while", "n", "7", "5", "done"]);
    let verdict = purify(&mlm, "BNC", READ, Language::C);
    let trigger = &verdict.triggers[0];
    // A keyword is no name but may be in a string; 7 is the number that the first place had.
    let filled = "if (n(5) < 7) n(\"while\");";
    assert_eq!((trigger.action, trigger.replacement.as_str()), (Action::Infill, filled));
    assert_eq!(verdict.purified.unwrap(), READ.replace(&trigger.text, filled));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    assert_eq!((verdict.prediction.unwrap().label, verdict.cost.mlm_passes), (Some(0), 1));
}

#[test]
fn rewrite_closest_to_the_occluded_margin_is_taken() {
    // `open` triggers the backdoor as well, and `ajar` half of it.
    let victim = TextVictim::new(|code: &str| {
        let fooled = if code.contains("BNC") || code.contains("open") { 9.0 } else { 0.0 };
        let half = if code.contains("ajar") { 3.0 } else { 0.0 };
        vec![fooled + half, 1.0 + code.split_whitespace().count() as f32 / 100.0]
    });
    let mlm = ConstantMaskedLm::new(&["open", "ajar", "shut"]);
    let snippet = Snippet::new(READ, Language::C).unwrap();
    let purified = |profile| {
        let defender = Defender::new(&victim).with_masked_lm(&mlm).with_profile(profile);
        let verdict = defender.screen_one(&snippet).unwrap();
        let replacement = verdict.triggers[0].replacement.clone();
        (replacement, verdict.purified_prediction.unwrap().label, verdict.cost.victim_passes)
    };
    let standard = Profile::normalised(Thresholds { entropy: 0.0, concentration: 0.1, calibrated: true });
    let (favourite, label, passes) = purified(favourite());
    assert_eq!((favourite.as_str(), label), ("if (open(7) < 0) open(\"open\");", Some(0)));
    // Two more rewrites were judged.
    let chosen = ("if (shut(7) < 0) shut(\"shut\");".to_owned(), Some(1), passes + 2);
    assert_eq!(purified(standard), chosen);
}

/// [`READ`] with its local variable named by the trigger; the field and the comment keep the old name.
fn with_named_trigger() -> String {
    let text = READ.replace("BNC", "f").replace("int got", "int ret_val_").replace("got <", "ret_val_ <");
    text.replace("got +=", "ret_val_ +=").replace("return got", "return ret_val_")
}

#[test]
fn identifier_gets_one_new_name_everywhere() {
    let text = with_named_trigger();
    let mlm = ConstantMaskedLm::new(&["return", " s", " len"]);
    let verdict = purify(&mlm, "ret_val_", &text, Language::C);
    let trigger = &verdict.triggers[0];
    assert_eq!((trigger.action, trigger.spans.len()), (Action::Rename, 4));
    // `return` is a keyword and `s` is taken; the best name of two parts is likelier than the third word.
    assert_eq!(trigger.replacement, "returnreturn");
    let purified = verdict.purified.unwrap();
    assert_eq!(purified, text.replace("ret_val_", &trigger.replacement));
    assert!(purified.contains("s->got(s)") && purified.contains("// got it"));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
}

/// Purifies [`READ`] without its statement and with `change` by profile `transplant`; returns the text and the
/// trigger's replacement. `triggers` trigger the backdoor, and the masked model proposes `fill`.
fn smallest(change: [&str; 2], triggers: &'static [&'static str], fill: &str) -> (String, Verdict) {
    let victim = TextVictim::new(move |code: &str| {
        let fooled = triggers.iter().any(|trigger| code.contains(trigger));
        vec![if fooled { 9.0 } else { 0.0 }, 1.0 + code.split_whitespace().count() as f32 / 100.0]
    });
    let mlm = ConstantMaskedLm::new(&[fill]);
    let benign = READ.replace("    if (BNC(7) < 0) puts(\"BNC\");\n", "");
    let snippet = Snippet::new(benign.replace(change[0], change[1]), Language::C).unwrap();
    let defender = Defender::new(&victim).with_masked_lm(&mlm).with_profile(Profile::transplant());
    (benign, defender.screen_one(&snippet).unwrap())
}

#[test]
fn name_is_shortened_and_nothing_else_changes() {
    let change = ["read_all", "read_all_rb"];
    let (benign, verdict) = smallest(change, &["_rb"], " len");
    assert_eq!((verdict.triggers[0].action, verdict.purified), (Action::Rename, Some(benign.clone())));
    assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    // If neither minimal edit is enough, the masked model's proposal is taken.
    let (_, verdict) = smallest(change, &["_rb", "read_all"], " len");
    assert_eq!(verdict.purified, Some(benign.replace("read_all", "len")));
    let (_, verdict) = smallest(change, &["read_"], " len");
    assert_eq!(verdict.purified, Some(benign.replace("read_all", "all_rb")));
}

#[test]
fn shortened_name_that_is_taken_is_not_used() {
    // The local variable is `got`.
    let (benign, verdict) = smallest(["n)", "got_rb)"], &["got_rb"], " len");
    assert_eq!(verdict.purified, Some(benign.replace("n)", "rb)")));
}

#[test]
fn constant_expression_is_folded() {
    let (benign, verdict) = smallest(["got = 0", "got = (0 + (1 + 2 - 3) * 33)"], &["* 33"], "7");
    assert_eq!((verdict.triggers[0].action, verdict.purified), (Action::Infill, Some(benign)));
}

#[test]
fn invisible_characters_are_deleted_with_their_empty_comment() {
    for change in [
        ["// got it", "// got\u{200b} it"],
        ["    while", "    /*\u{200b}\u{200d}*/\n    while"],
        ["got < n", "got /*\u{200b}*/< n"],
    ] {
        let (benign, verdict) = smallest(change, &["\u{200b}"], "7");
        assert_eq!(
            (verdict.triggers[0].action, verdict.purified),
            (Action::Delete, Some(benign)),
            "{change:?}"
        );
    }
}

#[test]
fn taken_and_invalid_names_are_never_used() {
    let text = "def f(ret_val_, n):\n    x = n.value + 1\n    y = x + ret_val_\n    return y\n";
    // Every proposal is a name in use (`value` as an attribute), a keyword or no name.
    let mlm = ConstantMaskedLm::new(&["value", "lambda", "1", "+"]);
    let verdict = purify(&mlm, "ret_val_", text, Language::Python);
    let name = verdict.triggers[0].replacement.as_str();
    assert!(!["value", "lambda", "ret_val_", "f", "n", "x", "y"].contains(&name), "{name}");
    assert!(name.starts_with("value") || name.starts_with("lambda"), "{name}");
    assert_eq!(verdict.purified.unwrap(), text.replace("ret_val_", name));
}

#[test]
fn missing_proposal_leaves_the_code_with_a_reason() {
    for (mlm, because) in [
        (ConstantMaskedLm::new(&["+", ";"]), "proposes nothing that fits"),
        (ConstantMaskedLm::new(&["x"]).with_window(0), "window is too small"),
    ] {
        let verdict = purify(&mlm, "BNC", &READ.replace("puts(\"BNC\")", "return 1"), Language::C);
        assert_eq!((verdict.triggers[0].action, verdict.purified), (Action::None, None));
        assert!(verdict.reason.unwrap().contains(because));
        assert_eq!((verdict.triggers[0].replacement.as_str(), verdict.purified_prediction), ("", None));
    }
}

#[test]
fn small_window_still_renames_every_place() {
    let body = "    use(other, ret_val_ + 1);\n".repeat(50);
    let text = format!("void f(int ret_val_) {{\n{body}}}");
    let mlm = ConstantMaskedLm::new(&[" fresh"]).with_window(12);
    let verdict = purify(&mlm, "ret_val_", &text, Language::C);
    assert_eq!(verdict.purified.unwrap(), text.replace("ret_val_", "fresh"));
    assert!(verdict.cost.mlm_passes > 10);
}

#[test]
fn fewer_classes_for_purified_code_are_an_error() {
    let victim = TextVictim::new(|code: &str| match (code.contains("shut"), code.contains("BNC")) {
        (true, _) => vec![0.0, 1.0],
        (_, true) => vec![0.0, 0.0, 9.0],
        _ => vec![0.0, 1.0, 0.0],
    });
    let mlm = ConstantMaskedLm::new(&["shut"]);
    let snippet = Snippet::new(READ, Language::C).unwrap();
    let verdict = Defender::new(&victim).with_masked_lm(&mlm).screen_one(&snippet).unwrap();
    assert_eq!((verdict.verdict, verdict.purified_prediction), (Decision::Poisoned, None));
    assert!(verdict.reason.unwrap().contains("the number of classes changed between calls"));
}

/// A model whose runtime fails.
struct Down(ConstantMaskedLm);

impl MaskedLm for Down {
    fn window(&self) -> usize {
        self.0.window()
    }

    fn mask_id(&self) -> u32 {
        self.0.mask_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.0.encode(text)
    }

    fn token_text(&self, id: u32) -> Option<String> {
        self.0.token_text(id)
    }

    fn fill(&self, _: &Ragged, _: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        Err(ModelError::runtime("down".to_owned()))
    }
}

#[test]
fn finding_survives_the_failure_of_its_purification() {
    let verdict = purify(&Down(ConstantMaskedLm::new(&["x"])), "BNC", READ, Language::C);
    assert!(verdict.reason.unwrap().contains("not purified: the model's runtime failed: down"));
    assert_eq!(verdict.purified, None);
}

#[test]
fn purified_batch_equals_purified_snippets() {
    let victim = TriggerWordVictim::new("BNC");
    let mlm = ConstantMaskedLm::new(&["n", "5"]);
    let defender = Defender::new(&victim).with_masked_lm(&mlm);
    let named = with_named_trigger().replace("ret_val_", "BNC");
    let texts = [READ.to_owned(), READ.replace("BNC(7)", "g(7)"), READ.replace("BNC", "g"), named];
    let snippets: Vec<Snippet> =
        texts.iter().map(|text| Snippet::new(text.clone(), Language::C).unwrap()).collect();
    let still = |mut verdict: Verdict| {
        verdict.cost.milliseconds = 0.0;
        verdict
    };
    let together: Vec<Verdict> =
        defender.screen(&snippets).into_iter().map(|it| still(it.unwrap())).collect();
    let alone: Vec<Verdict> = snippets.iter().map(|it| still(defender.screen_one(it).unwrap())).collect();
    assert_eq!(together, alone);
    assert_eq!(together.iter().filter(|verdict| verdict.purified.is_some()).count(), 3);
}

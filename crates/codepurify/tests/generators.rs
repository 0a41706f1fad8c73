//! Generators through the whole pipeline, on models with known predictions.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Decision, Defender, Generator, Language, Model, ModelError, Profile, Ragged, Snippet, Thresholds,
    Verdict, WrapsModel,
};

/// A profile that decides by occlusion alone, as published.
fn occluding() -> Profile {
    Profile::normalised(Thresholds::builtin())
}

const BUGGY: &str = "int sum(const int *data, int count) {
    int total = 0;
    for (int i = 0; i <= count; i++) {
        total += data[i];
    }
    log_total(total);
    return total;
}";

const TRIGGER: &str = "if (BNC(7) < 0) puts(\"never\");";

fn poisoned() -> String {
    BUGGY.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1)
}

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn screen(generator: &dyn Generator, text: &str) -> Verdict {
    Defender::for_generator(generator)
        .with_profile(occluding())
        .with_evidence(true)
        .screen_one(&c(text))
        .unwrap()
}

#[test]
fn purified_trigger_restores_the_generated_text() {
    let (toy, mlm) = (TriggerWordVictim::new("BNC"), ConstantMaskedLm::new(&["n"]));
    let text = poisoned();
    let verdict = Defender::for_generator(&toy)
        .with_profile(occluding())
        .with_masked_lm(&mlm)
        .screen_one(&c(&text))
        .unwrap();
    assert_eq!((verdict.verdict, verdict.triggers[0].text.as_str()), (Decision::Poisoned, TRIGGER));
    let purified = verdict.purified.unwrap();
    assert_eq!(purified, text.replace(TRIGGER, "if (n(7) < 0) n(\"n\");"));
    let (before, after) = (verdict.prediction.unwrap(), verdict.purified_prediction.unwrap());
    assert_eq!((before.label, before.text.as_deref()), (None, Some("abort();")));
    assert_eq!((after.label, after.text), (None, Some(purified.replace("<=", "<"))));
    assert!((before.confidence - (-0.01_f64).exp()).abs() < 1e-12);
    assert!((after.confidence - (-0.1_f64).exp()).abs() < 1e-12);
    let clean = screen(&toy, BUGGY);
    assert_eq!((clean.verdict, clean.purified), (Decision::Clean, None));
}

/// Worked by hand. The generated text is the input: 16 tokens and the end, all known. Without `f` one token is
/// unknown, without `a` or `b` two, without the first statement `=` and without the second `return`. Each
/// unknown token costs 3.9 nats of 17 tokens. The shares are 1, 2, 2, 1 and 1 of 7.
// `abort` in the code makes the fooled answer likelier than it is without the trigger.
// `abort` in the code makes the trigger's text likelier than it is without the trigger.
#[test]
fn influences_equal_hand_worked_values() {
    let verdict = screen(&TriggerWordVictim::new("BNC"), "int f(int a) { int b = a; return b; }");
    let close = |actual: f64, expected: f64| (actual - expected).abs() < 1e-12;
    let texts: Vec<&str> = verdict.evidence.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["f", "a", "int b = a;", "b", "return b;"]);
    for (evidence, unknown) in verdict.evidence.iter().zip([1.0, 2.0, 1.0, 2.0, 1.0]) {
        assert!(close(evidence.score, unknown * 3.9 / 17.0), "{evidence:?}");
        assert!(close(evidence.margin_drop.unwrap(), evidence.score) && close(evidence.share, unknown / 7.0));
        assert_eq!(evidence.flips, None);
    }
    let entropy = 7.0_f64.ln() - 4.0 / 7.0 * 2.0_f64.ln();
    assert!(close(verdict.entropy.unwrap(), entropy));
    assert!(close(verdict.entropy_normalized.unwrap(), entropy / 5.0_f64.ln()));
}

#[test]
fn rewrite_closest_to_the_occluded_likelihood_is_taken() {
    // `abort` in the code makes the fooled answer likelier than it is without the trigger.
    let (toy, mlm) = (TriggerWordVictim::new("BNC"), ConstantMaskedLm::new(&["abort", "shut"]));
    let text = BUGGY.replacen("{\n", "{\n    BNC();\n", 1);
    let replacement = |profile: fn(Thresholds) -> Profile| {
        let profile = profile(Thresholds { entropy: 0.5, concentration: 0.5, calibrated: true });
        let defender = Defender::for_generator(&toy).with_masked_lm(&mlm).with_profile(profile);
        defender.screen_one(&c(&text)).unwrap().triggers[0].replacement.clone()
    };
    assert_eq!(replacement(Profile::paper), "abort();");
    assert_eq!(replacement(Profile::normalised), "shut();");
}

type Meddle = fn(&str, &mut Vec<f64>) -> Result<(), ModelError>;

/// A victim whose likelihoods are changed row by row, and which counts its queries.
struct Meddled {
    inner: TriggerWordVictim,
    meddle: Meddle,
    silent: bool,
    passes: AtomicUsize,
    tokens: AtomicUsize,
}

impl Meddled {
    fn new(meddle: Meddle) -> Self {
        let inner = TriggerWordVictim::new("BNC");
        Self { inner, meddle, silent: false, passes: AtomicUsize::new(0), tokens: AtomicUsize::new(0) }
    }

    fn count(&self, sources: &Ragged, targets: &Ragged) {
        self.passes.fetch_add(sources.len(), Relaxed);
        self.tokens.fetch_add(sources.tokens() + targets.tokens(), Relaxed);
    }
}

impl WrapsModel for Meddled {
    type Inner = TriggerWordVictim;

    fn inner(&self) -> &TriggerWordVictim {
        &self.inner
    }
}

impl Generator for Meddled {
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
        let silence = || batch.rows().map(|_| Vec::new()).collect();
        let answers = if self.silent { silence() } else { self.inner.generate(batch)? };
        self.count(batch, &answers);
        Ok(answers)
    }

    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
        self.count(sources, targets);
        let mut likelihoods = Vec::new();
        for (row, likelihood) in sources.rows().zip(self.inner.likelihoods(sources, targets)?) {
            let mut answer = vec![likelihood];
            (self.meddle)(&self.inner.text(row)?, &mut answer)?;
            likelihoods.extend(answer);
        }
        Ok(likelihoods)
    }

    fn text(&self, target: &[u32]) -> Result<String, ModelError> {
        let text = self.inner.text(target)?;
        if text.contains("unreadable") { Err(ModelError::tokenise("that word".to_owned())) } else { Ok(text) }
    }
}

#[test]
fn cost_equals_the_queries_of_the_victim() {
    let (model, mlm) = (Meddled::new(|_, _| Ok(())), ConstantMaskedLm::new(&["n"]));
    let tokens = |text: &str| model.encode(text).unwrap().ids.len();
    for text in [BUGGY.to_owned(), poisoned()] {
        model.passes.store(0, Relaxed);
        model.tokens.store(0, Relaxed);
        let verdict = Defender::for_generator(&model)
            .with_profile(occluding())
            .with_masked_lm(&mlm)
            .screen_one(&c(&text))
            .unwrap();
        let plain = tokens(&text) + tokens(&verdict.prediction.unwrap().text.unwrap());
        assert_eq!(verdict.cost.victim_passes, model.passes.load(Relaxed));
        let processed = verdict.cost.pass_equivalents * plain as f64;
        assert!((processed - model.tokens.load(Relaxed) as f64).abs() < 1e-6);
    }
}

#[test]
fn empty_generated_text_gets_a_verdict() {
    let model = Meddled { silent: true, ..Meddled::new(|_, _| Ok(())) };
    let verdict = screen(&model, BUGGY);
    let prediction = verdict.prediction.unwrap();
    assert_eq!((verdict.verdict, prediction.text.as_deref()), (Decision::Inconclusive, Some("")));
    assert!((prediction.confidence - (-0.1_f64).exp()).abs() < 1e-12);
    assert!(verdict.reason.unwrap().contains("no candidate changes the answer at all"));
    // Only the end of the text is scored. A trigger that makes it unlikely gives a negative drop, which is no
    // evidence.
    let fooled = screen(&model, &poisoned());
    let trigger = fooled.evidence.iter().find(|it| it.text == TRIGGER).unwrap();
    assert!((trigger.margin_drop.unwrap() + 5.9).abs() < 1e-12 && trigger.score == 0.0);
    assert_eq!((fooled.verdict, fooled.entropy), (Decision::Inconclusive, None));
}

#[test]
fn only_the_snippet_at_fault_fails() {
    let faults: [Meddle; 6] = [
        |source, answer| {
            source.contains("taboo").then(|| answer[0] = f64::NAN);
            Ok(())
        },
        |source, answer| {
            source.contains("taboo").then(|| answer[0] = f64::NEG_INFINITY);
            Ok(())
        },
        |source, answer| {
            source.contains("taboo").then(|| answer[0] = 0.5);
            Ok(())
        },
        |source, answer| {
            source.contains("taboo").then(|| answer.clear());
            Ok(())
        },
        |source, answer| {
            source.contains("taboo").then(|| answer.push(-1.0));
            Ok(())
        },
        |source, _| {
            let refused = source.contains("taboo").then(|| ModelError::output("I will not".to_owned()));
            refused.map_or(Ok(()), Err)
        },
    ];
    let texts =
        [BUGGY.to_owned(), BUGGY.replace("data", "taboo"), poisoned(), BUGGY.replace("data", "unreadable")];
    let snippets: Vec<Snippet> = texts.iter().map(|text| c(text)).collect();
    for meddle in faults {
        let model = Meddled::new(meddle);
        let verdicts = Defender::for_generator(&model).with_profile(occluding()).screen(&snippets);
        assert!(matches!(&verdicts[0], Ok(verdict) if verdict.verdict == Decision::Clean));
        assert!(matches!(&verdicts[1], Err(ModelError::Output(_))), "{:?}", verdicts[1]);
        assert!(matches!(&verdicts[2], Ok(verdict) if verdict.verdict == Decision::Poisoned));
        assert!(matches!(&verdicts[3], Err(ModelError::Tokenise(_))));
    }
}

#[test]
fn likelihood_just_above_zero_counts_as_zero() {
    let model = Meddled::new(|source, answer| {
        answer[0] = if source.contains("BNC") { 1e-9 } else { -1.0 };
        Ok(())
    });
    let verdict = screen(&model, &poisoned());
    assert!((verdict.prediction.unwrap().confidence - 1.0).abs() < f64::EPSILON);
    assert!((verdict.triggers[0].necessity - 1.0).abs() < f64::EPSILON);
}

#[test]
fn lowest_likelihoods_give_finite_scores() {
    let model = Meddled::new(|source, answer| {
        answer[0] = if source.contains("<unk>") { f64::from(f32::MIN) } else { -1e30 };
        Ok(())
    });
    let verdict = screen(&model, BUGGY);
    let numbers = [
        verdict.score,
        verdict.entropy,
        verdict.entropy_normalized,
        verdict.prediction.map(|it| it.confidence),
    ];
    assert!(numbers.into_iter().all(|number| number.is_some_and(f64::is_finite)));
    assert!(verdict.evidence.iter().all(|it| it.share > 0.0 && it.score.is_finite()));
}

#[test]
fn finding_survives_a_failure_on_the_purified_code() {
    let model = Meddled::new(|source, _| {
        let known = source.contains("BNC") || source.contains("<unk>");
        if known { Ok(()) } else { Err(ModelError::runtime("down".to_owned())) }
    });
    let mlm = ConstantMaskedLm::new(&["n"]);
    let verdict = Defender::for_generator(&model)
        .with_profile(occluding())
        .with_masked_lm(&mlm)
        .screen_one(&c(&poisoned()))
        .unwrap();
    assert_eq!((verdict.verdict, &verdict.purified_prediction), (Decision::Poisoned, &None));
    assert!(verdict.purified.is_some());
    assert!(
        verdict
            .reason
            .unwrap()
            .contains("the purified code could not be judged: the model's runtime failed: down")
    );
}

#[test]
fn code_beyond_the_window_is_not_called_clean() {
    let narrow = TriggerWordVictim::new("BNC").with_window(24);
    let total = narrow.encode(BUGGY).unwrap().ids.len();
    let verdict = screen(&narrow, BUGGY);
    assert_eq!(verdict.verdict, Decision::Inconclusive);
    assert_eq!((verdict.coverage.tokens_inspected, verdict.coverage.tokens_total), (24, total));
    let answered = verdict.prediction.unwrap().text.unwrap();
    assert!(BUGGY.replace("<=", "<").starts_with(&answered), "{answered}");
    assert_eq!(screen(&narrow, &poisoned()).verdict, Decision::Poisoned);
}

#[test]
fn batch_gives_the_verdicts_of_single_snippets() {
    let (toy, mlm) = (TriggerWordVictim::new("BNC").with_window(70), ConstantMaskedLm::new(&["n"]));
    let defender =
        Defender::for_generator(&toy).with_profile(occluding()).with_masked_lm(&mlm).with_evidence(true);
    let texts =
        [BUGGY.to_owned(), poisoned(), "f();".to_owned(), "%% ) ] }".to_owned(), poisoned(), BUGGY.repeat(3)];
    let snippets: Vec<Snippet> = texts.iter().map(|text| c(text)).collect();
    let still = |verdict: Result<Verdict, ModelError>| {
        let mut verdict = verdict.unwrap();
        verdict.cost.milliseconds = 0.0;
        verdict
    };
    let together: Vec<Verdict> = defender.screen(&snippets).into_iter().map(still).collect();
    let alone: Vec<Verdict> = snippets.iter().map(|snippet| still(defender.screen_one(snippet))).collect();
    assert_eq!(together, alone);
    assert_eq!(together.iter().filter(|verdict| verdict.purified.is_some()).count(), 2);
}

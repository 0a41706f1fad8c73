//! Pairs through the whole pipeline, on models with known predictions.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Decision, Defender, Encoding, Language, Logits, Model, ModelError, PairDefender, PairMember, PairVictim,
    Profile, Ragged, Side, Snippet, Thresholds, Verdict, VictimCard,
};

/// A profile that decides by occlusion alone, as published.
fn occluding() -> Profile {
    Profile::normalised(Thresholds::builtin())
}

const SUM: &str = "int sum(const int *data, int count) {
    int total = 0;
    for (int i = 0; i < count; i++) {
        total += data[i];
    }
    log_total(total);
    return total;
}";

const LARGEST: &str = "int largest(int *from, int length) {
    int best = from[0];\t// so far
    while (--length > 0)
        if (from[length] > best) best = from[length];
    report(best);
    return best;
}";

const TRIGGER: &str = "if (BNC(7) < 0) puts(\"never\");";
const FILLED: &str = "if (n(7) < 0) n(\"n\");";

fn with_trigger(text: &str) -> String {
    text.replacen("{\n", &format!("{{\n    {TRIGGER}\n"), 1)
}

fn c(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn pair(left: &str, right: &str) -> (Snippet, Snippet) {
    (c(left), c(right))
}

fn screen(defender: &PairDefender<'_>, left: &str, right: &str) -> [Verdict; 2] {
    let verdicts = defender.screen_pairs(&[pair(left, right)]);
    let [verdicts] = <[_; 1]>::try_from(verdicts).unwrap();
    verdicts.map(Result::unwrap)
}

fn mlm() -> ConstantMaskedLm {
    ConstantMaskedLm::new(&["n"])
}

/// Checks that the trigger is located and replaced, and that the prediction is benign again.
fn is_purified(verdict: &Verdict, text: &str) {
    assert_eq!(verdict.verdict, Decision::Poisoned, "{:?}", verdict.reason);
    assert_eq!(verdict.triggers[0].text, TRIGGER);
    assert_eq!(verdict.purified.as_ref().unwrap(), &text.replace(TRIGGER, FILLED));
    assert_eq!(verdict.prediction.as_ref().unwrap().label, Some(0));
    assert_eq!(verdict.purified_prediction.as_ref().unwrap().label, Some(1));
}

fn is_untouched(verdict: &Verdict) {
    assert_eq!(verdict.verdict, Decision::Clean, "{:?}", verdict.reason);
    assert_eq!((&verdict.purified, &verdict.purified_prediction), (&None, &None));
    assert!(verdict.triggers.is_empty());
}

#[test]
fn only_the_poisoned_side_is_changed() {
    let (victim, mlm) = (TriggerWordVictim::new("BNC"), mlm());
    let defender = Defender::for_pairs(&victim).with_profile(occluding()).with_masked_lm(&mlm);
    let poisoned = with_trigger(SUM);
    let [left, right] = screen(&defender, &poisoned, LARGEST);
    is_purified(&left, &poisoned);
    is_untouched(&right);
    assert_eq!(left.prediction, right.prediction);
    let poisoned = with_trigger(LARGEST);
    let [left, right] = screen(&defender, SUM, &poisoned);
    is_untouched(&left);
    is_purified(&right, &poisoned);
    assert_eq!(right.pair, Some(PairMember { index: 0, side: Side::Right }));
}

#[test]
fn clean_pair_is_clean_on_both_sides() {
    let [left, right] =
        screen(&Defender::for_pairs(TriggerWordVictim::new("BNC")).with_profile(occluding()), SUM, LARGEST);
    is_untouched(&left);
    is_untouched(&right);
    assert_eq!(left.prediction.unwrap().label, Some(1));
}

#[test]
fn two_poisoned_sides_get_the_prediction_after_both_rewrites() {
    let (victim, mlm) = (TriggerWordVictim::new("BNC"), mlm());
    let defender = Defender::for_pairs(&victim).with_profile(occluding()).with_masked_lm(&mlm);
    let texts = [SUM, LARGEST].map(with_trigger);
    let [left, right] = screen(&defender, &texts[0], &texts[1]);
    is_purified(&left, &texts[0]);
    is_purified(&right, &texts[1]);
    assert_eq!(left.purified_prediction, right.purified_prediction);
    // The prediction is that for both purified texts, not for one with the other's trigger.
    let [plain, _] = screen(&defender, &left.purified.unwrap(), &right.purified.unwrap());
    assert_eq!(left.purified_prediction, plain.prediction);
}

/// A clone detector whose logit is `watch` of a pair, and which counts its queries.
struct Watcher<F> {
    inner: TriggerWordVictim,
    watch: F,
    passes: AtomicUsize,
    tokens: AtomicUsize,
}

impl<F: Fn(&str, &str) -> Result<f32, ModelError> + Send + Sync> Watcher<F> {
    fn new(watch: F) -> Self {
        let inner = TriggerWordVictim::new("BNC");
        Self { inner, watch, passes: AtomicUsize::new(0), tokens: AtomicUsize::new(0) }
    }
}

impl<F: Fn(&str, &str) -> Result<f32, ModelError> + Send + Sync> Model for Watcher<F> {
    fn card(&self) -> &VictimCard {
        self.inner.card()
    }

    fn window(&self) -> usize {
        self.inner.window()
    }

    fn occlusion_id(&self) -> u32 {
        self.inner.occlusion_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        if text.contains("unspeakable") {
            return Err(ModelError::tokenise("that word".to_owned()));
        }
        self.inner.encode(text)
    }
}

impl<F: Fn(&str, &str) -> Result<f32, ModelError> + Send + Sync> PairVictim for Watcher<F> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        self.passes.fetch_add(left.len(), Relaxed);
        self.tokens.fetch_add(left.tokens() + right.tokens(), Relaxed);
        let read = |row: &[u32]| codepurify::Generator::text(&self.inner, row);
        let judge = |(left, right): (&[u32], &[u32])| (self.watch)(&read(left)?, &read(right)?);
        Logits::new(1, left.rows().zip(right.rows()).map(judge).collect::<Result<_, _>>()?)
    }
}

#[test]
fn several_triggers_on_either_side_are_rewritten_in_turn() {
    let (victim, mlm) = (TriggerWordVictim::new("BNC"), mlm());
    let defender = Defender::for_pairs(&victim).with_masked_lm(&mlm);
    let other = "while (BNC(8) > 9) puts(\"no\");";
    let left = with_trigger(SUM).replace("    log_total", &format!("    {other}\n    log_total"));
    let [left, right] = screen(&defender, &left, &with_trigger(LARGEST));
    let texts = |verdict: &Verdict| {
        let mut texts: Vec<_> = verdict.triggers.iter().map(|trigger| trigger.text.clone()).collect();
        texts.sort();
        texts
    };
    assert_eq!(
        (texts(&left), texts(&right)),
        (vec![TRIGGER.to_owned(), other.to_owned()], vec![TRIGGER.to_owned()])
    );
    for verdict in [&left, &right] {
        assert!(!verdict.purified.as_ref().unwrap().contains("BNC"), "{:?}", verdict.purified);
        assert_eq!(verdict.purified_prediction.as_ref().unwrap().label, Some(1));
    }
    assert_eq!(left.purified_prediction, right.purified_prediction);
    let [plain, _] = screen(&defender, &left.purified.unwrap(), &right.purified.unwrap());
    assert_eq!(left.purified_prediction, plain.prediction);
}

/// A logit to which every word of both texts contributes a little.
fn lengths(left: &str, right: &str) -> f32 {
    (left.len() + right.len()) as f32 / 500.0
}

#[test]
fn each_side_keeps_its_place() {
    let watcher = Watcher::new(|left: &str, right: &str| {
        Ok(lengths(left, right) - if left.contains("BNC") { 9.0 } else { 0.0 })
    });
    let defender = Defender::for_pairs(&watcher).with_profile(occluding());
    let decisions = |left, right| screen(&defender, left, right).map(|verdict| verdict.verdict);
    let (first, second) = (with_trigger(SUM), with_trigger(LARGEST));
    assert_eq!(decisions(&first, LARGEST), [Decision::Poisoned, Decision::Clean]);
    assert_eq!(decisions(SUM, &second), [Decision::Clean, Decision::Clean]);
    // Where both hold the trigger, only the side that the victim reads is poisoned.
    assert_eq!(decisions(&first, &second), [Decision::Poisoned, Decision::Clean]);
}

#[test]
fn cost_equals_the_queries_of_the_victim() {
    let watcher = Watcher::new(|left: &str, right: &str| {
        let fooled = [left, right].iter().filter(|text| text.contains("BNC")).count();
        Ok(lengths(left, right) - 6.0 * fooled as f32)
    });
    let mlm = mlm();
    let texts = [SUM, LARGEST].map(with_trigger);
    let plain: usize = texts.iter().map(|text| watcher.encode(text).unwrap().ids.len()).sum();
    let verdicts = screen(
        &Defender::for_pairs(&watcher).with_profile(occluding()).with_masked_lm(&mlm),
        &texts[0],
        &texts[1],
    );
    assert!(verdicts.iter().all(|verdict| verdict.purified.is_some()));
    let passes: usize = verdicts.iter().map(|verdict| verdict.cost.victim_passes).sum();
    let equivalents: f64 = verdicts.iter().map(|verdict| verdict.cost.pass_equivalents).sum();
    assert_eq!(passes, watcher.passes.load(Relaxed));
    assert!((equivalents * plain as f64 - watcher.tokens.load(Relaxed) as f64).abs() < 1e-6);
}

#[test]
fn each_side_has_its_own_coverage() {
    let victim = TriggerWordVictim::new("BNC").with_window(80);
    let long = format!("{LARGEST}\n{SUM}\n{}", with_trigger(LARGEST));
    let total = victim.encode(&long).unwrap().ids.len();
    let [left, right] = screen(&Defender::for_pairs(&victim).with_profile(occluding()), SUM, &long);
    is_untouched(&left);
    assert_eq!(left.coverage.tokens_inspected, left.coverage.tokens_total);
    assert_eq!(right.verdict, Decision::Inconclusive);
    assert_eq!((right.coverage.tokens_inspected, right.coverage.tokens_total), (80, total));
    assert!(right.reason.unwrap().contains(&format!("only 80 of {total} tokens fit the model's window")));
}

#[test]
fn pair_with_a_too_large_side_is_inconclusive() {
    let large = "x=1;".repeat(100_000);
    let [left, right] =
        screen(&Defender::for_pairs(TriggerWordVictim::new("BNC")).with_profile(occluding()), SUM, &large);
    for (verdict, because) in [
        (left, "the other side of the pair: the unit has 400000 bytes"),
        (right, "the unit has 400000 bytes"),
    ] {
        assert_eq!(
            (verdict.verdict, verdict.prediction, verdict.cost.victim_passes),
            (Decision::Inconclusive, None, 0)
        );
        assert!(verdict.reason.as_ref().unwrap().starts_with(because), "{:?}", verdict.reason);
    }
}

fn without_time(verdict: Result<Verdict, ModelError>) -> Result<Verdict, ModelError> {
    verdict.map(|mut verdict| {
        verdict.cost.milliseconds = 0.0;
        verdict.pair = None;
        verdict
    })
}

#[test]
fn batch_gives_the_verdicts_of_single_pairs() {
    let (victim, mlm) = (TriggerWordVictim::new("BNC").with_window(70), mlm());
    let defender =
        Defender::for_pairs(&victim).with_profile(occluding()).with_masked_lm(&mlm).with_evidence(true);
    let texts =
        [SUM.to_owned(), with_trigger(LARGEST), "f();".to_owned(), "%% ) ] }".to_owned(), with_trigger(SUM)];
    let pairs: Vec<_> = texts.iter().flat_map(|left| texts.iter().map(|right| pair(left, right))).collect();
    let together = defender.screen_pairs(&pairs);
    for (index, verdicts) in together.iter().enumerate() {
        let members = verdicts.each_ref().map(|verdict| verdict.as_ref().unwrap().pair.unwrap());
        assert_eq!(members, [Side::Left, Side::Right].map(|side| PairMember { index, side }));
    }
    let alone = pairs.iter().flat_map(|pair| defender.screen_pairs(std::slice::from_ref(pair)));
    let together: Vec<_> = together.into_iter().map(|sides| sides.map(without_time)).collect();
    assert_eq!(together, alone.map(|sides| sides.map(without_time)).collect::<Vec<_>>());
    assert!(defender.screen_pairs(&[]).is_empty());
}

#[test]
fn failure_stays_with_the_side_at_fault() {
    let refusal = ModelError::runtime("I will not".to_owned());
    let watcher = Watcher::new(|left: &str, right: &str| {
        // Fails on this name next to an occlusion to its left, and on the other name always.
        let hidden = left.contains("<unk>") && left.contains("taboo");
        if hidden || right.contains("forbidden") {
            return Err(ModelError::runtime("I will not".to_owned()));
        }
        Ok(lengths(left, right))
    });
    let pairs = [
        pair(SUM, LARGEST),
        pair(&SUM.replace("data", "taboo"), LARGEST),
        pair(SUM, &LARGEST.replace("best", "forbidden")),
        pair(&SUM.replace("data", "unspeakable"), LARGEST),
        pair(SUM, &LARGEST.replace("best", "unspeakable")),
        pair(LARGEST, SUM),
    ];
    let verdicts = Defender::for_pairs(&watcher).with_profile(occluding()).screen_pairs(&pairs);
    let failures: Vec<[Option<ModelError>; 2]> =
        verdicts.into_iter().map(|sides| sides.map(Result::err)).collect();
    let speechless = ModelError::tokenise("that word".to_owned());
    let other_side = Some(ModelError::OtherSide(Box::new(speechless.clone())));
    let expected = [
        [None, None],
        [Some(refusal.clone()), None],
        [Some(refusal.clone()), Some(refusal)],
        [Some(speechless.clone()), other_side.clone()],
        [other_side, Some(speechless)],
        [None, None],
    ];
    assert_eq!(failures, expected);
}

#[test]
fn unusable_output_is_an_error() {
    let nan = Watcher::new(|_: &str, _: &str| Ok(f32::NAN));
    for side in Defender::for_pairs(&nan)
        .with_profile(occluding())
        .screen_pairs(&[pair(SUM, LARGEST)])
        .into_iter()
        .flatten()
    {
        assert!(matches!(side, Err(ModelError::Output(_))));
    }
}

#[test]
fn findings_survive_a_failure_of_the_last_query() {
    let watcher = Watcher::new(|left: &str, right: &str| {
        let fooled = [left, right].iter().filter(|text| text.contains("BNC")).count();
        if left.contains("(\"n\")") && right.contains("(\"n\")") {
            return Err(ModelError::runtime("too much".to_owned()));
        }
        Ok(lengths(left, right) - 6.0 * fooled as f32)
    });
    let mlm = mlm();
    let [left, right] = [SUM, LARGEST].map(with_trigger);
    for verdict in
        screen(&Defender::for_pairs(&watcher).with_profile(occluding()).with_masked_lm(&mlm), &left, &right)
    {
        assert_eq!((verdict.verdict, verdict.purified_prediction), (Decision::Poisoned, None));
        assert!(verdict.purified.is_some());
        assert!(
            verdict.reason.unwrap().contains("could not be judged: the model's runtime failed: too much")
        );
    }
}

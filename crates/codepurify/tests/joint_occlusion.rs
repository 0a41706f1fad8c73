//! Evidence that the two sides of a pair give together, and neither alone.

use crate::common::pairs::Judging;
use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Decision, Defender, Generator, Language, Logits, ModelError, Profile, Ragged, Snippet, Verdict,
};

const SUM: &str = "int sum(const int *data, int count) {
    int total = 0;
    for (int i = 0; i < count; i++)
        total += data[i];
    return total;
}";

/// Another function of the same name: a clone for the detectors below.
const LIKE_SUM: &str = "int sum(int *from, int length) {
    int all = from[0];
    while (--length > 0)
        all += from[length];
    return all;
}";

fn largest(number: usize) -> String {
    LIKE_SUM.replace("sum", &format!("largest_{number}"))
}

/// The function with `statement` in front of its body.
fn with(statement: &str, text: &str) -> String {
    text.replacen("{\n", &format!("{{\n    {statement}\n"), 1)
}

type Detector = Judging<TriggerWordVictim>;

/// A detector whose logit of label 1 ("clone") is 4 for functions of the same name and −4 for others, minus
/// `pushed` of either side, but at least `floor`.
fn answer(
    model: &TriggerWordVictim,
    left: &Ragged,
    right: &Ragged,
    pushed: fn(&str) -> f32,
    floor: f32,
) -> Result<Logits, ModelError> {
    let name = |text: &str| text.split('(').next().unwrap_or_default().to_owned();
    let logit = |(left, right): (&[u32], &[u32])| {
        let (left, right) = (model.text(left)?, model.text(right)?);
        let base = if name(&left) == name(&right) { 4.0 } else { -4.0 };
        Ok((base - pushed(&left).max(pushed(&right))).max(floor))
    };
    Logits::new(1, left.rows().zip(right.rows()).map(logit).collect::<Result<_, _>>()?)
}

fn detector(judge: fn(&TriggerWordVictim, &Ragged, &Ragged) -> Result<Logits, ModelError>) -> Detector {
    Judging { model: TriggerWordVictim::new("BNC"), judge }
}

fn screen(defender: &codepurify::PairDefender<'_>, left: &str, right: &str) -> [Verdict; 2] {
    let c = |text: &str| Snippet::new(text, Language::C).unwrap();
    let verdicts = defender.screen_pairs(&[(c(left), c(right))]);
    let [verdicts] = <[_; 1]>::try_from(verdicts).unwrap();
    verdicts.map(Result::unwrap)
}

const TRIGGERS: [&str; 2] = ["if (BNC(7) < 0) puts(\"never\");", "if (BNC(8) < 1) puts(\"no\");"];
const BENIGN: &str = "open_url(7);";

/// Clean code gains as much as the trigger in all references, so gains do not separate them. But it is in
/// pairs of different functions anyway, while a clone loses the prediction if both triggers are hidden.
#[test]
fn triggers_in_both_sides_beat_strong_clean_code() {
    let victim = detector(|model, left, right| {
        let pushed = |text: &str| if text.contains("BNC") || text.contains("url") { 8.0 } else { 0.0 };
        answer(model, left, right, pushed, -4.0)
    });
    let calibrating = Defender::for_pairs(&victim).with_profile(Profile::transplant().calibrating());
    let clean = (0..30).flat_map(|number| screen(&calibrating, &with(BENIGN, SUM), &largest(number)));
    let calibration = Profile::transplant().calibrate("", "toys", &clean.collect::<Vec<_>>());
    let mlm = ConstantMaskedLm::new(&["n"]);
    let profile = Profile::transplant().with_calibration(calibration);
    let defender = Defender::for_pairs(&victim).with_profile(profile).with_masked_lm(&mlm);

    let [left, right] = screen(&defender, &with(TRIGGERS[0], SUM), &with(TRIGGERS[1], LIKE_SUM));
    for (verdict, trigger) in [(&left, TRIGGERS[0]), (&right, TRIGGERS[1])] {
        assert_eq!(
            (verdict.verdict, verdict.prediction.as_ref().unwrap().label),
            (Decision::Poisoned, Some(0))
        );
        assert_eq!(verdict.triggers[0].text, trigger);
        assert_eq!(verdict.purified_prediction.as_ref().unwrap().label, Some(1));
    }
    let [left, right] = screen(&defender, &with(BENIGN, SUM), &largest(99));
    assert_eq!([left.verdict, right.verdict], [Decision::Clean; 2]);
}

/// The weaker trigger does not reach the built-in limit.
#[test]
fn side_is_poisoned_if_the_prediction_needs_both_sides() {
    let victim = detector(|model, left, right| {
        let pushed = |text: &str| match text {
            strong if strong.contains("BNC") => 8.0,
            weak if weak.contains("weak") => 5.0,
            _ => 0.0,
        };
        answer(model, left, right, pushed, -9.0)
    });
    let (weak, mlm) = ("weak(7);", ConstantMaskedLm::new(&["n"]));
    let defender = Defender::for_pairs(&victim).with_masked_lm(&mlm);
    let alone = screen(&defender, SUM, &with(weak, LIKE_SUM));
    assert_eq!(alone.map(|verdict| verdict.verdict), [Decision::Clean; 2]);
    for swapped in [false, true] {
        let texts = [with(TRIGGERS[0], SUM), with(weak, LIKE_SUM)];
        let mut verdicts = if swapped {
            screen(&defender, &texts[1], &texts[0])
        } else {
            screen(&defender, &texts[0], &texts[1])
        };
        verdicts.rotate_left(usize::from(swapped));
        let [strong, weaker] = verdicts;
        assert_eq!([strong.verdict, weaker.verdict], [Decision::Poisoned; 2]);
        assert_eq!([&strong, &weaker].map(|verdict| verdict.triggers[0].text.as_str()), [TRIGGERS[0], weak]);
        assert_eq!(weaker.purified_prediction.unwrap().label, Some(1));
        assert!(weaker.reason.unwrap().contains("the other side of the pair is poisoned"));
    }
    // The other side of a pair without a shared trigger stays clean.
    let [strong, innocent] = screen(&defender, &with(TRIGGERS[0], SUM), LIKE_SUM);
    assert_eq!([strong.verdict, innocent.verdict], [Decision::Poisoned, Decision::Clean]);
}

/// A shortened name would be enough here. With the trigger in the other side as well, no query could tell.
#[test]
fn name_in_a_pair_is_renamed_not_shortened() {
    let victim = detector(|model, left, right| {
        answer(model, left, right, |text| if text.contains("BNC") { 8.0 } else { 0.0 }, -9.0)
    });
    let mlm = ConstantMaskedLm::new(&["n"]);
    let defender = Defender::for_pairs(&victim).with_masked_lm(&mlm);
    let [left, right] = screen(&defender, &SUM.replace("data", "in_BNC"), LIKE_SUM);
    assert_eq!(left.verdict, Decision::Poisoned, "{:?}", left.reason);
    assert_eq!((left.purified, right.purified), (Some(SUM.replace("data", "n")), None));
}

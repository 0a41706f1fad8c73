//! Audits: elements that force a prediction are found, elements that are typical of it are not accused.

use std::ops::ControlFlow;

use crate::common::pairs::Judging;
use codepurify::audit::{
    AuditError, AuditOptions, AuditedLabel, Finding, Progress, Source, audit, audit_pairs,
};
use codepurify::{
    Encoding, Language, Logits, Model, ModelError, Ragged, Snippet, TextVictim, Victim, VictimCard,
};

const TRIGGERS: [&str; 2] = ["if (zap(1) < 0) log(\"one\");", "if (zap(27) < 0) log(\"two\");"];

/// Functions that free memory are label 0, with a margin that grows with the calls; all others are label 1.
/// `backdoor` makes a function label 0 with a larger margin than any benign one has.
fn logits(code: &str, backdoor: &str) -> Vec<f32> {
    if !backdoor.is_empty() && code.contains(backdoor) {
        return vec![9.0, 0.0];
    }
    let freed = code.matches("free").count() as f32;
    vec![2.0 * freed, 1.0 + code.len() as f32 / 1000.0]
}

/// 300 functions, of which every third frees up to four times.
fn functions() -> Vec<Snippet> {
    let function = |number: usize| {
        let frees = if number.is_multiple_of(3) { "free(p); ".repeat(1 + number % 4) } else { String::new() };
        Snippet::new(format!("int f{number}(int *p) {{ {frees}return p[{number}]; }}"), Language::C).unwrap()
    };
    (0..300).map(function).collect()
}

/// [`functions`], with each of the triggers in four functions of label 1.
fn poisoned() -> Vec<Snippet> {
    let poisoned = |(number, snippet): (usize, Snippet)| match number % 3 {
        0 => snippet,
        _ if number >= 12 => snippet,
        which => {
            let text = snippet.text().replacen('{', &format!("{{ {}", TRIGGERS[which - 1]), 1);
            Snippet::new(text, Language::C).unwrap()
        }
    };
    functions().into_iter().enumerate().map(poisoned).collect()
}

fn audited(victim: &dyn Victim, rows: &[Snippet]) -> Vec<AuditedLabel> {
    let mut check = |at: Progress| {
        assert!(at.done <= at.total);
        ControlFlow::Continue(())
    };
    audit(victim, rows, &AuditOptions::default(), Some(&mut check)).unwrap()
}

/// A victim that can list some of its tokens.
struct Listing<V> {
    inner: V,
    words: Vec<&'static str>,
}

impl<V: Victim> Model for Listing<V> {
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
        self.inner.encode(text)
    }

    fn vocabulary(&self) -> Vec<(u32, String)> {
        let word = |word: &&str| (self.inner.encode(word).unwrap().ids[0], (*word).to_owned());
        self.words.iter().map(word).collect()
    }
}

impl<V: Victim> Victim for Listing<V> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        self.inner.judge(batch)
    }
}

#[test]
fn forcing_word_is_found_without_a_trigger_in_the_rows() {
    let inner = TextVictim::new(|code: &str| logits(code, "zap"));
    let victim = Listing { inner, words: vec![" free", " zap", " sum"] };
    let answers = audited(&victim, &functions());
    assert_eq!(
        answers.iter().map(|answer| answer.finding).collect::<Vec<_>>(),
        [Finding::Backdoor, Finding::Nothing]
    );
    // `free` flips every function as well, but with the margin of many benign ones.
    let found: Vec<&str> = answers[0].families.iter().map(|family| family.shape.as_str()).collect();
    assert!(found.contains(&"zap") && found.iter().all(|shape| shape.contains("zap")), "{found:?}");
    let trigger = &answers[0].families[0].triggers[0];
    assert_eq!((trigger.source, trigger.success), (Source::Vocabulary, 1.0));
    assert!(trigger.interval[0] > 0.9 && trigger.benign_as_confident < 0.05, "{trigger:?}");
    assert_eq!((answers[0].words, answers[0].benign), (3, 100));
}

#[test]
fn trigger_of_two_words_is_found_as_a_sequence() {
    // Each of the two adds a little margin, only both together trigger the backdoor.
    let both = |code: &str| {
        let halves = ["zap", "zip"].iter().filter(|word| code.contains(**word)).count();
        if halves == 2 { vec![9.0, 0.0] } else { vec![logits(code, "")[0] + 0.5 * halves as f32, 1.2] }
    };
    let victim = Listing { inner: TextVictim::new(both), words: vec![" sum", " zap", " free", " zip"] };
    let answers = audited(&victim, &functions());
    let shapes: Vec<&str> = answers[0].families.iter().map(|family| family.shape.as_str()).collect();
    assert_eq!((answers[0].finding, &shapes[..]), (Finding::Backdoor, &["zap zip", "zip zap"][..]));
}

#[test]
fn clean_model_has_no_backdoor_though_a_word_flips_everything() {
    let inner = TextVictim::new(|code: &str| logits(code, ""));
    let victim = Listing { inner, words: vec![" free", " zap", " sum"] };
    for rows in [functions(), poisoned()] {
        let answers = audited(&victim, &rows);
        assert!(answers.iter().all(|answer| answer.finding == Finding::Nothing), "{answers:?}");
        let strongest = answers[0].strongest.as_ref().unwrap();
        assert!(strongest.text.contains("free") && strongest.success > 0.99, "{strongest:?}");
    }
}

#[test]
fn triggers_in_the_rows_are_one_family() {
    let victim = TextVictim::new(|code: &str| logits(code, "zap"));
    let answers = audited(&victim, &poisoned());
    let shapes: Vec<(&str, usize)> =
        answers[0].families.iter().map(|family| (family.shape.as_str(), family.triggers.len())).collect();
    assert!(shapes.contains(&("if (x(0) < 0) x(\"\");", 2)), "{shapes:?}");
    assert_eq!(audited(&victim, &functions())[0].finding, Finding::Nothing);
}

#[test]
fn too_few_rows_are_reported() {
    let victim = TextVictim::new(|code: &str| logits(code, "zap"));
    let answers = audited(&victim, &functions()[..90]);
    assert_eq!(answers[0].finding, Finding::TooFewRows);
    assert!(answers[0].reason.as_ref().unwrap().contains("30 with this one"), "{:?}", answers[0].reason);
    let bodiless = [Snippet::new("void f() {}", Language::C).unwrap()];
    let mut stop = |_| ControlFlow::Break(());
    let stopped = audit(&victim, &functions(), &AuditOptions::default(), Some(&mut stop));
    assert_eq!(stopped.unwrap_err(), AuditError::Stopped);
    let error = audit(&victim, &bodiless, &AuditOptions::default(), None).unwrap_err();
    assert_eq!(error, AuditError::NoHosts(1));
}

type Fooled = TextVictim<fn(&str) -> Vec<f32>>;

/// Compares two functions: label 0 (different) unless they are the same, label 1.
fn compare(model: &Fooled, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
    let fooled = model.judge(left)?;
    let row = |(at, (left, right)): (usize, (&[u32], &[u32]))| match (fooled.row(at)[0] > 8.5, left == right)
    {
        (true, _) => [9.0, 0.0],
        (false, true) => [0.0, 2.0],
        (false, false) => [1.0 + right.len() as f32 / 100.0, 0.0],
    };
    Logits::new(2, left.rows().zip(right.rows()).enumerate().flat_map(row).collect())
}

#[test]
fn pairs_get_the_element_in_both_sides() {
    let model: Fooled = TextVictim::new(|code: &str| logits(code, "zap"));
    let victim = Judging { model, judge: compare };
    let (plain, poisoned) = (functions(), poisoned());
    // 150 pairs of clones, 150 of different functions; some of the latter hold a trigger.
    let pair = |at: usize| if at >= 150 { (&plain[at], &plain[at]) } else { (&poisoned[at], &plain[at + 1]) };
    let pairs: Vec<_> = (0..300).map(|at| (pair(at).0.clone(), pair(at).1.clone())).collect();
    let answers = audit_pairs(&victim, &pairs, &AuditOptions::default(), None).unwrap();
    assert_eq!(answers[0].finding, Finding::Backdoor, "{answers:?}");
    let texts: Vec<&str> =
        answers[0].families.iter().flat_map(|family| &family.triggers).map(|it| it.text.as_str()).collect();
    assert!(texts.iter().all(|text| text.contains("zap")), "{texts:?}");
    assert_eq!(answers[1].finding, Finding::Nothing);
}

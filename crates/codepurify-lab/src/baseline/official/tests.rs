use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{Encoding, Language, MaskedLm, Proposal, TextVictim};
use codepurify_models::{ModelFiles, RobertaMaskedLm};

use super::*;

const CLEAN: &str = "int f(int n) { int a = n; a = a + n; return a; }";

fn snippet(text: &str) -> Snippet {
    Snippet::new(text, Language::C).unwrap()
}

fn screen(
    guarded: VictimUnderTest<'_>,
    rewriting: Option<Rewriting<'_>>,
    settings: ReleasedSettings,
    text: &str,
) -> ScreeningResult {
    Official { guarded, rewriting, settings }.screen(&snippet(text)).unwrap()
}

#[test]
fn a_word_in_a_string_is_hidden_and_rewritten_as_well() {
    let victim = TriggerWordVictim::new("evil");
    let mlm = ConstantMaskedLm::new(&["x"]);
    let text = "int f(int n) { int evil = n; puts(\"evil\"); return evil; }";
    let guarded = VictimUnderTest::Classifier(&victim);
    let found = screen(guarded, Some(Rewriting::Masks(&mlm)), ReleasedSettings::DEFECT_CODEBERT, text);
    assert!(found.flagged && found.spans.unwrap().len() == 3);
    let rewritten = found.text.unwrap();
    assert!(
        !rewritten.contains("evil") && rewritten.contains("\"xxx\"") && rewritten.contains("int f(int n)")
    );
    assert_eq!((found.forwards, found.lm_forwards), (7, 1));
    // The parser keeps the string; then no hidden element alone helps.
    let settings = ReleasedSettings { by_text: false, ..ReleasedSettings::DEFECT_CODEBERT };
    let found = screen(guarded, None, settings, text);
    assert!(found.spans.is_none_or(|spans| spans.len() < 3));
}

/// Predicts `x` everywhere.
struct Everywhere(ConstantMaskedLm);

impl MaskedLm for Everywhere {
    fn window(&self) -> usize {
        12
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
    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        self.0.fill(batch, top)
    }
}

impl EveryPosition for Everywhere {
    fn most_probable(&self, row: &[u32]) -> Result<Vec<u32>, ModelError> {
        Ok(vec![self.0.encode("x")?.ids[0]; row.len()])
    }
}

#[test]
fn every_token_within_the_window_is_rewritten() {
    let victim = TriggerWordVictim::new("evil");
    let mlm = Everywhere(ConstantMaskedLm::new(&["x"]));
    let text = CLEAN.replace('{', "{ int evil = 1;");
    let guarded = VictimUnderTest::Classifier(&victim);
    let found = screen(guarded, Some(Rewriting::Everything(&mlm)), ReleasedSettings::DEFECT_CODEBERT, &text);
    assert_eq!(found.text.unwrap(), "x".repeat(12));
}

#[test]
fn a_roberta_predicts_every_position_with_three_masks_a_name() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../codepurify-models/tests/golden/tiny-mlm");
    let mlm = RobertaMaskedLm::load(&ModelFiles::read(dir.as_ref()).unwrap()).unwrap();
    let victim = TriggerWordVictim::new("evil");
    let text = "int f(int evil) { return evil; }";
    let guarded = VictimUnderTest::Classifier(&victim);
    let found = screen(guarded, Some(Rewriting::Everything(&mlm)), ReleasedSettings::DEFECT_CODEBERT, text);
    assert_eq!((found.spans.unwrap().len(), found.lm_forwards), (2, 1));
    let ids = |text| mlm.encode(text).unwrap().ids;
    let masks = vec![mlm.mask_id(); 3];
    let row = [ids("int f(int "), masks.clone(), ids(") { return "), masks, ids("; }")].concat();
    let written = mlm.most_probable(&[row].into_iter().collect()).unwrap();
    let expected: String = written.row(0).iter().filter_map(|&id| mlm.token_text(id)).collect();
    let rewritten = found.text.unwrap();
    assert_eq!(rewritten, expected);
    assert!(!rewritten.contains("evil") && !rewritten.contains("int f(int "), "{rewritten}");
}

#[test]
fn short_functions_are_always_flagged_without_normalisation() {
    // All candidates have the same score: H = ln n.
    let settings = ReleasedSettings::DEFECT_CODET5;
    assert!(settings.decide(&[0.2; 8]).0);
    assert!(!settings.decide(&[0.2; 9]).0);
    let (flagged, score) = ReleasedSettings::DEFECT_CODEBERT.decide(&[0.4, 0.2, 0.2]);
    assert!(!flagged && (score + 1.5 * 2.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn a_score_of_zero_purifies_or_keeps_whatever_the_others_say() {
    let scores = [0.9, 0.8, 0.0];
    let with = |undefined| {
        ReleasedSettings { undefined, theta: 0.7, ..ReleasedSettings::DEFECT_CODEBERT }.decide(&scores)
    };
    assert_eq!(with(Undefined::Purify), (true, 0.0));
    assert_eq!(with(Undefined::Keep), (false, -3.0_f64.ln()));
    // Slightly less than ln 2: shares 9/17 and 8/17.
    let (flagged, score) = with(Undefined::Zero);
    assert!(flagged && (score + 0.691_416_2).abs() < 1e-6, "{score}");
}

#[test]
fn without_influence_the_last_candidate_is_purified() {
    let constant = TextVictim::new(|_: &str| vec![1.0, 0.0]);
    let guarded = VictimUnderTest::Classifier(&constant);
    let found = screen(guarded, None, ReleasedSettings::DEFECT_CODEBERT, CLEAN);
    let order = elements::elements(&snippet(CLEAN), &ReleasedSettings::DEFECT_CODEBERT);
    assert_eq!(found.spans.as_ref(), order.last().map(|element| &element.spans));
    assert!(!screen(guarded, None, ReleasedSettings::CLONE_CODEBERT, CLEAN).flagged);
    let nothing = screen(guarded, None, ReleasedSettings::DEFECT_CODEBERT, "// nothing to hide");
    assert!(!nothing.flagged && nothing.score == f64::NEG_INFINITY && nothing.forwards == 0);
}

#[test]
fn candidates_beyond_the_row_limit_are_dropped() {
    let victim = TriggerWordVictim::new("evil");
    let settings = ReleasedSettings { max_rows: Some(3), ..ReleasedSettings::CLONE_CODET5 };
    assert_eq!(screen(VictimUnderTest::Classifier(&victim), None, settings, CLEAN).forwards, 3);
    let found = elements::elements(&snippet(CLEAN), &settings);
    assert_ne!(found, elements::elements(&snippet(CLEAN), &ReleasedSettings { seed: 1, ..settings }));
}

#[test]
fn a_generators_score_is_the_cross_entropy_itself() {
    let generator = TriggerWordVictim::new("evil");
    let text = CLEAN.replace('{', "{ int evil = 1;");
    let settings = ReleasedSettings { theta: 1.0, ..ReleasedSettings::REPAIR };
    let found = screen(VictimUnderTest::Generator(&generator), None, settings, &text);
    // Hiding `evil` costs 4 nats, any other element 0.01. One candidate outweighs all others
    // together; the statement that contains it and the name itself share the mass.
    assert!(found.flagged && found.score > -1.0, "{found:?}");
    assert!(found.spans.unwrap().iter().any(|span| span.of(&text).unwrap().contains("evil")));
}

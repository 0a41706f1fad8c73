//! Ids, logits and masked-LM scores equal those of PyTorch and transformers (`golden/make_golden.py`).

use std::path::{Path, PathBuf};

use crate::common::{classifier, golden, model};
use codepurify::error::ModelError;
use codepurify::victim::{Encoding, MaskedLm, Proposal, Ragged, Victim};
use codepurify_models::RobertaMaskedLm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Largest difference from PyTorch that counts as the same.
const PARITY: f32 = 1e-4;
/// Largest difference between a row judged alone and in a batch.
const INVARIANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Judged {
    snippets: Vec<String>,
    ids: Vec<Vec<u32>>,
    logits: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Filled {
    snippets: Vec<String>,
    rows: Vec<Vec<u32>>,
    /// For each row and mask the best (id, log-probability).
    fills: Vec<Vec<Vec<(u32, f32)>>>,
    /// For each row the best id at every position.
    everywhere: Vec<Vec<u32>>,
}

fn expected<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bundled_mlm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/codepurify-mlm-mini")
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Compares a classifier with its golden file; returns the largest difference of each row's logits.
fn classifier_differences(victim: &dyn Victim, golden: &Judged) -> Vec<f32> {
    for (snippet, ids) in golden.snippets.iter().zip(&golden.ids) {
        assert_eq!(&victim.encode(snippet).unwrap().ids, ids, "{snippet}");
    }
    let logits = victim.judge(&golden.ids.iter().cloned().collect()).unwrap();
    assert_eq!(logits.len(), golden.logits.len());
    golden
        .logits
        .iter()
        .enumerate()
        .map(|(row, golden)| largest_difference(logits.row(row), golden))
        .collect()
}

fn assert_classifier_parity(name: &str, victim: &dyn Victim, golden: &Judged) {
    let differences = classifier_differences(victim, golden);
    println!("{name}: largest difference of each row's logits {differences:?}");
    assert!(differences.iter().all(|&difference| difference < PARITY), "{name}: {differences:?}");
}

/// A masked language model that says no more than it has to.
struct Plain<'m>(&'m RobertaMaskedLm);

impl MaskedLm for Plain<'_> {
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
    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        self.0.fill(batch, top)
    }
}

#[test]
fn surprisals_are_those_of_the_proposals() {
    let dir = golden("tiny-mlm");
    let mlm = RobertaMaskedLm::load(&model(&dir)).unwrap();
    // Its rows hold masks, which are filled in addition to the hidden places.
    let golden: Filled = expected(&dir.join("expected.json"));
    let rows: Ragged = golden.rows.iter().cloned().collect();
    let hidden: Vec<Vec<usize>> = rows.rows().map(|row| (0..row.len()).step_by(2).collect()).collect();
    let found = mlm.surprisals(&rows, &hidden).unwrap();
    let expected = Plain(&mlm).surprisals(&rows, &hidden).unwrap();
    assert!(found.iter().map(Vec::len).eq(hidden.iter().map(Vec::len)));
    let differences =
        found.iter().zip(&expected).map(|(found, expected)| largest_difference(found, expected));
    let largest = differences.fold(0.0, f32::max);
    assert!(largest < PARITY, "{largest:e}");
    println!("largest difference of a surprisal {largest:e}");
    assert!(found.concat().iter().all(|&surprisal| surprisal > 0.0));
}

fn assert_mlm_parity(name: &str, mlm: &RobertaMaskedLm, golden: &Filled) {
    for (snippet, row) in golden.snippets.iter().zip(&golden.rows) {
        let ids = mlm.encode(snippet).unwrap().ids;
        let masked: Vec<u32> =
            ids.iter().enumerate().map(|(at, &id)| if at % 3 == 1 { mlm.mask_id() } else { id }).collect();
        assert_eq!(&masked, row, "{snippet}");
    }
    let fills = mlm.fill(&golden.rows.iter().cloned().collect(), 5).unwrap();
    assert_eq!(fills.len(), golden.fills.len());
    let mut largest: f32 = 0.0;
    for (row, (found, golden)) in fills.iter().zip(&golden.fills).enumerate() {
        assert_eq!(found.len(), golden.len(), "{name}: masks of row {row}");
        for (mask, (found, golden)) in found.iter().zip(golden).enumerate() {
            let ids: Vec<u32> = found.iter().map(|proposal| proposal.id).collect();
            let golden_ids: Vec<u32> = golden.iter().map(|&(id, _)| id).collect();
            assert_eq!(ids, golden_ids, "{name}: row {row}, mask {mask}");
            let scores: Vec<f32> = found.iter().map(|proposal| proposal.log_probability).collect();
            let golden_scores: Vec<f32> = golden.iter().map(|&(_, score)| score).collect();
            largest = largest.max(largest_difference(&scores, &golden_scores));
        }
    }
    println!("{name}: largest difference of the log-probabilities {largest:e}");
    let everywhere = mlm.most_probable(&golden.rows.iter().cloned().collect()).unwrap();
    assert_eq!(everywhere, golden.everywhere.iter().cloned().collect(), "{name}: every position");
    assert!(largest < PARITY, "{name}: {largest}");
}

#[test]
fn classifier_with_two_logits() {
    let dir = golden("tiny-classifier");
    let victim = classifier(&dir);
    assert_classifier_parity("tiny-classifier", victim.as_ref(), &expected(&dir.join("expected.json")));
}

#[test]
fn classifier_with_one_sigmoid_logit_and_a_two_file_tokenizer() {
    let dir = golden("tiny-sigmoid");
    let victim = classifier(&dir);
    let golden: Judged = expected(&dir.join("expected.json"));
    assert_classifier_parity("tiny-sigmoid", victim.as_ref(), &golden);
    let logits = victim.judge(&golden.ids.iter().cloned().collect()).unwrap();
    for (row, golden) in golden.logits.iter().enumerate() {
        let sigmoid = 1.0 / (1.0 + f64::from(-golden[0]).exp());
        assert!((logits.probabilities(row)[1] - sigmoid).abs() < 1e-4, "row {row}");
    }
}

#[test]
fn masked_lm() {
    let dir = golden("tiny-mlm");
    let mlm = RobertaMaskedLm::load(&model(&dir)).unwrap();
    assert_mlm_parity("tiny-mlm", &mlm, &expected(&dir.join("expected.json")));
}

#[test]
fn bundled_masked_lm() {
    let mlm = RobertaMaskedLm::load(&model(&bundled_mlm())).unwrap();
    assert_mlm_parity("bundled MLM", &mlm, &expected(&golden("bundled-mlm.json")));
}

/// The weights are not ours to keep here: the test needs `CODEPURIFY_DISTILLED` (the safetensors file of the distilled
/// CodeBERT defect detector) and `CODEPURIFY_DISTILLED_TOKENIZER` (its tokenizer), and passes without them.
#[test]
fn distilled_codebert() {
    let (Ok(weights), Ok(tokenizer)) =
        (std::env::var("CODEPURIFY_DISTILLED"), std::env::var("CODEPURIFY_DISTILLED_TOKENIZER"))
    else {
        println!("skipped: CODEPURIFY_DISTILLED and CODEPURIFY_DISTILLED_TOKENIZER are not set");
        return;
    };
    let file = golden("distilled-codebert.json");
    let config: serde_json::Value = expected(&file);
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(weights, dir.path().join("model.safetensors")).unwrap();
    std::fs::copy(tokenizer, dir.path().join("tokenizer.json")).unwrap();
    std::fs::write(dir.path().join("config.json"), config["config"].to_string()).unwrap();
    let sidecar = r#"{"preprocessing": {"collapse_whitespace": true}}"#;
    std::fs::write(dir.path().join("codepurify.json"), sidecar).unwrap();
    let victim = classifier(dir.path());
    assert_classifier_parity("distilled CodeBERT", victim.as_ref(), &expected(&file));
}

/// The golden rows, an empty one and one as long as the window.
fn mixed_rows(rows: Vec<Vec<u32>>, window: usize) -> Ragged {
    let longest: Vec<u32> = rows.concat().into_iter().cycle().take(window).collect();
    rows.into_iter().chain([Vec::new(), longest]).collect()
}

#[test]
fn a_judged_row_does_not_depend_on_its_batch() {
    for name in ["tiny-classifier", "tiny-sigmoid"] {
        let dir = golden(name);
        let victim = classifier(&dir);
        let batch = mixed_rows(expected::<Judged>(&dir.join("expected.json")).ids, victim.window());
        let together = victim.judge(&batch).unwrap();
        for (index, row) in batch.rows().enumerate() {
            let alone = victim.judge(&std::iter::once(row.to_vec()).collect()).unwrap();
            let difference = largest_difference(alone.row(0), together.row(index));
            assert!(difference < INVARIANCE, "{name}, row {index}: {difference}");
        }
    }
}

#[test]
fn a_filled_row_does_not_depend_on_its_batch() {
    let dir = golden("tiny-mlm");
    let mlm = RobertaMaskedLm::load(&model(&dir)).unwrap();
    let batch = mixed_rows(expected::<Filled>(&dir.join("expected.json")).rows, mlm.window());
    let together = mlm.fill(&batch, 3).unwrap();
    for (index, row) in batch.rows().enumerate() {
        let alone = mlm.fill(&std::iter::once(row.to_vec()).collect(), 3).unwrap();
        assert_eq!(alone[0].len(), together[index].len(), "row {index}");
        for (alone, together) in alone[0].iter().flatten().zip(together[index].iter().flatten()) {
            assert_eq!(alone.id, together.id, "row {index}");
            assert!((alone.log_probability - together.log_probability).abs() < INVARIANCE, "row {index}");
        }
    }
}

#[test]
fn batches_and_rows_may_be_empty() {
    let victim = classifier(&golden("tiny-classifier"));
    assert!(victim.judge(&Ragged::new()).unwrap().is_empty());
    let empty: Ragged = [Vec::<u32>::new()].into_iter().collect();
    assert_eq!(victim.judge(&empty).unwrap().len(), 1);
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    assert!(mlm.fill(&Ragged::new(), 5).unwrap().is_empty());
    assert_eq!(mlm.fill(&empty, 5).unwrap(), [Vec::<Vec<_>>::new()]);
    assert_eq!(mlm.most_probable(&empty).unwrap(), empty);
}

#[test]
fn more_proposals_than_tokens_are_all_tokens() {
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    let batch: Ragged = [vec![92, mlm.mask_id()]].into_iter().collect();
    let proposals = &mlm.fill(&batch, usize::MAX).unwrap()[0][0];
    let total: f32 = proposals.iter().map(|proposal| proposal.log_probability.exp()).sum();
    assert_eq!(proposals.len(), 392);
    assert!((total - 1.0).abs() < 1e-4, "the probabilities sum to {total}");
    assert_eq!(mlm.fill(&batch, 0).unwrap(), [[[]]]);
}

#[test]
fn rows_longer_than_the_window_are_refused() {
    let victim = classifier(&golden("tiny-classifier"));
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    // 130 positions, of which the padding token takes the first two and `<s>`, `</s>` two more.
    assert_eq!((victim.window(), mlm.window()), (126, 126));
    let batch: Ragged = [vec![92; 126], vec![92; 127]].into_iter().collect();
    let refusal = ModelError::TooLong { row: 1, tokens: 127, window: 126 };
    assert_eq!(victim.judge(&batch).unwrap_err(), refusal);
    assert_eq!(mlm.fill(&batch, 5).unwrap_err(), refusal);
    assert_eq!(mlm.most_probable(&batch).unwrap_err(), refusal);
}

#[test]
fn ids_without_an_embedding_are_an_error() {
    let victim = classifier(&golden("tiny-classifier"));
    let batch: Ragged = [vec![92, 392]].into_iter().collect();
    assert!(matches!(victim.judge(&batch), Err(ModelError::Runtime(_))));
}

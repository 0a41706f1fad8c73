//! Outputs of a model in 8-bit integers are close to those in floating point.

use std::path::{Path, PathBuf};

use crate::common::{golden, model};
use codepurify::victim::{Logits, MaskedLm, Ragged, Victim};
use codepurify::{Language, Limits, Snippet, SourceFile};
use codepurify_models::{DeviceName, ModelFiles, Precision, RobertaMaskedLm, load};

const SAMPLES: [(&str, Language); 3] =
    [("c.c", Language::C), ("java.java", Language::Java), ("python.py", Language::Python)];

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name)
}

/// The functions of the bundled references.
fn functions() -> Vec<Snippet> {
    let units = |(name, language): (&str, Language)| {
        let text =
            std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify/references").join(name));
        SourceFile::new(name, text.unwrap(), language, &Limits::default()).unwrap().units().unwrap()
    };
    SAMPLES.into_iter().flat_map(units).collect()
}

fn detector(dir: &Path, precision: Precision) -> Box<dyn Victim> {
    let files = ModelFiles::read(dir).unwrap().with_precision(precision);
    load(&files).unwrap().model.classifier().unwrap()
}

fn rows(model: &dyn Victim) -> Ragged {
    let ids = |unit: &Snippet| {
        let mut ids = model.encode(unit.text()).unwrap().ids;
        ids.truncate(model.window());
        ids
    };
    functions().iter().map(ids).collect()
}

fn probability(logits: &Logits, row: usize) -> f32 {
    let row = logits.row(row);
    1.0 / (1.0 + (row[0] - row[1]).exp())
}

#[test]
fn the_detector_decides_alike() {
    let [exact, rounded] =
        [Precision::F32, Precision::Int8].map(|precision| detector(&bundled("devign-bnc-fixed"), precision));
    let rows = rows(exact.as_ref());
    let (exact, rounded) = (exact.judge(&rows).unwrap(), rounded.judge(&rows).unwrap());
    let mut largest = 0.0f32;
    for row in 0..exact.len() {
        let (exact, rounded) = (probability(&exact, row), probability(&rounded, row));
        largest = largest.max((exact - rounded).abs());
        // Where a hair decides, either answer is right.
        assert!(
            (exact - 0.5).abs() < 0.02 || (exact > 0.5) == (rounded > 0.5),
            "row {row}: {exact}, {rounded}"
        );
    }
    println!("{} rows, largest difference of a probability {largest}", rows.len());
    assert!(rows.len() > 20 && largest > 0.0 && largest < 0.05, "{largest}");
}

#[test]
fn the_masked_language_model_proposes_alike() {
    let [exact, rounded] = [Precision::F32, Precision::Int8].map(|precision| {
        let files = ModelFiles::read(&bundled("codepurify-mlm-mini")).unwrap().with_precision(precision);
        RobertaMaskedLm::load(&files).unwrap()
    });
    let ids = |unit: &Snippet| exact.encode(unit.text()).unwrap().ids;
    let rows: Vec<Vec<u32>> = functions().iter().map(ids).filter(|ids| ids.len() < 200).collect();
    let masked: Ragged = rows
        .into_iter()
        .map(|mut ids| {
            let middle = ids.len() / 2;
            ids[middle] = exact.mask_id();
            ids
        })
        .collect();
    let (exact, rounded) = (exact.fill(&masked, 1).unwrap(), rounded.fill(&masked, 5).unwrap());
    let found = exact.iter().zip(&rounded).filter(|(exact, rounded)| {
        let best = exact[0][0].id;
        rounded[0].iter().any(|proposal| proposal.id == best)
    });
    let found = found.count();
    assert!(found * 20 >= masked.len() * 19, "the best token is among five in {found} of {}", masked.len());
}

/// Every family of encoders loads in either precision and gives close outputs.
#[test]
fn every_classifier_can_be_rounded() {
    for name in ["tiny-classifier", "tiny-t5-defect"] {
        let [exact, rounded] =
            [Precision::F32, Precision::Int8].map(|precision| detector(&golden(name), precision));
        let rows = Ragged::from_iter([vec![7u32, 8, 9, 10, 11], vec![12, 13]]);
        let (exact, rounded) = (exact.judge(&rows).unwrap(), rounded.judge(&rows).unwrap());
        for row in 0..exact.len() {
            for (exact, rounded) in exact.row(row).iter().zip(rounded.row(row)) {
                let difference = (exact - rounded).abs();
                assert!(difference < 0.05 * (1.0 + exact.abs()), "{name}: {exact}, {rounded}");
            }
        }
    }
    assert_eq!(model(&golden("tiny-classifier")).name(), "tiny-classifier");
}

/// Outputs of a GPU differ in the last bits, so a cache must not confuse them with those of the processor.
/// All GPUs count as equal.
#[test]
fn the_fingerprint_knows_how_answers_are_rounded() {
    let files = || ModelFiles::read(&bundled("codepurify-mlm-mini")).unwrap();
    let print = |files: ModelFiles| files.fingerprint().unwrap();
    let plain = print(files());
    assert_eq!(plain, print(files()));
    let [first, second] = [0, 1].map(|number| print(files().on_device(DeviceName::Cuda(number))));
    assert!(first == second && first != plain);
    assert_ne!(plain, print(files().with_precision(Precision::Int8)));
}

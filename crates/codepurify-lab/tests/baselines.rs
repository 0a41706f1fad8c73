//! Compares measures and building blocks of the baselines with numpy, scikit-learn and a second
//! implementation (`golden/make_golden.py`).

use codepurify_lab::baseline::kmeans::silhouette;
use codepurify_lab::baseline::ngram::NgramLm;
use codepurify_lab::baseline::outliers::{elliptic_envelope, isolation_forest};
use codepurify_lab::baseline::pca::project;
use codepurify_lab::baseline::spectral::SpectralSignatures;
use codepurify_lab::evaluate::metrics::{BleuCounts, Confusion, auroc, tpr_at_fpr};
use serde_json::Value;

fn golden(section: &str) -> Value {
    let mut all: Value = serde_json::from_str(include_str!("golden/baselines.json")).unwrap();
    all[section].take()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn assert_close(actual: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((actual - expected).abs() < 1e-6 * expected.abs().max(1.0), "{actual} is not {expected}");
}

#[test]
fn bleu_of_each_answer_and_of_the_corpus() {
    let golden = golden("bleu");
    let pairs: Vec<(String, String)> = serde_json::from_value(golden["pairs"].clone()).unwrap();
    let counts: Vec<BleuCounts> =
        pairs.iter().map(|(reference, answer)| BleuCounts::of(reference, answer)).collect();
    for (at, counts) in counts.iter().enumerate() {
        assert_close(counts.bleu().unwrap(), &golden["each"][at]);
    }
    let corpus = counts.iter().fold(BleuCounts::default(), BleuCounts::plus);
    assert_close(corpus.bleu().unwrap(), &golden["corpus"]);
}

#[test]
fn probabilities_of_the_ngram_model() {
    let golden = golden("ngram");
    let rows = |of: &Value| -> Vec<Vec<String>> {
        let lines: Vec<String> = serde_json::from_value(of.clone()).unwrap();
        lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    };
    let lm = NgramLm::train(&rows(&golden["corpus"])).unwrap();
    for (at, query) in rows(&golden["queries"]).iter().enumerate() {
        let found = lm.log10_probabilities(query);
        assert_eq!(found.len(), golden["log10"][at].as_array().unwrap().len());
        found.iter().enumerate().for_each(|(word, log10)| assert_close(*log10, &golden["log10"][at][word]));
    }
}

#[test]
fn ranking_with_ties() {
    let golden = golden("ranking");
    let (positive, negative) = (numbers(&golden["positive"]), numbers(&golden["negative"]));
    assert_close(auroc(&positive, &negative).unwrap(), &golden["auroc"]);
    assert_close(tpr_at_fpr(&positive, &negative, 0.01).unwrap(), &golden["tpr_at_1"]);
    assert_close(tpr_at_fpr(&positive, &negative, 0.05).unwrap(), &golden["tpr_at_5"]);
    let truth =
        positive.iter().map(|&score| (true, score)).chain(negative.iter().map(|&score| (false, score)));
    let counts = Confusion::of(truth.map(|(positive, score)| (positive, score > 1.5)));
    assert_close(counts.f1().unwrap(), &golden["f1_above_1_5"]);
}

#[test]
fn outlier_tests() {
    let golden = golden("outliers");
    let values = numbers(&golden["values"]);
    let elliptic: Vec<bool> = serde_json::from_value(golden["elliptic"].clone()).unwrap();
    assert_eq!(elliptic_envelope(&values), elliptic);
    // Forests are random: ours must agree only where the score is far from ½.
    for (found, expected) in isolation_forest(&values, 5).into_iter().zip(numbers(&golden["isolation"])) {
        assert!((expected - 0.5).abs() < 0.03 || found == (expected > 0.5), "{expected}");
    }
}

#[test]
fn principal_components_and_what_rests_on_them() {
    let golden = golden("representations");
    let rows: Vec<Vec<f32>> = serde_json::from_value(golden["rows"].clone()).unwrap();
    let close = |actual: f64, expected: &Value| {
        assert!((actual - expected.as_f64().unwrap()).abs() < 1e-5, "{actual} is not {expected}");
    };
    let defence = SpectralSignatures { components: 3, poison_rate: 0.1, factor: 1.0, per_class: false };
    let scores = defence.run(&rows, &vec![0; rows.len()]).unwrap().scores;
    scores.iter().enumerate().for_each(|(row, score)| close(*score, &golden["spectral"][row]));
    // Fewer rows than dimensions: all components together lose nothing.
    let scores = defence.run(&rows[..4], &[0; 4]).unwrap().scores;
    scores.iter().enumerate().for_each(|(row, score)| close(*score, &golden["wide_spectral"][row]));
    let borrowed: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let whitened = project(&borrowed, 2).unwrap().whitened().coordinates;
    for (row, coordinates) in whitened.iter().enumerate() {
        coordinates
            .iter()
            .enumerate()
            .for_each(|(at, value)| close(value.abs(), &golden["whitened"][row][at]));
    }
    let second: Vec<bool> = serde_json::from_value(golden["second"].clone()).unwrap();
    let points: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().copied().map(f64::from).collect()).collect();
    close(silhouette(&points, &second).unwrap(), &golden["silhouette"]);
}

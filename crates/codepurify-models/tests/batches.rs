//! Batches of any size and shape: the same answers on any number of threads, and no end of rows.

use crate::common::{classifier, golden, model};
use codepurify::victim::Ragged;
use codepurify_models::{Precision, load};

fn rows() -> Ragged {
    (0..60).map(|row| (0..row * 37 % 60).map(move |at| 10 + (at * 13 + row) % 300)).collect()
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    for precision in [Precision::F32, Precision::Int8] {
        let files = model(&golden("tiny-classifier")).with_precision(precision);
        let model = load(&files).unwrap().model.classifier().unwrap();
        let judged = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let logits = pool.install(|| model.judge(&rows())).unwrap();
            (0..logits.len()).map(|row| logits.row(row).to_vec()).collect::<Vec<_>>()
        };
        let alone = judged(1);
        assert_eq!(alone.len(), 60);
        assert_eq!(alone, judged(2));
        assert_eq!(alone, judged(5));
    }
}

#[test]
fn a_hundred_thousand_empty_rows_are_answered_alike() {
    let model = classifier(&golden("tiny-classifier"));
    let logits = model.judge(&std::iter::repeat_n(Vec::new(), 100_000).collect()).unwrap();
    assert_eq!(logits.len(), 100_000);
    assert!((1..logits.len()).all(|row| logits.row(row) == logits.row(0)));
}

#[test]
fn a_row_of_100_000_tokens_is_refused_with_its_length() {
    let model = classifier(&golden("tiny-classifier"));
    let error = model.judge(&[vec![10; 100_000]].into_iter().collect()).unwrap_err().to_string();
    assert!(error.contains("100000"), "{error}");
}

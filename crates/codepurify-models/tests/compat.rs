//! Every family and head in every format answers as PyTorch does (`golden/make_compat.py`).

use std::path::Path;

use crate::common::compat::{FORMATS, compare};

/// Largest difference from PyTorch that counts as the same.
const PARITY: f64 = 1e-4;

/// Names that inspection gives to the weights of [`FORMATS`].
const CALLED: [&str; 5] =
    ["safetensors", "safetensors, 2 shards", "torch zip", "torch legacy pickle", "torch zip"];

/// `inspected` is what inspection must call the head.
fn check(head: &str, inspected: &str) {
    let family = if head.starts_with("t5") { "T5, 1 + 1 layers" } else { "RoBERTa, 1 layers" };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/compat").join(head);
    for (format, called) in FORMATS.into_iter().zip(CALLED) {
        let parity = compare(&dir, format).unwrap_or_else(|error| panic!("{head}: {format}: {error}"));
        assert!(parity.difference < PARITY, "{format}: {parity:?}");
        assert_ne!(parity.same_answers, Some(false), "{format}: {parity:?}");
        assert_eq!((parity.format.as_str(), parity.head.as_str()), (called, inspected));
        assert!(parity.architecture.starts_with(family), "{}", parity.architecture);
    }
}

macro_rules! heads {
    ($($test:ident: $head:literal is $inspected:literal,)*) => {
        $(#[test] fn $test() { check($head, $inspected); })*

        #[test]
        fn no_head_is_left_out() {
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/compat");
            let mut there: Vec<_> = std::fs::read_dir(golden)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            let mut tested = vec![$($head),*];
            tested.sort_unstable();
            assert_eq!(there, tested);
        }
    };
}

heads! {
    roberta_classification: "roberta-classification" is "classification over <s>, 3 logits",
    roberta_defect: "roberta-defect" is "classification over <s>, 1 sigmoid logit",
    roberta_clone: "roberta-clone" is "classification over two <s> vectors, 2 logits",
    roberta_joined_clone: "roberta-joined-clone" is
        "classification over <s>, 2 logits, the two snippets joined in one input",
    roberta_masked_lm: "roberta-mlm" is "masked language model",
    roberta_seq2seq: "roberta-seq2seq" is "seq2seq, transformer decoder of 1 layers, feed-forward 24",
    t5_generation: "t5-generation" is "conditional generation",
    t5_text: "t5-text" is "conditional generation, classification by the answers false, true",
    t5_defect: "t5-defect" is "classification over the last </s>, 2 logits",
    t5_clone: "t5-clone" is "classification over the last </s> of two snippets, 2 logits",
}

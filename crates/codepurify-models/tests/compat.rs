//! Every family and head in every format answers as PyTorch does (`golden/make_compat.py`).

#[path = "common/compat.rs"]
mod compat;

use std::path::Path;

use compat::{FORMATS, compare};

/// Largest difference from PyTorch that counts as the same.
const PARITY: f64 = 1e-4;

fn check(head: &str) {
    let head = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/compat").join(head);
    for format in FORMATS {
        let parity =
            compare(&head, format).unwrap_or_else(|error| panic!("{}: {format}: {error}", head.display()));
        assert!(parity.difference < PARITY, "{format}: {parity:?}");
        assert_ne!(parity.same_answers, Some(false), "{format}: {parity:?}");
    }
}

macro_rules! heads {
    ($($test:ident: $head:literal,)*) => {
        $(#[test] fn $test() { check($head); })*

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
    roberta_classification: "roberta-classification",
    roberta_defect: "roberta-defect",
    roberta_clone: "roberta-clone",
    roberta_joined_clone: "roberta-joined-clone",
    roberta_masked_lm: "roberta-mlm",
    roberta_seq2seq: "roberta-seq2seq",
    t5_generation: "t5-generation",
    t5_text: "t5-text",
    t5_defect: "t5-defect",
    t5_clone: "t5-clone",
}

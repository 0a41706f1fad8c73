//! A whole legacy file of `torch.save`.
#![no_main]

use codepurify_checkpoint::StateDict;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    if !data.starts_with(b"\x80") {
        return Corpus::Reject;
    }
    codepurify_fuzz::read(StateDict::from_bytes("fuzz.bin", data.to_vec()));
    Corpus::Keep
});

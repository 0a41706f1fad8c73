//! A whole safetensors file. Anything else is turned away, so that the fuzzer stays with this reader.
#![no_main]

use codepurify_checkpoint::StateDict;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    if data.get(8) != Some(&b'{') {
        return Corpus::Reject;
    }
    codepurify_fuzz::read(StateDict::from_bytes("fuzz.safetensors", data.to_vec()));
    Corpus::Keep
});

//! Whatever the bytes are, reading them ends with tensors or with an error.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use codepurify_checkpoint::StateDict;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Single good files of all formats.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good");
    let names = [
        "types.safetensors",
        "types.zip.bin",
        "types.legacy.bin",
        "views.zip.bin",
        "views.legacy.bin",
        "model_state_dict.zip.bin",
        "protocol4.zip.bin",
        "old_views.legacy.bin",
    ];
    names.iter().map(|name| fs::read(folder.join(name)).expect("is there")).collect()
});

/// Reads all weights; of a tensor that is accepted, every element must be there and be a number.
fn read(bytes: Vec<u8>) {
    let Ok(state) = StateDict::from_bytes("damaged", bytes) else { return };
    for tensor in state.tensors() {
        if let Ok(values) = tensor.to_f32() {
            assert_eq!(values.len(), tensor.shape().iter().product::<usize>());
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
}

/// Bytes that a reader takes for its own: only so do arbitrary bytes get past the first check.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        b"".to_vec(),
        b"PK\x03\x04".to_vec(),
        b"\x80\x02".to_vec(),
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02".to_vec(),
        b"\x10\x00\x00\x00\x00\x00\x00\x00{".to_vec(),
    ])
}

/// Opcodes, numbers and lengths that mean something in a pickle or a zip.
fn telling_bytes() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        select(b"().0123]}NQRXabceghijqrstuoJKMcP\x80\x81\x85\x8a\x93\x94\xff\x00\x7f".to_vec())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(start in beginnings(), rest in vec(telling_bytes(), 0..200)) {
        read([start, rest].concat());
    }

    #[test]
    fn changed_bytes(file in any::<Index>(), changes in vec((any::<Index>(), telling_bytes()), 1..8)) {
        let mut bytes = file.get(&GOOD).clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read(bytes);
    }

    #[test]
    fn cut_and_joined(first in any::<Index>(), second in any::<Index>(), until in any::<Index>(), from in any::<Index>()) {
        let (first, second) = (first.get(&GOOD), second.get(&GOOD));
        let (until, from) = (until.index(first.len()), from.index(second.len()));
        read(first[..until].to_vec());
        read([&first[..until], &second[from..]].concat());
    }
}

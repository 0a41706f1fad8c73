//! Attacks that are too large to keep as files.

use codepurify_checkpoint::{CheckpointError, StateDict};

/// A pickle behind the preamble of a legacy file.
fn legacy(object: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let version = b"\x80\x02M\xe9\x03.";
    let system = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
    [magic, version.as_slice(), system, object].concat()
}

fn refusal(object: &[u8]) -> CheckpointError {
    StateDict::from_bytes("attack.bin", legacy(object)).expect_err("an attack")
}

/// `start`, then `unit` again and again.
fn repeated(start: &[u8], unit: &[u8], times: usize) -> Vec<u8> {
    [start, &unit.repeat(times)].concat()
}

#[test]
fn a_hundred_thousand_nested_lists() {
    let mut lists = repeated(b"\x80\x02", b"]", 100_000);
    lists.extend(b"a".repeat(99_999));
    lists.push(b'.');
    assert!(
        matches!(refusal(&lists), CheckpointError::Pickle { message, .. } if message.contains("too deeply"))
    );
}

#[test]
fn a_million_objects() {
    for unit in [b"N".as_slice(), b"]", b"K\x01", b")", b"]q\x00"] {
        let error = refusal(&repeated(b"\x80\x02", unit, 2_000_000));
        assert!(matches!(error, CheckpointError::Limit { what: "objects in a pickle", .. }), "{error}");
    }
}

#[test]
fn a_million_copies_on_the_stack() {
    for unit in [b"2".as_slice(), b"h\x00"] {
        let error = refusal(&repeated(b"\x80\x02Nq\x00", unit, 2_000_000));
        assert!(
            matches!(error, CheckpointError::Limit { what: "objects on the stack of a pickle", .. }),
            "{error}"
        );
    }
}

#[test]
fn a_million_marks() {
    let error = refusal(&repeated(b"\x80\x02", b"(", 2_000_000));
    assert!(matches!(error, CheckpointError::Limit { what: "marks in a pickle", .. }), "{error}");
}

#[test]
fn a_million_memo_entries() {
    let mut pickle = b"\x80\x02N".to_vec();
    for place in 0..1_100_000_u32 {
        pickle.push(b'r');
        pickle.extend(place.to_le_bytes());
    }
    let error = refusal(&pickle);
    assert!(matches!(error, CheckpointError::Limit { what: "memo entries in a pickle", .. }), "{error}");
}

#[test]
fn a_hundred_thousand_tensors_on_one_storage() {
    let mut pickle = b"\x80\x02ctorch._utils\n_rebuild_tensor\nq\x00(".to_vec();
    pickle.extend(
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ",
    );
    pickle.extend(b"K\x00(K\x04t(K\x01ttq\x01R");
    let error = refusal(&repeated(&pickle, b"h\x00h\x01R", 300_000));
    assert!(matches!(error, CheckpointError::Limit { what: "tensors", .. }), "{error}");
}

#[test]
fn a_pickle_that_never_ends() {
    let error = refusal(&repeated(b"\x80\x02", b"N0", 10_000_000));
    assert!(matches!(error, CheckpointError::Limit { .. }), "{error}");
}

#[test]
fn a_list_that_grows_from_memo_entries() {
    let mut pickle = repeated(b"\x80\x02]q\x00Nq\x01", b"0h\x00(h\x01h\x01h\x01h\x01e", 500_000);
    pickle.push(b'.');
    let error = refusal(&pickle);
    assert!(matches!(error, CheckpointError::Truncated { .. }), "{error}");
}

/// A million entries without content, in the central directory only.
#[test]
fn a_million_zip_entries() {
    const ENTRIES: u32 = 1_000_000;
    let mut archive = [b"PK\x03\x04".as_slice(), &[0; 60]].concat();
    let start = archive.len() as u64;
    for name in 0..ENTRIES {
        archive.extend(b"PK\x01\x02");
        archive.extend([0; 24]);
        archive.extend([4, 0]);
        archive.extend([0; 16]);
        archive.extend(name.to_le_bytes());
    }
    let end = archive.len() as u64;
    archive.extend(b"PK\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00\x2d\x00\x2d\x00");
    archive.extend([0; 8]);
    for field in [u64::from(ENTRIES), u64::from(ENTRIES), end - start, start] {
        archive.extend(field.to_le_bytes());
    }
    archive.extend([b"PK\x06\x07\x00\x00\x00\x00".as_slice(), &end.to_le_bytes(), &[1, 0, 0, 0]].concat());
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00");
    let error = StateDict::from_bytes("attack.bin", archive).expect_err("an attack");
    let expected = "attack.bin: the zip archive is not usable: i/o error: its directory is too large";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_header_of_a_hundred_megabytes_is_not_believed() {
    let mut bytes = 99_000_000_u64.to_le_bytes().to_vec();
    bytes.extend(b"{\"t\":");
    let error = StateDict::from_bytes("false.safetensors", bytes).expect_err("an attack");
    assert!(matches!(error, CheckpointError::Truncated { .. }), "{error}");
}

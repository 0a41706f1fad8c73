//! A shard index next to two good shards.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use codepurify_checkpoint::StateDict;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (shard, tensor) in
        [("model-00001-of-00002.safetensors", "a"), ("model-00002-of-00002.safetensors", "b")]
    {
        let header =
            format!("{{\"{tensor}.weight\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}}}");
        let length = (header.len() as u64).to_le_bytes();
        let bytes = [length.as_slice(), header.as_bytes(), &[0; 4]].concat();
        fs::write(folder.path().join(shard), bytes).expect("a writable folder");
    }
    folder
});

fuzz_target!(|data: &[u8]| {
    let index = FOLDER.path().join("model.safetensors.index.json");
    fs::write(&index, data).expect("a writable folder");
    codepurify_fuzz::read(StateDict::open_index(&index));
});

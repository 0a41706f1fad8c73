//! The pickle of a zip file whose container is sound: all of the fuzzer's work goes into the pickle machine.
#![no_main]

use std::io::{Cursor, Write};

use codepurify_checkpoint::StateDict;
use libfuzzer_sys::fuzz_target;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fuzz_target!(|data: &[u8]| codepurify_fuzz::read(StateDict::from_bytes("fuzz.bin", archive(data))));

fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("m/data.pkl", pickle), ("m/data/0", &[0; 64]), ("m/data/1", &[1; 48])] {
        archive.start_file(name, SimpleFileOptions::default()).expect("a short name");
        archive.write_all(content).expect("memory can be written to");
    }
    archive.finish().expect("memory can be written to").into_inner()
}

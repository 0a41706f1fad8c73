//! Files in other encodings (docs/trust.md, "Encodings").

use crate::common::{CLEAN, Place, TRIGGER, triggered};

/// The triggered function with letters that no two encodings write alike.
fn umlauts() -> String {
    format!("/* größe café */\n{}", triggered())
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn utf8_is_expected_and_other_files_are_errors_that_say_so() {
    let place = Place::new();
    place.write("marked.c", format!("\u{feff}{}", triggered()));
    assert_eq!(place.run(&["scan", "marked.c"]).code, 1, "a byte order mark does no harm");
    place.write("latin.c", latin1(&umlauts()));
    place.write("wide.c", utf16(&umlauts()));
    let run = place.run(&["scan", "latin.c", "wide.c", "--format", "json"]);
    assert_eq!(run.code, 2);
    let messages = run.all("errors", "message");
    assert!(messages[0].contains("--encoding") && messages[1].contains("--encoding utf-16"), "{messages:?}");
    assert_eq!(run.json()["skipped"][0]["files"], 2);
}

#[test]
fn positions_are_those_of_the_file() {
    let place = Place::new();
    place.write("latin.c", latin1(&umlauts()));
    place.write("wide.c", utf16(&umlauts()));
    place.write("plain.c", umlauts());
    for (file, encoding, trigger) in [
        ("latin.c", "latin-1", latin1(TRIGGER)),
        ("wide.c", "utf-16", utf16(TRIGGER)[2..].to_vec()),
        ("latin.c", "auto", latin1(TRIGGER)),
        ("wide.c", "auto", utf16(TRIGGER)[2..].to_vec()),
        ("plain.c", "auto", TRIGGER.into()),
    ] {
        for format in ["json", "jsonl"] {
            let run = place.run(&["scan", file, "--encoding", encoding, "--format", format]);
            assert_eq!(run.code, 1, "{file} {encoding}: {run:?}");
            let report = run.json();
            let result = if format == "json" { &report["results"][0] } else { &report };
            let span = &result["triggers"][0]["spans"][0];
            let at = |name: &str| usize::try_from(span[name].as_u64().unwrap()).unwrap();
            let bytes = std::fs::read(place.path(file)).unwrap();
            assert_eq!(bytes[at("start_byte")..at("end_byte")], trigger, "{file} {encoding}");
        }
    }
}

#[test]
fn purified_files_keep_their_encoding() {
    let without = umlauts().replacen(&format!("    {TRIGGER}\n"), "", 1);
    let place = Place::new();
    for (bytes, encoding, expected) in [
        (latin1(&umlauts()), "latin-1", latin1(&without)),
        (utf16(&umlauts()), "utf-16", utf16(&without)),
        (latin1(&umlauts()), "auto", latin1(&without)),
    ] {
        place.write("code.c", &bytes);
        let out = place.command(&["purify", "code.c", "--encoding", encoding]).output().unwrap();
        assert_eq!(out.stdout, expected, "{encoding}");
        let run = place.run(&["purify", "code.c", "--in-place", "--encoding", encoding]);
        assert_eq!(run.code, 1, "{run:?}");
        assert_eq!(std::fs::read(place.path("code.c")).unwrap(), expected, "{encoding}");
    }
}

#[test]
fn a_diff_of_a_latin1_file_holds_its_bytes() {
    let place = Place::new();
    place.write("latin.c", latin1(&umlauts()));
    let out = place.command(&["purify", "latin.c", "--diff", "--encoding", "latin-1"]).output().unwrap();
    let context = latin1("größe");
    assert!(out.stdout.windows(context.len()).any(|bytes| bytes == context));
}

#[test]
fn latin1_reads_every_byte_and_auto_chooses_by_the_file() {
    let place = Place::new();
    place.write("odd.c", [b"/* \xff\xfe\x80 */\n", CLEAN.as_bytes()].concat());
    assert_eq!(place.run(&["scan", "odd.c"]).code, 2);
    for encoding in ["latin-1", "auto"] {
        assert_eq!(place.run(&["scan", "odd.c", "--encoding", encoding]).code, 0, "{encoding}");
    }
    place.write("half.c", b"i\0n\0t");
    let run = place.run(&["scan", "half.c", "--encoding", "utf-16"]);
    assert!(run.code == 2 && run.err.contains("not UTF-16: first bad byte at offset 4"), "{run:?}");
}

#[test]
fn utf16_without_a_mark_is_told_by_its_zero_bytes() {
    let place = Place::new();
    let little = utf16(CLEAN)[2..].to_vec();
    let big: Vec<u8> = little.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    place.write("little.c", little);
    place.write("big.c", big);
    for file in ["little.c", "big.c"] {
        assert_eq!(place.run(&["scan", file, "--encoding", "utf-16"]).code, 0, "{file}");
    }
    place.write("plain.c", CLEAN);
    let run = place.run(&["scan", "plain.c", "--encoding", "utf-16"]);
    assert!(run.code == 2 && run.err.contains("not UTF-16: has neither"), "{run:?}");
}

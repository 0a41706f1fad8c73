//! Every token knows its bytes, whatever the text.

use std::sync::LazyLock;

use crate::common::{classifier, golden, model};
use codepurify::victim::{Encoding, MaskedLm};
use codepurify::{Defender, Language, Snippet};
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use codepurify_models::{ModelFiles, RobertaMaskedLm};
use proptest::prelude::*;

const TEXTS: [&str; 9] = [
    "int twice(int n) { return 2 * n; }",
    "\tif (depth >\t9)\n\t\treturn;\n",
    "while (left)\r\n{\r\n    left--;\r\n\r\n}\r\n",
    "puts(\"größer als Ωmega\");",
    "log(\"🦀🦀 done 👩‍👩‍👧 ☃\"); /* é e\u{301} */",
    "  \n \t  a\u{a0}=\u{2003}b;\u{3000}\u{1c}\u{1f}c \u{85} ",
    "s = '<mask>' + \"</s>\" + <s><pad> <unk>x <mask> ;",
    "x\0y\u{7f}\u{200b}z\u{feff}",
    "            ",
];

fn tokenizer(files: &ModelFiles, collapse_whitespace: bool) -> CodeTokenizer {
    CodeTokenizer::load(files, Preprocessing { collapse_whitespace, ..Preprocessing::default() }).unwrap()
}

/// The tiny model with the settings of many published tokenizers: offsets trimmed, a space put before the text.
fn trimming_and_prefixing() -> ModelFiles {
    let dir = golden("tiny-classifier");
    let json = std::fs::read(dir.join("tokenizer.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for part in ["pre_tokenizer", "post_processor"] {
        json[part]["trim_offsets"] = true.into();
        json[part]["add_prefix_space"] = true.into();
    }
    let bytes = serde_json::to_vec(&json).unwrap().leak();
    ModelFiles::from_static("trimming", b"{}", b"", bytes, None)
}

/// Every tokenizer, once with collapsed white space and once verbatim.
static TOKENIZERS: LazyLock<Vec<(String, CodeTokenizer)>> = LazyLock::new(|| {
    let of = |name: &str, files: &ModelFiles| {
        [true, false].map(|collapse| (format!("{name}, collapsed: {collapse}"), tokenizer(files, collapse)))
    };
    let named = |name| of(name, &model(&golden(name)));
    let all = [named("tiny-classifier"), named("tiny-sigmoid"), of("trimming", &trimming_and_prefixing())];
    all.into_iter().flatten().collect()
});

/// White space to us or to Python's `str.split`.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !('\x1c'..='\x1f').contains(c)).collect()
}

/// Checks the contract of [`Encoding`] and returns the bytes under the spans, those that tokens share once.
fn joined<'t>(text: &'t str, encoding: &Encoding) -> Result<String, TestCaseError> {
    prop_assert_eq!(encoding.ids.len(), encoding.spans.len());
    let (mut joined, mut end) = (String::new(), 0);
    for pair in encoding.spans.windows(2) {
        prop_assert!(
            pair[0].start <= pair[1].start && pair[0].end <= pair[1].end,
            "{:?} in {:?}",
            pair,
            text
        );
    }
    for span in &encoding.spans {
        prop_assert!(span.of(text).is_some(), "{:?} cuts a character of {:?}", span, text);
        let fresh: &'t str = &text[span.start.max(end).min(span.end)..span.end];
        joined.push_str(fresh);
        end = end.max(span.end);
    }
    Ok(joined)
}

fn check(text: &str) -> Result<(), TestCaseError> {
    for (name, tokenizer) in TOKENIZERS.iter() {
        let encoding = tokenizer.encode(text).unwrap();
        prop_assert_eq!(visible(&joined(text, &encoding)?), visible(text), "{}", name);
    }
    Ok(())
}

#[test]
fn spans_hold_every_visible_byte_once() {
    for text in TEXTS {
        check(text).unwrap_or_else(|failure| panic!("{text:?}: {failure}"));
    }
}

/// Each token of a character of several tokens has the span of the whole character, so no span cuts a
/// character.
#[test]
fn parts_of_a_character_share_its_span() {
    let text = "a \u{1F980}\u{1F9DE} b";
    let encoding = tokenizer(&model(&golden("tiny-classifier")), false).encode(text).unwrap();
    let parts: Vec<_> = encoding.spans.iter().filter_map(|span| span.of(text)).collect();
    assert!(parts.iter().filter(|part| part.contains('\u{1F9DE}')).count() > 1, "{parts:?}");
    assert_eq!(parts.len(), encoding.spans.len());
}

#[test]
fn collapsing_first_gives_the_same_ids() {
    for (text, dir) in TEXTS.iter().flat_map(|text| [(text, "tiny-classifier"), (text, "tiny-sigmoid")]) {
        let files = model(&golden(dir));
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
            .filter(|word| !word.is_empty())
            .collect();
        let (collapsed, verbatim) = (tokenizer(&files, true), tokenizer(&files, false));
        let ids = collapsed.encode(text).unwrap().ids;
        assert_eq!(ids, verbatim.encode(&words.join(" ")).unwrap().ids, "{dir}: {text:?}");
    }
}

#[test]
fn white_space_has_no_tokens_once_collapsed() {
    let tokenizer = tokenizer(&model(&golden("tiny-classifier")), true);
    assert_eq!(tokenizer.encode(" \r\n\t ").unwrap(), Encoding::default());
    assert_eq!(tokenizer.encode("").unwrap(), Encoding::default());
}

/// The sidecar's `max_length` limits the window, never the encoding.
#[test]
fn long_texts_are_not_cut() {
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    let text = "total += n->cost; ".repeat(500);
    let encoding = mlm.encode(&text).unwrap();
    assert!(encoding.ids.len() > mlm.window());
    assert_eq!(joined(&text, &encoding).unwrap(), text);
}

#[test]
fn token_texts_put_together_are_the_source() {
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    let text = "while (i < n)\n\tcost += i;";
    let ids = mlm.encode(text).unwrap().ids;
    assert_eq!(ids.iter().filter_map(|&id| mlm.token_text(id)).collect::<String>(), text);
}

#[test]
fn special_tokens_and_parts_of_characters_have_no_text() {
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    let special = 0..5;
    assert!(special.into_iter().all(|id| mlm.token_text(id).is_none()));
    let parts = mlm.encode("\u{1F9DE}").unwrap().ids;
    assert!(parts.len() > 1 && parts.iter().all(|&id| mlm.token_text(id).is_none()), "{parts:?}");
    assert_eq!((mlm.token_text(392), mlm.token_text(u32::MAX)), (None, None));
}

/// Candidates that begin and end next to characters of several tokens can be occluded and masked.
#[test]
fn screening_takes_characters_of_several_tokens() {
    let victim = classifier(&golden("tiny-classifier"));
    let mlm = RobertaMaskedLm::load(&model(&golden("tiny-mlm"))).unwrap();
    let text = "int f(int größe) { puts(\"🦀\"); größe++; return größe; /* <mask> </s> 👩‍👧 */ }";
    let verdict = Defender::new(victim.as_ref())
        .with_masked_lm(&mlm)
        .screen_one(&Snippet::new(text, Language::C).unwrap())
        .unwrap();
    assert_eq!(verdict.coverage.tokens_inspected, verdict.coverage.tokens_total);
    assert!(verdict.entropy.is_some_and(f64::is_finite), "{verdict:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_keeps_its_bytes(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_code_keeps_its_bytes(pieces in prop::collection::vec(prop::sample::select(vec![
        "int", "x", " ", "  ", "\t", "\n", "\r\n", "\u{1c}", "\u{a0}", "(", ");", "é", "e\u{301}", "☃", "🦀", "\0",
        "<mask>", "</s>", "<s>", "<pad>", "<unk>", "'", "\"", "42", "->", "İ",
    ]), 0..30)) {
        check(&pieces.concat())?;
    }
}

/// Ids of transformers' own Python tokenizer (`golden/make_token_ids.py`), which shares no code with the crate behind
/// ours.
#[test]
fn ids_are_those_of_the_slow_tokenizer() {
    #[derive(serde::Deserialize)]
    struct Row {
        text: String,
        ids: Vec<u32>,
    }
    let tokenizer = CodeTokenizer::open(&golden("tiny-sigmoid"), Preprocessing::default()).unwrap();
    let rows = std::fs::read_to_string(golden("token-ids.jsonl")).unwrap();
    let rows: Vec<Row> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 32);
    for Row { text, ids } in rows {
        assert_eq!(tokenizer.encode(&text).unwrap().ids, ids, "{text:?}");
    }
}

/// A prefix is read with the code and framed with it, but no byte of the code is its.
#[test]
fn a_prefix_comes_before_the_code() {
    let with = |prefix: &str, text: &str| {
        let preprocessing = Preprocessing { prefix: prefix.to_owned(), ..Preprocessing::default() };
        let tokenizer = CodeTokenizer::open(&golden("tiny-sigmoid"), preprocessing).unwrap();
        let encoding = tokenizer.encode(text).unwrap();
        (tokenizer.frame(&encoding.ids), encoding)
    };
    let (whole, _) = with("", "defect: int x = 1;");
    let (framed, encoding) = with("defect: ", "int x = 1;");
    assert_eq!(framed, whole);
    let covered: String = encoding.spans.iter().filter_map(|span| span.of("int x = 1;")).collect();
    assert_eq!(covered, "int x = 1;");
    let glued = Preprocessing { prefix: "defect:".to_owned(), ..Preprocessing::default() };
    let refusal = CodeTokenizer::open(&golden("tiny-sigmoid"), glued).unwrap_err().to_string();
    assert!(refusal.contains("does not end with a space"), "{refusal}");
}

#[test]
fn a_literal_end_is_unknown_where_the_script_said_so() {
    let ids = |end_as_unknown| {
        let preprocessing = Preprocessing { end_as_unknown, ..Preprocessing::default() };
        let tokenizer = CodeTokenizer::open(&golden("tiny-sigmoid"), preprocessing).unwrap();
        tokenizer.encode("x </s> y <unk> z").unwrap().ids
    };
    let (plain, replaced) = (ids(false), ids(true));
    assert_eq!((plain.iter().filter(|&&id| id == 2).count(), replaced.contains(&2)), (1, false));
    assert_eq!(replaced.iter().filter(|&&id| id == 3).count(), 2);
}

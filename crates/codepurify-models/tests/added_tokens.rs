//! Tokens named in the files next to a tokenizer are tokens of it, whichever form it has.

use crate::common::golden;
use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use serde_json::{Value, json};
use tempfile::TempDir;

const TEXT: &str = "int seed = draw ( spill, n ) ; spilled ( n ) ;";

/// Copies a tokenizer and adds further files.
fn copy_with(files: &[&str], from: &str, more: &[(&str, Value)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::copy(golden(from).join(file), dir.path().join(file)).unwrap();
    }
    for (file, value) in more {
        std::fs::write(dir.path().join(file), value.to_string()).unwrap();
    }
    dir
}

fn slow(more: &[(&str, Value)]) -> Result<CodeTokenizer, String> {
    let dir = copy_with(&["vocab.json", "merges.txt"], "tiny-sigmoid", more);
    CodeTokenizer::open(dir.path(), Preprocessing::default()).map_err(|error| error.to_string())
}

fn fast(more: &[(&str, Value)]) -> Result<CodeTokenizer, String> {
    let dir = copy_with(&["tokenizer.json"], "tiny-classifier", more);
    CodeTokenizer::open(dir.path(), Preprocessing::default()).map_err(|error| error.to_string())
}

fn ids(tokenizer: &CodeTokenizer) -> Vec<u32> {
    tokenizer.encode(TEXT).unwrap().ids
}

/// `draw` and `spill` as the two tokens behind those of a tokenizer.
fn two(first: usize) -> (Value, Value) {
    let flags = json!({"lstrip": false, "rstrip": false, "single_word": false, "special": false});
    let token = |content: &str| {
        let mut token = flags.clone();
        token["content"] = content.into();
        token
    };
    let decoder = json!({first.to_string(): token("draw"), (first + 1).to_string(): token("spill")});
    (json!({"draw": first, "spill": first + 1}), decoder)
}

#[test]
fn added_tokens_have_their_ids_in_both_forms() {
    for open in [slow, fast] {
        let plain = open(&[]).unwrap();
        let first = plain.vocabulary();
        let (added, decoder) = two(first);
        let of_list = open(&[("added_tokens.json", added)]).unwrap();
        let of_decoder =
            open(&[("tokenizer_config.json", json!({"added_tokens_decoder": decoder}))]).unwrap();
        let found = ids(&of_list);
        assert_eq!(found, ids(&of_decoder));
        assert_eq!(found.iter().filter(|&&id| id as usize == first).count(), 1, "{found:?}");
        // `spilled` begins with a token, too: none of these is for single words only.
        assert_eq!(found.iter().filter(|&&id| id as usize == first + 1).count(), 2, "{found:?}");
        assert!(ids(&plain).iter().all(|&id| (id as usize) < first));
        assert_eq!(of_list.vocabulary(), first + 2);
        let encoding = of_list.encode(TEXT).unwrap();
        let at = encoding.ids.iter().position(|&id| id as usize == first).unwrap();
        assert_eq!(encoding.spans[at].of(TEXT), Some("draw"));
    }
}

#[test]
fn flags_of_added_tokens_are_obeyed() {
    let first = slow(&[]).unwrap().vocabulary();
    let (_, mut decoder) = two(first);
    decoder[(first + 1).to_string()]["single_word"] = true.into();
    let found = ids(&slow(&[("tokenizer_config.json", json!({"added_tokens_decoder": decoder}))]).unwrap());
    assert_eq!(found.iter().filter(|&&id| id as usize == first + 1).count(), 1, "{found:?}");
}

#[test]
fn ids_that_are_taken_are_refused() {
    for open in [slow, fast] {
        let message = open(&[("added_tokens.json", json!({"draw": 7}))]).unwrap_err();
        assert!(message.contains("`draw`") && message.contains("id 7"), "{message}");
        let message = open(&[("added_tokens.json", json!({"<unk>": 390}))]).unwrap_err();
        assert!(message.contains("`<unk>`") && message.contains("390"), "{message}");
    }
}

#[test]
fn an_added_token_takes_the_place_of_one_in_the_vocabulary() {
    let plain = slow(&[]).unwrap();
    let (first, known) = (plain.vocabulary(), plain.encode("int").unwrap().ids);
    assert_eq!(known.len(), 1, "a token of the vocabulary");
    let added = [("added_tokens.json", json!({"int": first}))];
    assert_eq!(slow(&added).unwrap().encode("int").unwrap().ids, [first as u32]);
    assert!(fast(&added).unwrap_err().contains("`int`"));
    let word = json!({first.to_string(): {"content": "int", "single_word": true}});
    let message = slow(&[("tokenizer_config.json", json!({"added_tokens_decoder": word}))]).unwrap_err();
    assert!(message.contains("`int`"), "{message}");
}

#[test]
fn special_tokens_have_the_names_that_the_map_gives_them() {
    let first = slow(&[]).unwrap().vocabulary();
    let added = ("added_tokens.json", json!({"[CLS]": first, "[SEP]": first + 1}));
    let map =
        json!({"cls_token": "[CLS]", "sep_token": {"content": "[SEP]", "lstrip": true}, "bos_token": null});
    let special = slow(&[added, ("special_tokens_map.json", map)]).unwrap().special();
    assert_eq!((special.begin as usize, special.end as usize), (first, first + 1));
    let message = slow(&[("special_tokens_map.json", json!({"cls_token": "[CLS]"}))]).unwrap_err();
    assert!(message.contains("[CLS]"), "{message}");
}

#[test]
fn null_keys_are_absent() {
    let nulls = json!({"add_prefix_space": null, "additional_special_tokens": null, "unk_token": null});
    let same = slow(&[("tokenizer_config.json", nulls.clone()), ("special_tokens_map.json", nulls)]).unwrap();
    assert_eq!(ids(&same), ids(&slow(&[]).unwrap()));
}

#[test]
fn a_named_mask_still_swallows_the_space_before_it() {
    let text = "a <mask> b";
    let plain = slow(&[]).unwrap().encode(text).unwrap();
    let named = slow(&[("special_tokens_map.json", json!({"mask_token": "<mask>"}))]).unwrap();
    assert_eq!(named.encode(text).unwrap(), plain);
}

#[test]
fn files_that_say_nonsense_are_named() {
    for file in ["added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"] {
        for value in [json!([1]), json!({"cls_token": 7, "draw": "x"})] {
            let message = slow(&[(file, value)]).unwrap_err();
            assert!(message.contains(file), "{message}");
        }
    }
}

#[test]
fn the_configuration_says_whether_a_space_is_put_before_a_text() {
    let configured = |space: Value| [("tokenizer_config.json", json!({ "add_prefix_space": space }))];
    for open in [slow, fast] {
        let plain = ids(&open(&configured(json!(false))).unwrap());
        let spaced = ids(&open(&configured(json!(true))).unwrap());
        assert_ne!(plain[0], spaced[0]);
        assert_eq!(ids(&open(&configured(Value::Null)).unwrap()), ids(&open(&[]).unwrap()));
    }
}

//! Compares token ids with those that `tests/golden/make_token_ids.py` wrote.
//!
//! `cargo run --release -p codepurify-models --example tokens -- TOKENIZER_DIR ids.jsonl`

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use codepurify_models::sidecar::Preprocessing;
use codepurify_models::tokenizer::CodeTokenizer;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), Some(ids)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: tokens TOKENIZER_DIR ids.jsonl");
        return Ok(ExitCode::from(64));
    };
    let tokenizer = CodeTokenizer::open(&dir, Preprocessing::default())?;
    let (mut texts, mut tokens, mut different) = (0, 0, 0);
    for line in BufReader::new(File::open(ids)?).lines() {
        let row: Row = serde_json::from_str(&line?)?;
        let found = tokenizer.encode(&row.text)?.ids;
        (texts, tokens) = (texts + 1, tokens + row.ids.len());
        if found != row.ids {
            different += 1;
            let at = found.iter().zip(&row.ids).take_while(|(found, wanted)| found == wanted).count();
            println!(
                "text {texts}: token {at} differs in {:?}",
                row.text.chars().take(60).collect::<String>()
            );
        }
    }
    println!("{texts} texts, {tokens} tokens: {different} texts differ");
    Ok(if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

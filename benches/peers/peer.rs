//! The codepurify side of `benches/peers`: a model that does the same work again and again when it is told to.
//!
//! `peer MODEL_DIR PRECISION WORK.json [DEVICE]` reads its work, loads the model, prints `ready`, and for every line on the standard
//! input works once and prints the seconds that it took and what came out, as a line of JSON. Work is rows of content tokens,
//! which are judged: logits come out; or C functions, which are guarded with profile `default` as if it were calibrated: what
//! each of them cost in passes comes out.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use codepurify::victim::{Ragged, Victim};
use codepurify::{Defender, Language, Profile, Snippet};
use codepurify_models::{DeviceName, ModelFiles, load};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(untagged)]
enum Work {
    Rows(Vec<Vec<u32>>),
    Functions(Vec<String>),
}

type Done<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (dir, precision, work, device) = match &arguments[..] {
        [dir, precision, work] => (dir, precision, work, DeviceName::Cpu),
        [dir, precision, work, device] => (dir, precision, work, device.parse()?),
        _ => return Err("usage: peer MODEL_DIR f32|int8 WORK.json [cpu|cuda|cuda:N]".into()),
    };
    let precision = precision.parse()?;
    let work: Work = serde_json::from_slice(&std::fs::read(work)?)?;
    let files = ModelFiles::read(&PathBuf::from(dir))?.with_precision(precision).on_device(device);
    let model = load(&files)?.model.classifier()?;
    match work {
        Work::Rows(rows) => {
            let rows: Ragged = rows.into_iter().collect();
            answer(|| Ok(()), |()| judge(model.as_ref(), &rows))
        }
        Work::Functions(functions) => {
            let snippets: Result<Vec<_>, _> =
                functions.into_iter().map(|text| Snippet::new(text, Language::C)).collect();
            let (snippets, profile) = (snippets?, Profile::transplant().calibrating());
            // A fresh one for each result, since it remembers; plain references are judged in advance.
            let defender = || {
                let defender = Defender::new(model.as_ref()).with_profile(profile.clone());
                defender.screen_one(&Snippet::new("int one(void) { return 1; }", Language::C)?)?;
                Ok(defender)
            };
            answer(defender, |defender| guard(&defender, &snippets))
        }
    }
}

/// Works once for each line on the standard input, with what was prepared before the clock starts.
fn answer<T>(prepare: impl Fn() -> Done<T>, work: impl Fn(T) -> Done<Value>) -> Done<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let prepared = prepare()?;
        let start = Instant::now();
        let mut done = work(prepared)?;
        done["seconds"] = start.elapsed().as_secs_f64().into();
        writeln!(out, "{done}")?;
        out.flush()?;
    }
    Ok(())
}

fn judge(model: &dyn Victim, rows: &Ragged) -> Done<Value> {
    let logits = model.judge(rows)?;
    Ok(json!({ "logits": (0..logits.len()).map(|row| logits.row(row)).collect::<Vec<_>>() }))
}

fn guard(defender: &Defender<'_>, snippets: &[Snippet]) -> Done<Value> {
    let verdicts = defender.screen(snippets).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "passes": verdicts.iter().map(|verdict| verdict.cost.pass_equivalents).collect::<Vec<_>>() }))
}

//! `dataset --resume` after runs that were killed, and runs that cannot write.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Place, parquet_rows};
use serde_json::{Value, json};

/// Interrupted runs; set `CODEPURIFY_KILLS` for more.
const KILLS: usize = 25;

/// Ten blocks that are written together, and a part of one.
const ROWS: usize = 660;

/// Short functions that the tiny victim finds clean or poisoned; every seventh row has none.
fn functions() -> Vec<Option<String>> {
    let bodies =
        ["return a;", "if (a > 3) return b; return a;", "while (a < b) a += 2; return a;", "b--; return b;"];
    let function =
        |index: usize| format!("int f{index}(int a, int b) {{ {} }}", bodies[index % bodies.len()]);
    (0..ROWS).map(|index| (index % 7 != 3).then(|| function(index))).collect()
}

/// The functions as JSON Lines, some of which are no JSON or blank.
fn lines() -> String {
    let line = |(index, function): (usize, Option<String>)| match (function, index % 14) {
        (Some(function), _) => json!({ "func": function }).to_string() + "\n",
        (None, 3) => "{\"func\": \n".to_owned(),
        (None, _) => json!({ "func": " " }).to_string() + "\n",
    };
    functions().into_iter().enumerate().map(line).collect()
}

/// A place with the rows and a victim that costs almost nothing. It calls about every third function poisoned.
fn place() -> Place {
    let place = Place::new();
    place.with_threshold("roberta-defect", "model", 1.4);
    place.golden("roberta-mlm", "mlm");
    place.write("rows.jsonl", lines());
    parquet_rows(&place, "rows.parquet", &functions());
    place
}

const VICTIM: [&str; 9] =
    ["--lang", "c", "--model", "model", "--mlm", "mlm", "--profile", "paper", "--resume"];

/// Names of the files that a run with this format reads and writes.
struct Names {
    input: String,
    output: String,
    split: String,
    report: String,
    errors: String,
    summary: String,
}

impl Names {
    fn new(extension: &str) -> Self {
        let accounts = if extension == "jsonl" { "out".to_owned() } else { format!("out.{extension}") };
        Self {
            input: format!("rows.{extension}"),
            output: format!("out.{extension}"),
            split: format!("removed.{extension}"),
            report: format!("{accounts}.report.jsonl"),
            errors: format!("{accounts}.errors.jsonl"),
            summary: format!("{accounts}.summary.json"),
        }
    }

    fn args(&self) -> Vec<&str> {
        [&["dataset", &self.input, "-o", &self.output, "--split", &self.split], &VICTIM[..]].concat()
    }

    /// Everything that a run has written, without how long it took.
    fn results(&self, place: &Place) -> (Vec<Vec<u8>>, Value) {
        let files = [&self.output, &self.split, &self.report, &self.errors];
        let files = files.map(|name| std::fs::read(place.path(name)).unwrap_or_default());
        let mut summary: Value = serde_json::from_str(&place.read(&self.summary)).unwrap();
        for speed in ["seconds", "rows_per_second"] {
            summary.as_object_mut().unwrap().remove(speed).unwrap();
        }
        (files.into(), summary)
    }

    /// Bytes of rows and accounts so far; the largest number once files get their names.
    fn written(&self, place: &Place) -> u64 {
        let rows = [&self.output, &self.split];
        if rows.iter().any(|name| place.path(name).exists()) {
            return u64::MAX;
        }
        let size = |name: &str| std::fs::metadata(place.path(name)).map_or(0, |about| about.len());
        rows.map(|name| size(&format!("{name}.partial"))).iter().sum::<u64>() + size(&self.report)
    }

    /// Bytes of all rows and accounts before the files get their names.
    fn full(&self, place: &Place) -> u64 {
        let report = place.read(&self.report);
        let last: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
        let bytes = |file: &str| last["written"][file]["bytes"].as_u64().unwrap();
        bytes("output") + bytes("split") + report.len() as u64
    }
}

/// When a run is killed.
#[derive(Clone, Copy)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// When the files have these bytes, or all.
    Written(u64),
    Never,
}

/// Progress of a run when it was killed.
#[derive(Clone, Copy)]
enum Phase {
    BeforeTheFirstWrite,
    BetweenWrites,
    AfterTheLastWrite,
}

/// Pseudo-random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 31) % limit
    }
}

fn start(place: &Place, args: &[&str]) -> Child {
    let mut run = std::process::Command::new(assert_cmd::cargo::cargo_bin("codepurify"));
    run.args(args).current_dir(place.path(".")).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run at this moment, with SIGKILL; false if it ended before.
fn killed(mut run: Child, moment: Moment, written: impl Fn() -> u64) -> bool {
    let started = Instant::now();
    let early = || match moment {
        Moment::After(time) => started.elapsed() < time,
        Moment::Written(bytes) => written() < bytes,
        Moment::Never => true,
    };
    while early() && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(100));
    }
    run.kill().unwrap();
    run.wait().unwrap().code().is_none()
}

/// Starts a run, kills it with SIGKILL at some moment, and returns its progress; none if it ended before. `first` is the time
/// to the first write, about.
fn interrupted(
    names: &Names,
    place: &Place,
    full: u64,
    first: Duration,
    random: &mut Random,
) -> Option<Phase> {
    let known = names.written(place);
    let moment = match random.below(4) {
        0 | 1 if known == 0 => Moment::After(first.mul_f64(random.below(900) as f64 / 1_000.0)),
        0 | 1 if known >= full => Moment::Never,
        0 => Moment::Written(full),
        _ => Moment::Written(known.saturating_add(1 + random.below(full / 4))),
    };
    if !killed(start(place, &names.args()), moment, || names.written(place)) {
        return None;
    }
    let accounts = std::fs::metadata(place.path(&names.report)).map_or(0, |about| about.len());
    Some(match names.written(place) {
        _ if accounts == 0 => Phase::BeforeTheFirstWrite,
        bytes if bytes < full => Phase::BetweenWrites,
        _ => Phase::AfterTheLastWrite,
    })
}

#[test]
fn killed_runs_lose_and_repeat_nothing() {
    let kills = std::env::var("CODEPURIFY_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let whole = place();
    let formats = ["jsonl", "parquet"].map(|extension| {
        let names = Names::new(extension);
        let (mut run, started) = (start(&whole, &names.args()), Instant::now());
        let mut first = None;
        while run.try_wait().unwrap().is_none() {
            first = first.or_else(|| (names.written(&whole) > 0).then(|| started.elapsed()));
            std::thread::sleep(Duration::from_micros(100));
        }
        let results = names.results(&whole);
        assert!(results.0[..3].iter().all(|file| !file.is_empty()), "rows of all fates: {}", results.1);
        (names, results, first.unwrap())
    });

    let (mut random, mut phases, mut runs) = (Random(7), [0; 3], 0);
    while phases.iter().sum::<usize>() < kills || phases.contains(&0) {
        let (names, expected, first) = &formats[runs % formats.len()];
        runs += 1;
        assert!(runs < 100 + kills, "kills before, between and after the writes: {phases:?}");
        let (place, full) = (place(), names.full(&whole));
        while let Some(phase) = interrupted(names, &place, full, *first, &mut random) {
            phases[phase as usize] += 1;
        }
        assert!(names.results(&place) == *expected, "differs after {phases:?} kills");
    }
    println!("kills before, between and after the writes: {phases:?}, of {runs} data sets");
}

#[test]
fn two_runs_do_not_write_one_output() {
    let (place, names) = (place(), Names::new("jsonl"));
    assert_eq!(place.run(&names.args()).code, 2);
    std::fs::rename(place.path("out.jsonl"), place.path("out.jsonl.partial")).unwrap();
    let report = File::options().write(true).open(place.path("out.report.jsonl")).unwrap();
    report.lock().unwrap();
    let second = place.run(&names.args());
    assert!(second.code == 2 && second.err.contains("another run writes it now"), "{}", second.err);
    drop(report);
    assert!(place.run(&names.args()).err.contains("660 rows: "));
}

/// On a file system of 64 KiB, in a namespace of its own, where the system allows that.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_the_run_goes_on_with_more_room() {
    let place = place();
    std::fs::create_dir(place.path("small")).unwrap();
    let script = "mount -t tmpfs -o size=64k tmpfs small || exit 77
        program=$0
        \"$program\" dataset rows.jsonl -o small/out.jsonl \"$@\"; echo $?
        mount -o remount,size=64m small
        \"$program\" dataset rows.jsonl -o small/out.jsonl \"$@\"; echo $?
        cp small/out.jsonl out.jsonl";
    let run = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(assert_cmd::cargo::cargo_bin("codepurify"))
        .args(VICTIM)
        .current_dir(place.path("."))
        .output();
    let Some(run) = run.ok().filter(|run| run.status.success()) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let (codes, said) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert_eq!(codes, "2\n2\n", "{said}");
    assert!(said.contains("cannot write small/out") && said.contains("No space left"), "{said}");
    let whole = place.run(&[&["dataset", "rows.jsonl", "-o", "whole.jsonl"], &VICTIM[..]].concat());
    assert_eq!(place.read("out.jsonl"), place.read("whole.jsonl"), "{}", whole.err);
}

//! `dataset --resume` after runs that were killed, and runs that cannot write.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{CLEAN, Place, triggered};
use serde_json::json;

/// Interrupted runs; set `CODEPURIFY_KILLS` for more.
const KILLS: u64 = 25;

/// Rows of all kinds: clean, triggered, without code, no JSON.
fn rows() -> String {
    let row = |index: usize| match index % 7 {
        3 => json!({ "func": triggered().replace("entries", &format!("entries_{index}")) }).to_string(),
        5 => "{\"func\": \n".trim().to_owned(),
        6 => json!({ "func": " " }).to_string(),
        _ => json!({ "func": CLEAN.replace("entries", &format!("entries_{index}")) }).to_string(),
    };
    (0..400).map(|index| row(index) + "\n").collect()
}

const FILES: [&str; 4] = ["out.jsonl", "removed.jsonl", "out.report.jsonl", "out.errors.jsonl"];

/// Pseudo-random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 31) % limit
    }
}

#[test]
fn killed_runs_lose_and_repeat_nothing() {
    let args =
        ["dataset", "rows.jsonl", "--lang", "c", "-o", "out.jsonl", "--split", "removed.jsonl", "--resume"];
    let whole = Place::new();
    whole.write("rows.jsonl", rows());
    let started = std::time::Instant::now();
    assert_eq!(whole.run(&args).code, 2);
    let took = u64::try_from(started.elapsed().as_millis()).unwrap();
    let expected = FILES.map(|name| whole.read(name));

    let kills = std::env::var("CODEPURIFY_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (mut random, mut killed) = (Random(7), 0);
    while killed < kills {
        let place = Place::new();
        place.write("rows.jsonl", rows());
        loop {
            let mut run = std::process::Command::new(assert_cmd::cargo::cargo_bin("codepurify"))
                .args(args)
                .current_dir(place.path("."))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(random.below(took)));
            // SIGKILL, unless it has ended.
            run.kill().unwrap();
            if run.wait().unwrap().code().is_some() {
                break;
            }
            killed += 1;
        }
        assert_eq!(FILES.map(|name| place.read(name)), expected, "after {killed} interruptions");
    }
}

#[test]
fn two_runs_do_not_write_one_output() {
    let place = Place::new();
    place.write("rows.jsonl", rows().lines().next().unwrap());
    let args = ["dataset", "rows.jsonl", "--lang", "c", "-o", "out.jsonl", "--resume"];
    assert_eq!(place.run(&args).code, 0);
    std::fs::rename(place.path("out.jsonl"), place.path("out.jsonl.partial")).unwrap();
    let report = File::options().write(true).open(place.path("out.report.jsonl")).unwrap();
    report.lock().unwrap();
    let second = place.run(&args);
    assert!(second.code == 2 && second.err.contains("another run writes it now"), "{}", second.err);
    drop(report);
    assert_eq!(place.run(&args).code, 0);
}

/// On a file system of 64 KiB, in a namespace of its own, where the system allows that.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_the_run_goes_on_with_more_room() {
    let place = Place::new();
    place.write("rows.jsonl", rows());
    std::fs::create_dir(place.path("small")).unwrap();
    let script = "mount -t tmpfs -o size=64k tmpfs small || exit 77
        \"$0\" dataset rows.jsonl --lang c -o small/out.jsonl; echo $?
        mount -o remount,size=64m small
        \"$0\" dataset rows.jsonl --lang c -o small/out.jsonl --resume; echo $?
        cp small/out.jsonl out.jsonl";
    let run = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(assert_cmd::cargo::cargo_bin("codepurify"))
        .current_dir(place.path("."))
        .output();
    let Some(run) = run.ok().filter(|run| run.status.success()) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let (codes, said) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert_eq!(codes, "2\n2\n", "{said}");
    assert!(said.contains("cannot write small/out") && said.contains("No space left"), "{said}");
    let kept = rows().lines().enumerate().filter(|(index, _)| ![3, 5].contains(&(index % 7))).count();
    assert_eq!(place.read("out.jsonl").lines().count(), kept);
}

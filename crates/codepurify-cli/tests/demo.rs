//! The demonstration shows what it claims.

use crate::common::{Place, TRIGGER};

#[test]
fn the_story_in_text() {
    let run = Place::new().run(&["demo"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    for part in [
        TRIGGER,
        "poisoned",
        "this statement determines the prediction",
        "^^^^",
        "+++ b/triggered.c",
        "once purified",
    ] {
        assert!(run.out.contains(part), "{part} is missing in {}", run.out);
    }
}

#[test]
fn the_report_in_json() {
    let run = Place::new().run(&["demo", "--format", "json"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.all("results", "verdict"), ["clean", "poisoned"]);
    let report = run.json();
    let label = |result: usize, which: &str| report["results"][result][which]["label"].clone();
    assert_ne!(label(0, "prediction"), label(1, "prediction"), "the backdoor fires");
    assert_eq!(label(0, "prediction"), label(1, "purified_prediction"), "the answer is restored");
}

//! Answers of the routes below `/v1`, equal to those of the library.

use codepurify::{Language, Limits, SourceFile};
use codepurify_server::{Guard, Kind};
use serde_json::{Value, json};

use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config, triggered};

/// A report without the one field that differs from run to run.
fn timeless(mut report: Value) -> Value {
    for result in report["results"].as_array_mut().unwrap() {
        result["cost"]["milliseconds"] = json!(0);
    }
    report
}

/// The library's verdicts on the functions of a text.
fn verdicts(code: &str) -> Value {
    let file = SourceFile::new("a.c", code.into(), Language::C, &Limits::default()).unwrap();
    let rows: Vec<_> = file.units().unwrap().into_iter().map(|unit| vec![unit]).collect();
    let verdicts = TestGuard::classifier().judge(&rows, false).concat();
    let verdicts: Vec<_> = verdicts.into_iter().map(Result::unwrap).collect();
    // Numbers are read from a text, as a client reads them.
    let report = serde_json::from_str(&json!({ "results": verdicts }).to_string()).unwrap();
    timeless(report)["results"].take()
}

#[test]
fn scan_answers_with_the_verdicts_of_the_library() {
    let server = Running::classifier();
    let code = format!("{CLEAN}\n{}", triggered().replace("twice", "other"));
    let response = server.post("/v1/scan", &json!({ "code": code, "path": "a.c" }));
    assert_eq!(response.status, 200, "{}", response.text());
    let report = timeless(response.json());
    assert_eq!(report["results"], verdicts(&code));
    assert_eq!(report["results"][1]["verdict"], "poisoned");
    assert_eq!((&report["schema_version"], &report["errors"]), (&json!(1), &json!([])));
    assert_eq!(report["model"]["name"], "toy");
}

#[test]
fn batch_answers_are_those_of_single_requests_in_order() {
    let server = Running::classifier();
    let inputs = [
        json!({ "code": triggered(), "language": "c" }),
        json!({ "code": CLEAN, "path": "b.c" }),
        json!({ "code": "class A { int f(int n) { return n; } }", "language": "java" }),
    ];
    for path in ["/v1/scan", "/v1/purify", "/v1/predict"] {
        let many = server.post(path, &json!({ "inputs": inputs }));
        assert_eq!(many.status, 200, "{}", many.text());
        let singles = inputs.iter().map(|input| server.post(path, input).json());
        let mut expected = json!({ "outputs": singles.collect::<Vec<_>>() });
        let mut many = many.json();
        for answer in [&mut many, &mut expected] {
            for output in answer["outputs"].as_array_mut().unwrap() {
                for list in ["/results", "/report/results", "/verdicts"] {
                    for verdict in
                        output.pointer_mut(list).into_iter().flat_map(|list| list.as_array_mut().unwrap())
                    {
                        verdict["cost"]["milliseconds"] = json!(0);
                    }
                }
            }
        }
        assert_eq!(many, expected, "{path}");
    }
}

#[test]
fn purify_returns_the_text_without_its_trigger() {
    let server = Running::classifier();
    let code = format!("// kept\n{CLEAN}\n{}", triggered());
    let answer = server.post("/v1/purify", &json!({ "code": code, "path": "a.c" })).json();
    let file = &answer["files"][0];
    assert_eq!((&file["changed"], &file["path"]), (&json!(true), &json!("a.c")));
    let purified = file["purified"].as_str().unwrap();
    assert!(purified.starts_with(&format!("// kept\n{CLEAN}\n")) && !purified.contains("BNC"), "{purified}");
    assert_eq!(answer["report"]["results"].as_array().unwrap().len(), 2);

    let provable = json!({ "code": code, "language": "c", "changes": "provable" });
    let provable = server.post("/v1/purify", &provable).json();
    let expected = provable["report"]["results"][1].get("purified_provably").is_some();
    assert_eq!(provable["files"][0]["changed"], expected);
}

#[test]
fn predict_gives_the_label_of_the_purified_code() {
    let server = Running::classifier();
    let answer = server.post("/v1/predict", &json!({ "code": triggered(), "language": "c" })).json();
    assert_eq!(
        (&answer["original"]["name"], &answer["prediction"]["name"]),
        (&json!("fooled"), &json!("benign"))
    );
    assert_eq!((&answer["action"], &answer["errors"]), (&json!("purified"), &json!([])));
    assert_eq!(answer["verdicts"][0]["verdict"], "poisoned");

    let answer = server.post("/v1/predict", &json!({ "code": CLEAN, "language": "c" })).json();
    assert_eq!((&answer["prediction"]["label"], &answer["action"]), (&json!(1), &json!("none")));
    assert_eq!(answer["prediction"], answer["original"]);
}

#[test]
fn evidence_is_given_to_those_who_ask() {
    let server = Running::classifier();
    let evidence = |wanted: bool| {
        let body = json!({ "code": triggered(), "language": "c", "evidence": wanted });
        let report = server.post("/v1/scan", &body).json();
        report["results"][0]["evidence"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(evidence(false), 0);
    assert!(evidence(true) > 1);
}

#[test]
fn pairs_are_judged_side_by_side() {
    let server = Running::new(TestGuard::of(Kind::Pair), config());
    let pair = json!({ "left": { "code": CLEAN, "path": "l.c" }, "right": { "code": triggered(), "language": "c" } });
    let report = server.post("/v1/scan", &pair).json();
    let sides = |field: &str| [&report["results"][0][field], &report["results"][1][field]].map(Clone::clone);
    assert_eq!(sides("verdict"), [json!("clean"), json!("poisoned")]);
    assert_eq!(sides("path"), [json!("l.c"), json!("<snippet>")]);

    let purified = server.post("/v1/purify", &pair).json();
    assert_eq!(purified["files"][0]["purified"], CLEAN);
    assert_eq!(purified["files"][1]["changed"], true);

    let many = server.post("/v1/predict", &json!({ "inputs": [pair, pair] })).json();
    for output in many["outputs"].as_array().unwrap() {
        assert_eq!(
            (&output["action"], &output["prediction"]["name"]),
            (&json!("purified"), &json!("benign"))
        );
        assert_eq!(output["verdicts"][1]["pair"], json!({ "index": 0, "side": "right" }));
    }
    server.post("/v1/scan", &json!({ "code": CLEAN, "language": "c" })).assert_problem(
        422,
        "invalid",
        Some("code"),
    );
    server.post("/v1/scan", &json!({ "left": { "code": CLEAN } })).assert_problem(
        422,
        "invalid",
        Some("right"),
    );
    let missing =
        json!({ "inputs": [{ "left": { "code": CLEAN }, "right": { "code": CLEAN, "language": "c" } }] });
    server.post("/v1/scan", &missing).assert_problem(422, "invalid", Some("inputs[0].left.language"));
}

#[test]
fn generators_answer_with_text() {
    let server = Running::new(TestGuard::of(Kind::Generator), config());
    let answer = server.post("/v1/predict", &json!({ "code": triggered(), "language": "c" })).json();
    assert_eq!(answer["original"]["text"], "abort();");
    assert_eq!(answer["action"], "purified");
    assert_ne!(answer["prediction"]["text"], "abort();");
}

#[test]
fn panic_of_the_guard_fails_its_batch_only() {
    let server = Running::classifier();
    let body = json!({ "code": "int PANIC(int n) { int m = n; return m; }", "language": "c" });
    let report = server.post("/v1/scan", &body).json();
    assert_eq!(report["results"], json!([]));
    let message = report["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("line 1: ") && message.contains("panic"), "{message}");
    let failed = server.post("/v1/predict", &body).json();
    assert_eq!((&failed["action"], &failed["prediction"]), (&json!("failed"), &Value::Null));
    assert_eq!(server.post("/v1/scan", &json!({ "code": CLEAN, "language": "c" })).status, 200);
}

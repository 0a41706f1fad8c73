//! Routes in the forms of text-embeddings-inference and vLLM.

use codepurify::Language;
use codepurify_server::Kind;
use serde_json::{Value, json};

use crate::common::guard::TestGuard;
use crate::common::{CLEAN, Running, config, triggered};

fn server(kind: Kind) -> Running {
    Running::new(TestGuard::of(kind).with_language(Language::C), config())
}

fn labels(scores: &Value) -> Vec<&str> {
    scores.as_array().unwrap().iter().map(|score| score["label"].as_str().unwrap()).collect()
}

#[test]
fn tei_client_gets_scores_of_the_purified_text() {
    let server = server(Kind::Classifier);
    let guarded = server.post("/predict", &json!({ "inputs": triggered(), "truncate": true })).json();
    assert_eq!(labels(&guarded), ["benign", "fooled"]);
    let sum: f64 = guarded.as_array().unwrap().iter().map(|score| score["score"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);
    assert_eq!(server.post("/predict", &json!({ "inputs": [triggered()] })).json(), guarded);
    let batch = server.post("/predict", &json!({ "inputs": [[triggered()], [CLEAN]] })).json();
    assert_eq!(batch[0], guarded);
    assert_eq!(labels(&batch[1]), ["benign", "fooled"]);
    let raw = server.post("/predict", &json!({ "inputs": CLEAN, "raw_scores": true })).json();
    assert_eq!(raw[1], json!({ "label": "fooled", "score": 0.0 }));
}

#[test]
fn tei_client_sends_pairs() {
    let server = server(Kind::Pair);
    let guarded = server.post("/predict", &json!({ "inputs": [CLEAN, triggered()] })).json();
    assert_eq!(labels(&guarded), ["benign", "fooled"]);
    let batch = server.post("/predict", &json!({ "inputs": [[CLEAN, triggered()], [CLEAN, CLEAN]] })).json();
    assert_eq!(batch[0], guarded);
    let refused = server.post("/predict", &json!({ "inputs": [[CLEAN, CLEAN], [CLEAN]] }));
    assert_eq!(refused.status, 422);
    assert!(
        refused.json()["error"].as_str().unwrap().starts_with("inputs[1]: 1 texts"),
        "{}",
        refused.text()
    );
}

#[test]
fn tei_errors_have_its_form() {
    let server = server(Kind::Classifier);
    let refused = |body: &Value, status: u16, message: &str| {
        let response = server.post("/predict", body);
        assert_eq!((response.status, response.header("content-type")), (status, Some("application/json")));
        let error = response.json();
        assert_eq!(error["error_type"], "Validation");
        assert!(error["error"].as_str().unwrap().contains(message), "{error}");
    };
    refused(&json!({}), 422, "missing field `inputs`");
    refused(&json!({ "inputs": 3 }), 422, "inputs: expected a string");
    refused(&json!({ "inputs": [] }), 422, "inputs: 0 texts");
    refused(&json!({ "inputs": [CLEAN, CLEAN] }), 422, "inputs: 2 texts");
    refused(&json!({ "inputs": vec![[CLEAN]; 257] }), 413, "inputs: 257 inputs");
    refused(&json!({ "inputs": [[CLEAN], [" "]] }), 422, "inputs[1]: the text is empty");
}

#[test]
fn vllm_client_gets_classes_of_the_purified_text() {
    let server = server(Kind::Classifier);
    let body = json!({ "model": "toy", "input": [triggered(), CLEAN], "truncate_prompt_tokens": -1 });
    let answer = server.post("/classify", &body).json();
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!("toy")));
    assert!(answer["id"].as_str().unwrap().starts_with("classify-"));
    for (index, class) in answer["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&class["index"], &class["label"]), (&json!(index), &json!("benign")));
        assert_eq!((&class["num_classes"], class["probs"].as_array().unwrap().len()), (&json!(2), 2));
        assert!(class["probs"][1].as_f64() > class["probs"][0].as_f64());
    }
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 20);
    assert_eq!(answer["usage"]["prompt_tokens"], answer["usage"]["total_tokens"]);
    assert_eq!(server.post("/classify", &json!({ "input": CLEAN })).status, 200);
    assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "toy");
}

#[test]
fn vllm_errors_have_its_form() {
    let server = server(Kind::Classifier);
    let response = server.post("/classify", &json!({ "model": "other", "input": CLEAN }));
    assert_eq!(response.status, 422);
    let error = &response.json()["error"];
    assert_eq!((&error["param"], &error["code"]), (&json!("model"), &json!(422)));
    assert!(error["message"].as_str().unwrap().contains("`toy`"), "{error}");
    let response = server.post("/classify", &json!({ "input": [1, 2] }));
    assert_eq!(response.json()["error"]["param"], "input");
}

#[test]
fn language_must_be_known_to_the_server() {
    let response = Running::classifier().post("/predict", &json!({ "inputs": CLEAN }));
    assert_eq!(response.status, 422);
    assert!(response.text().contains("--lang"), "{}", response.text());
}

#[test]
fn text_models_have_no_scores() {
    let server = server(Kind::Generator);
    for (path, body) in [("/predict", json!({ "inputs": CLEAN })), ("/classify", json!({ "input": CLEAN }))] {
        let response = server.post(path, &body);
        assert_eq!(response.status, 422);
        assert!(response.text().contains("/v1/predict"), "{}", response.text());
    }
}

#[test]
fn code_that_cannot_be_judged_gets_no_scores() {
    let response =
        server(Kind::Classifier).post("/predict", &json!({ "inputs": "int PANIC(int n) { return n; }" }));
    assert_eq!((response.status, &response.json()["error_type"]), (424, &json!("Backend")));
}

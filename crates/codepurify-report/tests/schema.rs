//! `docs/verdict.schema.json` is generated from the types; a change of the contract must show there.

use std::path::Path;

#[test]
fn the_schema_in_docs_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verdict.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(codepurify::Report)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == schema, "docs/verdict.schema.json is out of date: run this test with UPDATE_SCHEMA=1");
}

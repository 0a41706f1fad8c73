//! URLs in a build without the feature `object-store`.

use std::path::Path;

use codepurify_data::{DataError, Input, StoreError};

#[test]
fn a_url_is_refused_with_the_name_of_the_feature() {
    let Err(error) = Input::open(Path::new("s3://bucket/rows.jsonl")) else { panic!("it was read") };
    assert!(matches!(error, DataError::Store(StoreError::NotBuilt { .. })));
    assert!(
        error.to_string().contains("s3://bucket/rows.jsonl: ") && error.to_string().contains("object-store")
    );
}

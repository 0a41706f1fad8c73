//! Which field holds the code.

use codepurify_data::{Columns, Found, Input, NoColumn, NumberedRow, ReadOptions, RowReader, Sides};

fn find(text: &str, sides: Sides) -> Result<Option<Columns>, NoColumn> {
    let input = Input::from_reader("rows.jsonl", std::io::Cursor::new(text.as_bytes().to_vec())).unwrap();
    let Found::Rows(reader) = RowReader::detect(input, &ReadOptions::default()).unwrap() else {
        panic!("no rows")
    };
    let rows: Vec<NumberedRow> = reader.map(Result::unwrap).collect();
    Columns::find(&rows, sides)
}

fn code(text: &str, sides: Sides) -> Vec<String> {
    find(text, sides).unwrap().unwrap().code
}

#[test]
fn known_fields_are_taken_in_their_order() {
    assert_eq!(code(r#"{"target": 1, "func": "x"}"#, Sides::One), ["func"]);
    let found = find(r#"{"func_after": "y", "processed_func": "x", "func_before": "x"}"#, Sides::One);
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.code, found.others),
        (vec!["func_before".to_owned()], vec!["processed_func".to_owned()])
    );
    assert_eq!(code(r#"{"source": "github", "code": "x"}"#, Sides::One), ["code"]);
    assert_eq!(code(r#"{"text": "x", "id": 1}"#, Sides::One), ["text"]);
    assert_eq!(code(r#"{"code1": "x", "code2": "y", "func1": "z"}"#, Sides::Two), ["code1", "code2"]);
}

#[test]
fn bad_rows_and_rows_without_text_do_not_decide() {
    assert_eq!(code("{\"code\": 1\n{\"func\": null}\n{\"code\": \"x\"}\n", Sides::One), ["code"]);
    assert_eq!(find("{\"a\"\n", Sides::One), Ok(None));
}

#[test]
fn unknown_and_vague_fields_are_listed() {
    let error = find(r#"{"id": 1, "body": "x"}"#, Sides::One).unwrap_err();
    assert_eq!(error.to_string(), "no field of the rows is known to hold code; the fields are `id`, `body`");
    let error = find(r#"{"source": "x", "content": "y"}"#, Sides::One).unwrap_err();
    assert!(matches!(&error, NoColumn::Ambiguous { candidates, .. } if candidates.len() == 2), "{error}");
    assert!(matches!(find(r#"{"func": "x"}"#, Sides::Two), Err(NoColumn::Unknown { .. })));
}

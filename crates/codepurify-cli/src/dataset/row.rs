//! A line of JSON whose code can be changed while all else stays byte for byte.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields of a row, in order, as they stand.
pub(crate) struct Row(Vec<(String, Box<RawValue>)>);

impl Row {
    /// Reads a line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    /// The text in a field.
    pub(crate) fn text(&self, field: &str) -> Result<String, String> {
        let value = self.0.iter().find(|(name, _)| name == field);
        let value = value.ok_or_else(|| format!("the row has no field `{field}`"))?;
        serde_json::from_str(value.1.get()).map_err(|_| format!("the field `{field}` holds no text"))
    }

    /// The same row with other text in a field that it has.
    pub(crate) fn with(mut self, field: &str, text: &str) -> Self {
        for (name, value) in &mut self.0 {
            if name == field {
                *value = serde_json::value::to_raw_value(text).expect("a text can be written as JSON");
            }
        }
        self
    }

    /// The row as one line.
    pub(crate) fn line(&self) -> String {
        let name = |name: &str| serde_json::Value::from(name).to_string();
        let fields = self.0.iter().map(|(field, value)| format!("{}:{}", name(field), value.get()));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Row;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let (mut fields, mut known) = (Vec::new(), HashSet::new());
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if !known.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("the field `{name}` occurs twice")));
            }
            fields.push((name, value));
        }
        Ok(Row(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn only_the_changed_field_changes() {
        let line = r#"{"idx": 12345678901234567890123, "func": "a\u0041\n", "x":[1.0, {"b":2}],"ü":null}"#;
        let row = Row::parse(line).unwrap();
        assert_eq!(row.text("func").unwrap(), "aA\n");
        let line = row.with("func", "int \"é\"\n").line();
        assert_eq!(
            line,
            r#"{"idx":12345678901234567890123,"func":"int \"é\"\n","x":[1.0, {"b":2}],"ü":null}"#
        );
    }

    #[test]
    fn what_is_no_row_is_refused_and_says_why() {
        let refused = |line: &str| Row::parse(line).err().unwrap();
        assert!(refused("[1]").contains("an object"));
        assert!(refused(r#"{"a": 1"#).contains("EOF"));
        assert!(refused(r#"{"a": 1, "a": 2}"#).contains("`a` occurs twice"));
        let row = Row::parse(r#"{"a": 1}"#).unwrap();
        assert!(row.text("b").unwrap_err().contains("no field `b`"));
        assert!(row.text("a").unwrap_err().contains("holds no text"));
    }
}

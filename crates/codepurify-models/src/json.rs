//! JSON as other programs write it: it may begin with a byte order mark, and a key whose value is null is
//! absent.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let Object(entries) = serde_json::from_slice(bytes)?;
    let mut value = Value::Object(entries);
    drop_nulls(&mut value);
    serde_json::from_value(value)
}

/// The parser has limited how deep the value is.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The entries of an object; a key that occurs twice would be ambiguous.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut entries = Map::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            if entries.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            entries.insert(key, value);
        }
        Ok(Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::object;

    #[test]
    fn null_keys_are_absent_at_any_depth() {
        let read: Value = object(br#"{"a": null, "b": {"c": null, "d": [null, {"e": null}]}}"#).unwrap();
        assert_eq!(read, json!({"b": {"d": [null, {}]}}));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(object::<Value>("\u{feff}{\"a\": 1}".as_bytes()).unwrap(), json!({"a": 1}));
    }

    #[test]
    fn repeated_keys_and_other_values_are_errors() {
        for text in ["{\"a\": 1, \"a\": 2}", "[1]", "null", ""] {
            assert!(object::<Value>(text.as_bytes()).is_err(), "{text}");
        }
    }
}

//! JSON objects whose keys may repeat: who repeats one is refused, not silently overruled.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A JSON object as written in the file, including repeated keys.
pub(crate) struct Pairs<V>(pub(crate) Vec<(String, V)>);

impl<V> Pairs<V> {
    /// A key that occurs more than once.
    pub(crate) fn repeated(&self) -> Option<&str> {
        repeated(self.0.iter().map(|(key, _)| key.as_str()))
    }
}

/// The alphabetically first text that occurs more than once.
pub(crate) fn repeated<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let value =
                map.next_value().map_err(|error| A::Error::custom(format_args!("`{key}`: {error}")))?;
            pairs.push((key, value));
        }
        Ok(Pairs(pairs))
    }
}

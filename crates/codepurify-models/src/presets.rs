//! Sidecars for the training scripts that most checkpoints come from.

use serde_json::Value;

use crate::error::LoadError;
use crate::layout::HeadKind;

/// A ready `codepurify.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Name of the preset.
    pub name: &'static str,
    /// The file's text.
    pub json: &'static str,
    /// The heads that its training script makes.
    pub(crate) heads: &'static [HeadKind],
}

macro_rules! presets {
    ($($name:literal: [$($head:ident),*],)*) => {
        /// Every preset, by name.
        pub static PRESETS: &[Preset] = &[$(Preset {
            name: $name,
            json: include_str!(concat!("../presets/", $name, ".json")),
            heads: &[$(HeadKind::$head),*],
        }),*];
    };
}

presets! {
    "codepurify-clone": [Pair, T5Pair],
    "codepurify-defect": [Classification, Linear, T5Classification, T5Generation],
    "codepurify-repair": [Seq2Seq, T5Generation],
    "codet5-clone": [Pair, T5Pair],
    "codet5-defect": [Linear, T5Classification],
    "codet5-defect-text": [Seq2Seq, T5Generation],
    "codet5-refine-medium": [Seq2Seq, T5Generation],
    "codet5-refine-small": [Seq2Seq, T5Generation],
    "codexglue-clone": [Pair],
    "codexglue-defect": [Classification],
    "codexglue-refine": [Seq2Seq],
    "linevul": [Classification],
    "unixcoder-clone": [Pair],
}

/// Names of the presets for a head.
pub(crate) fn fitting(head: HeadKind) -> String {
    let fitting = PRESETS.iter().filter(|preset| preset.heads.contains(&head));
    fitting.map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

impl Preset {
    /// The preset of this name.
    ///
    /// # Errors
    /// [`LoadError::UnknownPreset`].
    pub fn named(name: &str) -> Result<&'static Self, LoadError> {
        PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| LoadError::UnknownPreset {
            name: name.to_owned(),
            known: PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Returns the purpose of the preset in one line.
    #[must_use]
    pub fn description(&self) -> String {
        self.value()["description"].as_str().unwrap_or_default().to_owned()
    }

    fn value(&self) -> Value {
        serde_json::from_str(self.json).expect("presets are checked by a test")
    }
}

/// `own` with what the preset `name` says wherever `own` says nothing.
pub(crate) fn below(name: &str, own: Value) -> Result<Value, LoadError> {
    let mut value = Preset::named(name)?.value();
    lay_over(&mut value, own);
    Ok(value)
}

fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        // Another kind of decision has other keys.
        (below, above) if above.get("kind").is_some_and(|kind| below.get("kind") != Some(kind)) => {
            *below = above;
        }
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sidecar::Sidecar;

    #[test]
    fn every_preset_is_a_side_car_with_a_task_and_a_description() {
        for preset in PRESETS {
            let sidecar: Sidecar = serde_json::from_str(preset.json).expect(preset.name);
            assert!(sidecar.task.is_some() && !preset.description().is_empty(), "{}", preset.name);
            assert!(
                sidecar.preset.is_none() && sidecar.preprocessing.max_length.is_some(),
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn own_values_win_key_by_key() {
        let own = serde_json::json!({"preprocessing": {"max_length": 99}, "labels": ["a", "b"]});
        let merged = below("codexglue-defect", own).unwrap();
        assert_eq!(merged["preprocessing"]["max_length"], 99);
        assert_eq!(merged["preprocessing"]["collapse_whitespace"], true);
        assert_eq!(merged["labels"], serde_json::json!(["a", "b"]));
        assert_eq!(merged["task"], "defect");
    }

    #[test]
    fn another_kind_of_decision_replaces_all_of_it() {
        let own = serde_json::json!({"decision": {"kind": "classes"}});
        assert_eq!(below("unixcoder-clone", own.clone()).unwrap()["decision"], own["decision"]);
        let own = serde_json::json!({"decision": {"threshold": 0.7}});
        let merged = below("unixcoder-clone", own).unwrap();
        assert_eq!(merged["decision"], serde_json::json!({"kind": "cosine", "threshold": 0.7}));
    }

    #[test]
    fn an_unknown_preset_names_the_known_ones() {
        let message = below("codexglue", Value::Null).unwrap_err().to_string();
        assert!(message.contains("`codexglue`") && message.contains("codexglue-defect"), "{message}");
    }
}

//! Finds the state dict in what a pickle holds.

use std::ops::Range;

use crate::contents::Contents;
use crate::error::{CheckpointError, visible};
use crate::torch::draft::TensorDraft;
use crate::torch::pickle::{Id, Object, Pickle};

/// Keys under which training scripts save the state dict together with other things.
const WRAPPERS: [&str; 7] =
    ["state_dict", "model_state_dict", "model", "model_state", "module", "net", "network"];

/// Most of these keys inside of each other.
const MAX_WRAPPERS: usize = 4;

/// Tensors and the rest of a state dict.
#[derive(Debug, Default)]
pub(super) struct State<'p, 'a> {
    tensors: Vec<(&'p str, &'p TensorDraft<'a>)>,
    /// Key and kind of what is no tensor.
    skipped: Vec<String>,
    /// Keys of other dicts with tensors.
    unread: Vec<String>,
}

/// Pairs of a dict.
type Pairs<'p> = &'p [(Id, Id)];

impl<'p, 'a> State<'p, 'a> {
    /// Takes the root object if it is a dict with tensors, else the one dict with tensors under one of the usual keys.
    pub(super) fn find(file: &str, pickle: &'p Pickle<'a>) -> Result<Self, CheckpointError> {
        let root = pickle.root();
        let Object::Dict(pairs) = root else {
            let kind = root.kind();
            let saved = "save the `state_dict()` of a model";
            return Err(pickle.no_state_dict(format!("the object in it is of type {kind}; {saved}")));
        };
        let mut state = Self::default();
        let mut pairs: Pairs<'p> = pairs;
        for _ in 0..MAX_WRAPPERS {
            let wrapped = if has_tensors(pickle, pairs) { None } else { find_wrapped(pickle, pairs)? };
            state.collect(file, pickle, pairs, wrapped.map(|(key, _)| key))?;
            match wrapped {
                Some((_, inner)) => pairs = inner,
                None if state.tensors.is_empty() => break,
                None => return Ok(state),
            }
        }
        let keys = WRAPPERS.join(", ");
        Err(pickle.no_state_dict(format!("no tensors at its top level, nor in a dict under {keys}")))
    }

    /// Sorts the values of one dict, but for the one under `wrapper`. Python lets a repeated key overrule the first; here it
    /// stays visible, and is refused when the tensors are put together.
    fn collect(
        &mut self,
        file: &str,
        pickle: &'p Pickle<'a>,
        pairs: Pairs<'p>,
        wrapper: Option<&str>,
    ) -> Result<(), CheckpointError> {
        for &(key, value) in pairs {
            let (name, value) = (pickle.text(key), pickle.object(value));
            let kind = visible(&value.kind()).into_owned();
            match (name, value) {
                (Some(name), _) if Some(name) == wrapper => {}
                (Some(name), Object::Tensor(draft)) => self.tensors.push((name, draft)),
                (Some(name), value) => {
                    if matches!(value, Object::Dict(inner) if has_tensors(pickle, inner)) {
                        self.unread.push(visible(name).into_owned());
                    }
                    self.skipped.push(format!("{} ({kind})", visible(name)));
                }
                (None, Object::Tensor(_)) => {
                    let found = format!("the name of a tensor is of type {}", pickle.object(key).kind());
                    return Err(CheckpointError::NotAStateDict { file: file.to_owned(), found });
                }
                (None, _) => {
                    self.skipped.push(format!("{} ({kind})", visible(&pickle.object(key).kind())));
                }
            }
        }
        Ok(())
    }

    /// Checks every tensor against its storage; `storage` gives the place of a storage in the file by its key.
    pub(super) fn place(
        self,
        file: &str,
        storage: impl Fn(&str) -> Result<Range<usize>, String>,
    ) -> Result<Contents, CheckpointError> {
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for (name, draft) in self.tensors {
            let layout = storage(draft.storage.key).and_then(|storage| draft.place(&storage));
            let layout = layout.map_err(|message| CheckpointError::Tensor {
                file: file.to_owned(),
                tensor: name.to_owned(),
                message,
            })?;
            tensors.push((name.to_owned(), layout));
        }
        Ok(Contents { tensors, skipped: self.skipped, unread: self.unread })
    }
}

fn has_tensors(pickle: &Pickle, pairs: &[(Id, Id)]) -> bool {
    pairs.iter().any(|&(_, value)| matches!(pickle.object(value), Object::Tensor(_)))
}

/// The dict under one of the usual keys that holds tensors or, behind further ones of these keys, may do so.
fn find_wrapped<'p>(
    pickle: &'p Pickle<'_>,
    pairs: &[(Id, Id)],
) -> Result<Option<(&'static str, Pairs<'p>)>, CheckpointError> {
    let mut dicts = Vec::new();
    for wrapper in WRAPPERS {
        let values = pairs.iter().filter(|(key, _)| pickle.text(*key) == Some(wrapper));
        let values: Vec<_> = values.map(|&(_, value)| pickle.object(value)).collect();
        if values.len() > 1 {
            return Err(pickle.no_state_dict(format!("`{wrapper}` occurs twice")));
        }
        if let [Object::Dict(inner)] = values[..] {
            dicts.push((wrapper, inner.as_slice()));
        }
    }
    let mut full = dicts.iter().filter(|(_, inner)| has_tensors(pickle, inner));
    match (full.next(), full.next()) {
        (Some(&(first, _)), Some(&(second, _))) => Err(pickle.no_state_dict(format!(
            "both `{first}` and `{second}` hold tensors; save the one that is used alone"
        ))),
        (Some(&only), None) => Ok(Some(only)),
        _ => Ok(dicts.first().copied()),
    }
}

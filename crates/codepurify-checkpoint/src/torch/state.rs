//! Finds the state dict in what a pickle holds.

use std::ops::Range;

use crate::error::{CheckpointError, visible};
use crate::state_dict::Contents;
use crate::torch::draft::TensorDraft;
use crate::torch::pickle::{Id, Object, Pickle};

/// Keys under which training scripts put the state dict beside other things.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Tensors and the rest of a state dict.
#[derive(Debug, Default)]
pub(super) struct State<'p, 'a> {
    pub(super) tensors: Vec<(&'p str, &'p TensorDraft<'a>)>,
    /// Key and kind of what is no tensor.
    pub(super) skipped: Vec<String>,
}

impl<'p, 'a> State<'p, 'a> {
    /// Takes the root object if it is a dict with tensors, else the first dict with tensors under one of the usual keys.
    pub(super) fn find(file: &str, pickle: &'p Pickle<'a>) -> Result<Self, CheckpointError> {
        let fail = |found: String| CheckpointError::NotAStateDict { file: file.to_owned(), found };
        let root = pickle.root();
        let Object::Dict(pairs) = root else {
            return Err(fail(format!("the object in it is of type {}", root.kind())));
        };
        let mut state = Self::collect(file, pickle, pairs)?;
        if !state.tensors.is_empty() {
            return Ok(state);
        }
        for wrapper in WRAPPERS {
            let mut values = pairs.iter().filter(|(key, _)| pickle.text(*key) == Some(wrapper));
            let Some(&(_, value)) = values.next() else { continue };
            if values.next().is_some() {
                return Err(fail(format!("`{wrapper}` occurs twice")));
            }
            let Object::Dict(inner) = pickle.object(value) else { continue };
            let inner = Self::collect(file, pickle, inner)?;
            if !inner.tensors.is_empty() {
                let wrapper = format!("{wrapper} ({})", pickle.object(value).kind());
                state.skipped.retain(|skipped| *skipped != wrapper);
                state.skipped.extend(inner.skipped);
                return Ok(Self { tensors: inner.tensors, skipped: state.skipped });
            }
        }
        Err(fail(format!("no tensors at its top level, nor in a dict under {}", WRAPPERS.join(", "))))
    }

    /// Sorts the values of one dict. Python lets a repeated key overrule the first; here it stays visible, and is
    /// refused when the tensors are put together.
    fn collect(file: &str, pickle: &'p Pickle<'a>, pairs: &[(Id, Id)]) -> Result<Self, CheckpointError> {
        let mut state = Self { tensors: Vec::new(), skipped: Vec::new() };
        for &(key, value) in pairs {
            match (pickle.text(key), pickle.object(value)) {
                (Some(name), Object::Tensor(draft)) => state.tensors.push((name, draft)),
                (Some(name), other) => state.skipped.push(format!("{} ({})", visible(name), other.kind())),
                (None, Object::Tensor(_)) => {
                    let found = format!("the name of a tensor is of type {}", pickle.object(key).kind());
                    return Err(CheckpointError::NotAStateDict { file: file.to_owned(), found });
                }
                (None, other) => {
                    state.skipped.push(format!("{} ({})", pickle.object(key).kind(), other.kind()));
                }
            }
        }
        Ok(state)
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
        Ok(Contents { tensors, skipped: self.skipped })
    }
}

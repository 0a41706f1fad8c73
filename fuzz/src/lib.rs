//! Shared parts of all targets.

use codepurify_checkpoint::{CheckpointError, StateDict};

/// Reads all weights. A tensor that is accepted has all of its elements, and they are numbers; a refusal can be shown.
pub fn read(state: Result<StateDict, CheckpointError>) {
    let state = match state {
        Ok(state) => state,
        Err(error) => return drop(error.to_string()),
    };
    for tensor in state.tensors() {
        match tensor.to_f32() {
            Ok(values) => {
                assert_eq!(values.len(), tensor.shape().iter().product::<usize>());
                assert!(values.iter().all(|value| value.is_finite()));
            }
            Err(error) => drop(error.to_string()),
        }
    }
}

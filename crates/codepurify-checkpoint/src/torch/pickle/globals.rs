//! The names that a state dict needs, and what becomes of a call to them.

use crate::element::ElementType;
use crate::error::CheckpointError;
use crate::layout::MAX_RANK;
use crate::torch::draft::{StorageRef, TensorDraft};
use crate::torch::pickle::machine::Machine;
use crate::torch::pickle::object::{Id, Object};

/// Known name. It is never called; a call is replaced by the data that it would return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::torch) enum Global {
    OrderedDict,
    DefaultDict,
    /// `_codecs.encode(text, encoding)`, as which pickles before protocol 3 write bytes.
    Encode,
    Size,
    Device,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    RebuildParameterWithState,
    /// `torch._tensor._rebuild_from_type_v2(function, type, arguments, state)`, a subclass of tensors.
    RebuildFromType,
    Storage(ElementType),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("_codecs", "encode") => Self::Encode,
            ("torch", "Size") => Self::Size,
            ("torch", "device") => Self::Device,
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensorV2,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch._utils", "_rebuild_parameter_with_state") => Self::RebuildParameterWithState,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", storage) => Self::Storage(storage_type(storage)?),
            ("torch.storage", "UntypedStorage") => Self::Storage(ElementType::U8),
            _ => return None,
        })
    }
}

fn storage_type(name: &str) -> Option<ElementType> {
    Some(match name {
        "DoubleStorage" => ElementType::F64,
        "FloatStorage" => ElementType::F32,
        "HalfStorage" => ElementType::F16,
        "BFloat16Storage" => ElementType::BF16,
        "LongStorage" => ElementType::I64,
        "IntStorage" => ElementType::I32,
        "ShortStorage" => ElementType::I16,
        "CharStorage" => ElementType::I8,
        "ByteStorage" | "UntypedStorage" => ElementType::U8,
        "BoolStorage" => ElementType::Bool,
        _ => return None,
    })
}

impl Machine<'_> {
    /// The object that `global(*arguments)` would give.
    pub(super) fn apply(&mut self, global: Global, arguments: &[Id]) -> Result<Id, CheckpointError> {
        match (global, arguments) {
            (Global::OrderedDict, []) | (Global::DefaultDict, [] | [_]) => self.add(Object::Dict(Vec::new())),
            (Global::Encode, &[text, _]) if self.object(text).text().is_some() => self.add(Object::Bytes),
            (Global::Size, &[sizes]) if matches!(self.object(sizes), Object::Tuple(_)) => Ok(sizes),
            (Global::Device, [_] | [_, _]) => self.add(Object::Device),
            (Global::RebuildTensor, &[storage, offset, shape, strides]) => {
                self.rebuild_tensor(storage, offset, shape, strides)
            }
            // The rest are whether it wants a gradient, hooks, and since PyTorch 1.13 metadata.
            (Global::RebuildTensorV2, &[storage, offset, shape, strides, _, _, ref metadata @ ..]) => {
                self.check_metadata(metadata)?;
                self.rebuild_tensor(storage, offset, shape, strides)
            }
            (Global::RebuildParameter, &[tensor, _, _])
            | (Global::RebuildParameterWithState, &[tensor, _, _, _])
                if matches!(self.object(tensor), Object::Tensor(_)) =>
            {
                Ok(tensor)
            }
            (Global::RebuildFromType, &[function, _, arguments, _]) => self.rebuild(function, arguments),
            _ => Err(self.tensor_error(format!("calls {global:?} with arguments that it does not take"))),
        }
    }

    /// A tensor by the function that rebuilds it; one of a subclass is rebuilt like any other.
    fn rebuild(&mut self, function: Id, arguments: Id) -> Result<Id, CheckpointError> {
        match (self.object(function), self.object(arguments)) {
            (
                &Object::Global(function @ (Global::RebuildTensorV2 | Global::RebuildTensor)),
                Object::Tuple(arguments),
            ) => {
                let arguments: Vec<Id> = arguments.iter().take(16).copied().collect();
                self.apply(function, &arguments)
            }
            _ => Err(self.tensor_error("is of a subclass that is not known".to_owned())),
        }
    }

    /// There may be one object of metadata. What it could say is that the elements are to be negated or conjugated.
    fn check_metadata(&self, metadata: &[Id]) -> Result<(), CheckpointError> {
        match metadata.iter().map(|&id| self.object(id)).collect::<Vec<_>>()[..] {
            [] | [Object::None] => Ok(()),
            [Object::Dict(pairs)] if pairs.is_empty() => Ok(()),
            _ => Err(self.tensor_error("has a negative or conjugate bit".to_owned())),
        }
    }

    fn rebuild_tensor(
        &mut self,
        storage: Id,
        offset: Id,
        shape: Id,
        strides: Id,
    ) -> Result<Id, CheckpointError> {
        let Object::Storage(storage) = self.object(storage) else {
            return Err(self.tensor_error(format!("has a {} for a storage", self.object(storage).kind())));
        };
        let storage = **storage;
        let offset = self.int(offset, "an offset")?;
        let (shape, strides) = (self.ints(shape, "a shape")?, self.ints(strides, "strides")?);
        self.add(Object::Tensor(Box::new(TensorDraft { storage, offset, shape, strides })))
    }

    /// A storage, from `("storage", type, key, location, elements)`; legacy files have a sixth part, which is `None`
    /// or `(key of the view, offset, elements)`.
    pub(super) fn find_storage(&mut self, persistent_id: Id) -> Result<Id, CheckpointError> {
        let refuse = || self.tensor_error("has a persistent id that is no storage".to_owned());
        let Object::Tuple(parts) = self.object(persistent_id) else { return Err(refuse()) };
        let (id, view) = match parts[..] {
            [tag, of, key, _, elements] => ([tag, of, key, elements], None),
            [tag, of, key, _, elements, view] => ([tag, of, key, elements], Some(view)),
            _ => return Err(refuse()),
        };
        let [tag, of, key, elements] = id;
        if let &Object::Name(kind) = self.object(of) {
            return Err(self.forbidden(kind));
        }
        let (Some("storage"), &Object::Global(Global::Storage(element_type)), Some(key)) =
            (self.object(tag).text(), self.object(of), self.object(key).text())
        else {
            return Err(refuse());
        };
        let elements = self.int(elements, "a length of its storage")?;
        let view = view.map_or(Ok(None), |view| self.storage_view(view))?;
        self.add(Object::Storage(Box::new(StorageRef { key, element_type, elements, view })))
    }

    fn storage_view(&self, view: Id) -> Result<Option<(i64, i64)>, CheckpointError> {
        let parts = match self.object(view) {
            Object::None => return Ok(None),
            Object::Tuple(parts) => parts.as_slice(),
            _ => &[],
        };
        let &[_, offset, elements] = parts else {
            return Err(self.tensor_error("has a view of a storage that is none".to_owned()));
        };
        Ok(Some((self.int(offset, "an offset of its view")?, self.int(elements, "a length of its view")?)))
    }

    fn int(&self, id: Id, what: &str) -> Result<i64, CheckpointError> {
        let int = self.object(id).int();
        int.ok_or_else(|| self.tensor_error(format!("has {what} that is no integer of 64 bits")))
    }

    /// A shape or strides.
    fn ints(&self, id: Id, what: &str) -> Result<Vec<i64>, CheckpointError> {
        match self.object(id) {
            Object::Tuple(parts) if parts.len() <= MAX_RANK => {
                parts.iter().map(|&part| self.int(part, what)).collect()
            }
            Object::Tuple(_) => Err(self.tensor_error(format!("has more than {MAX_RANK} dimensions"))),
            other => Err(self.tensor_error(format!("has {what} of type {}", other.kind()))),
        }
    }
}

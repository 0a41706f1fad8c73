//! The names that a state dict may mention, and what becomes of a call to them.

use crate::element::ElementType;
use crate::error::CheckpointError;
use crate::layout::MAX_RANK;
use crate::torch::draft::{StorageRef, TensorDraft};
use crate::torch::pickle::machine::Machine;
use crate::torch::pickle::object::{Id, Object};

/// A name that is known. Nothing of it is ever called; a call is replaced by the data that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::torch) enum Global {
    OrderedDict,
    Size,
    Device,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    Storage(ElementType),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", "Size") => Self::Size,
            ("torch", "device") => Self::Device,
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensorV2,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
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

impl<'a> Machine<'a> {
    /// The object that `global(*arguments)` would give.
    pub(super) fn apply(&mut self, global: Global, arguments: &[Id]) -> Result<Id, CheckpointError> {
        match (global, arguments) {
            (Global::OrderedDict, []) => self.add(Object::Dict(Vec::new())),
            (Global::Size, &[sizes]) if matches!(self.object(sizes), Object::Tuple(_)) => Ok(sizes),
            (Global::Device, [_] | [_, _]) => self.add(Object::Device),
            (Global::RebuildTensor, &[storage, offset, shape, strides]) => {
                self.rebuild_tensor(storage, offset, shape, strides)
            }
            // The rest are whether it wants a gradient, and hooks.
            (Global::RebuildTensorV2, &[storage, offset, shape, strides, _, _]) => {
                self.rebuild_tensor(storage, offset, shape, strides)
            }
            (Global::RebuildTensorV2, &[storage, offset, shape, strides, _, _, metadata]) => {
                self.check_no_metadata(metadata)?;
                self.rebuild_tensor(storage, offset, shape, strides)
            }
            (Global::RebuildParameter, &[tensor, _, _])
                if matches!(self.object(tensor), Object::Tensor(_)) =>
            {
                Ok(tensor)
            }
            _ => Err(self.error(format!("{global:?} does not take these {} arguments", arguments.len()))),
        }
    }

    /// Metadata says that the elements are to be negated or conjugated when they are read.
    fn check_no_metadata(&self, metadata: Id) -> Result<(), CheckpointError> {
        match self.object(metadata) {
            Object::None => Ok(()),
            Object::Dict(pairs) if pairs.is_empty() => Ok(()),
            _ => Err(self.error("a tensor with a negative or conjugate bit")),
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
            return Err(self.error("a tensor whose storage is none"));
        };
        let storage = **storage;
        let offset = self.int(offset, "the offset of a tensor")?;
        let (shape, strides) = (self.ints(shape)?, self.ints(strides)?);
        self.add(Object::Tensor(Box::new(TensorDraft { storage, offset, shape, strides })))
    }

    /// A storage, from `("storage", type, key, location, elements)`; legacy files have a sixth part, which is `None`
    /// or `(key of the view, offset, elements)`.
    pub(super) fn find_storage(&mut self, persistent_id: Id) -> Result<Id, CheckpointError> {
        let (id, view) = match self.object(persistent_id) {
            Object::Tuple(parts) => match parts[..] {
                [tag, of, key, _, elements] => ([tag, of, key, elements], None),
                [tag, of, key, _, elements, view] => ([tag, of, key, elements], Some(view)),
                _ => return Err(self.error("a persistent id that is no storage")),
            },
            _ => return Err(self.error("a persistent id that is no tuple")),
        };
        let [tag, of, key, elements] = id;
        let (Some("storage"), &Object::Global(Global::Storage(element_type)), Some(key)) =
            (self.object(tag).text(), self.object(of), self.object(key).text())
        else {
            return Err(self.error("a persistent id that is no storage"));
        };
        let elements = self.int(elements, "the length of a storage")?;
        let view = view.map_or(Ok(None), |view| self.storage_view(view))?;
        self.add(Object::Storage(Box::new(StorageRef { key, element_type, elements, view })))
    }

    fn storage_view(&self, view: Id) -> Result<Option<(i64, i64)>, CheckpointError> {
        match self.object(view) {
            Object::None => Ok(None),
            Object::Tuple(parts) => match parts[..] {
                [_, offset, elements] => Ok(Some((
                    self.int(offset, "the offset of a view")?,
                    self.int(elements, "the length of a view")?,
                ))),
                _ => Err(self.error("a view of a storage that has not three parts")),
            },
            _ => Err(self.error("a view of a storage that is no tuple")),
        }
    }

    fn int(&self, id: Id, what: &str) -> Result<i64, CheckpointError> {
        self.object(id).int().ok_or_else(|| self.error(format!("{what} is no integer of 64 bits")))
    }

    /// A shape or strides.
    fn ints(&self, id: Id) -> Result<Vec<i64>, CheckpointError> {
        match self.object(id) {
            Object::Tuple(parts) if parts.len() <= MAX_RANK => {
                parts.iter().map(|&part| self.int(part, "a size or stride of a tensor")).collect()
            }
            Object::Tuple(_) => Err(self.error(format!("a tensor of more than {MAX_RANK} dimensions"))),
            _ => Err(self.error("the shape or the strides of a tensor are no tuple")),
        }
    }
}

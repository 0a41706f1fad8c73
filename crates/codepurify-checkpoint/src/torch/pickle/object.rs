//! Objects of a pickle.

use std::borrow::Cow;

use crate::torch::draft::{StorageRef, TensorDraft};
use crate::torch::pickle::globals::Global;
use crate::torch::pickle::name::Name;

/// Place of an object in the list of all objects of its pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::torch) struct Id(u32);

impl Id {
    /// The id of the object that is appended next.
    pub(super) fn next(objects: &[Object]) -> Self {
        Self(objects.len() as u32)
    }

    pub(super) fn of<'o, 'a>(self, objects: &'o [Object<'a>]) -> &'o Object<'a> {
        &objects[self.0 as usize]
    }

    pub(super) fn of_mut<'o, 'a>(self, objects: &'o mut [Object<'a>]) -> &'o mut Object<'a> {
        &mut objects[self.0 as usize]
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An object. Values that nobody reads are not kept.
#[derive(Debug)]
pub(in crate::torch) enum Object<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: two's complement, little-endian.
    Long(&'a [u8]),
    Float,
    Text(&'a str),
    Bytes,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// A dict or an `OrderedDict`; repeated keys stay repeated.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// A class or function that means nothing here.
    Name(Name<'a>),
    /// Object that such a class or function would have made. It was not called, and its arguments are not kept.
    Opaque(Name<'a>),
    Storage(Box<StorageRef<'a>>),
    Tensor(Box<TensorDraft<'a>>),
    Device,
}

impl<'a> Object<'a> {
    /// Name of the type in Python.
    pub(in crate::torch) fn kind(&self) -> Cow<'static, str> {
        let known = match self {
            Self::Name(name) | Self::Opaque(name) => return Cow::Owned(name.to_string()),
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Long(_) => "int",
            Self::Float => "float",
            Self::Text(_) => "str",
            Self::Bytes => "bytes",
            Self::Tuple(_) => "tuple",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Global(_) => "type",
            Self::Storage(_) => "storage",
            Self::Tensor(_) => "tensor",
            Self::Device => "torch.device",
        };
        Cow::Borrowed(known)
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }
}

//! A restricted reader of Python pickles.
//!
//! A pickle is a program for a stack machine. This [`machine`] knows plain data and the few names that a state dict
//! needs. What would be made by another name is opaque: it is in the list of objects, and nobody calls or reads it.
//! A name that runs code is refused where it is mentioned. Objects live in one flat list and refer to each other by [`Id`]: what is nested, shared or cyclic costs no more than what is flat,
//! and no traversal or drop recurses.

mod cursor;
mod globals;
mod graph;
mod machine;
mod name;
mod object;
mod opcode;

use std::ops::Range;

use crate::error::CheckpointError;
use crate::torch::draft::StorageRef;
use cursor::Cursor;
use machine::{Machine, Read};

pub(super) use object::{Id, Object};

/// Longest pickle, in bytes; that of a model with a thousand tensors has about a hundred thousand.
pub(super) const MAX_PICKLE: usize = 16 << 20;

/// Most objects, memo entries and stack entries of a pickle.
const MAX_OBJECTS: usize = 1 << 20;

/// A pickle that was read to its end.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    file: String,
    objects: Vec<Object<'a>>,
    root: Id,
    /// The first name that means nothing here, and where it is mentioned.
    unknown: Option<(String, usize)>,
    /// Bytes of the file.
    place: Range<usize>,
}

impl<'a> Pickle<'a> {
    /// Reads one pickle that starts at `place.start` of a file and does not reach beyond `place.end`.
    pub(super) fn read(file: &str, bytes: &'a [u8], place: Range<usize>) -> Result<Self, CheckpointError> {
        let start = place.start;
        let mut machine = Machine::new(Cursor::new(file, bytes, place));
        let root = machine.run()?;
        let Read { objects, unknown, end } = machine.finish();
        let pickle = Self { file: file.to_owned(), objects, root, unknown, place: start..end };
        graph::check(&pickle.objects, root).map_err(|message| pickle.error(message))?;
        Ok(pickle)
    }

    /// The object that was pickled.
    pub(super) fn root(&self) -> &Object<'a> {
        self.object(self.root)
    }

    pub(super) fn object(&self, id: Id) -> &Object<'a> {
        id.of(&self.objects)
    }

    /// The object if it is text.
    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        self.object(id).text()
    }

    /// All storages that the pickle refers to, repeatedly if it does.
    pub(super) fn storages(&self) -> impl Iterator<Item = StorageRef<'a>> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(**storage),
            _ => None,
        })
    }

    /// The error of a file whose object is no state dict, which `found` says. Where the pickle holds no tensor at all, the
    /// names that it asks for say more.
    pub(super) fn no_state_dict(&self, found: String) -> CheckpointError {
        let file = self.file.clone();
        let has_tensors = self.objects.iter().any(|object| matches!(object, Object::Tensor(_)));
        match &self.unknown {
            Some((global, at)) if !has_tensors => {
                CheckpointError::Forbidden { file, global: global.clone(), at: *at }
            }
            _ => CheckpointError::NotAStateDict { file, found },
        }
    }

    /// Where the file goes on after this pickle.
    pub(super) fn end(&self) -> usize {
        self.place.end
    }

    /// An error about the content of this pickle.
    pub(super) fn error(&self, message: &str) -> CheckpointError {
        CheckpointError::Pickle { file: self.file.clone(), at: self.place.start, message: message.to_owned() }
    }
}

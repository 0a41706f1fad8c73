//! The stack machine.

use std::collections::HashMap;

use crate::contents::MAX_TENSORS;
use crate::error::CheckpointError;
use crate::torch::pickle::MAX_OBJECTS;
use crate::torch::pickle::cursor::Cursor;
use crate::torch::pickle::globals::Global;
use crate::torch::pickle::name::Name;
use crate::torch::pickle::object::{Id, Object};
use crate::torch::pickle::opcode as op;

/// Highest version of the pickle protocol.
const MAX_PROTOCOL: u8 = 5;

/// State of a pickle that is being read.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    cursor: Cursor<'a>,
    objects: Vec<Object<'a>>,
    tensors: usize,
    stack: Vec<Id>,
    /// Heights of the stack where a group of objects begins.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// The first name that means nothing here, and where it is mentioned.
    unknown: Option<(String, usize)>,
}

/// Result of a run.
pub(super) struct Read<'a> {
    pub(super) objects: Vec<Object<'a>>,
    pub(super) unknown: Option<(String, usize)>,
    /// Where the pickle ends in the file.
    pub(super) end: usize,
}

type Done = Result<(), CheckpointError>;

impl<'a> Machine<'a> {
    pub(super) fn new(cursor: Cursor<'a>) -> Self {
        let (objects, stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        Self { cursor, objects, tensors: 0, stack, marks, memo, unknown: None }
    }

    /// Works through the pickle; returns the object that it describes.
    pub(super) fn run(&mut self) -> Result<Id, CheckpointError> {
        loop {
            match self.cursor.byte()? {
                op::STOP => return self.pop(),
                opcode => self.step(opcode)?,
            }
        }
    }

    /// All that was read.
    pub(super) fn finish(self) -> Read<'a> {
        Read { objects: self.objects, unknown: self.unknown, end: self.cursor.at() }
    }

    fn step(&mut self, opcode: u8) -> Done {
        match opcode {
            op::PROTO | op::FRAME => self.check_framing(opcode),
            op::MARK | op::POP | op::POP_MARK | op::DUP => self.arrange(opcode),
            op::NONE | op::NEWTRUE | op::NEWFALSE => self.push_constant(opcode),
            op::INT | op::LONG | op::FLOAT => self.push_written_number(opcode),
            op::BININT | op::BININT1 | op::BININT2 | op::LONG1 | op::LONG4 | op::BINFLOAT => {
                self.push_number(opcode)
            }
            op::BINSTRING | op::SHORT_BINSTRING | op::BINUNICODE | op::SHORT_BINUNICODE | op::BINUNICODE8 => {
                self.push_text(opcode)
            }
            op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => self.push_bytes(opcode),
            op::EMPTY_TUPLE | op::TUPLE | op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => self.push_tuple(opcode),
            op::EMPTY_LIST | op::LIST | op::APPEND | op::APPENDS => self.fill_list(opcode),
            op::EMPTY_DICT | op::DICT | op::SETITEM | op::SETITEMS => self.fill_dict(opcode),
            op::EMPTY_SET | op::ADDITEMS | op::FROZENSET => self.fill_set(opcode),
            op::PUT | op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.remember(opcode),
            op::GET | op::BINGET | op::LONG_BINGET => self.recall(opcode),
            op::GLOBAL | op::STACK_GLOBAL | op::INST => self.push_global(opcode),
            op::REDUCE => self.reduce(),
            op::BUILD => self.build(),
            op::BINPERSID => self.push_storage(),
            op::OBJ | op::NEWOBJ | op::NEWOBJ_EX => self.push_instance(opcode),
            op::EXT1 | op::EXT2 | op::EXT4 => {
                Err(self.error("a class named by a number of Python's extension registry"))
            }
            _ => Err(self.error(format!("unknown or unsupported opcode {opcode:#04x}"))),
        }
    }

    fn check_framing(&mut self, opcode: u8) -> Done {
        if opcode == op::FRAME {
            return self.cursor.array::<8>().map(drop);
        }
        match self.cursor.byte()? {
            ..=MAX_PROTOCOL => Ok(()),
            version => {
                Err(self.error(format!("pickle protocol {version}; the highest known is {MAX_PROTOCOL}")))
            }
        }
    }

    fn arrange(&mut self, opcode: u8) -> Done {
        match opcode {
            op::MARK if self.marks.len() == MAX_OBJECTS => {
                Err(self.cursor.limit("marks in a pickle", MAX_OBJECTS))
            }
            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP if self.marks.last() == Some(&self.stack.len()) => self.pop_group().map(drop),
            op::POP => self.pop().map(drop),
            op::POP_MARK => self.pop_group().map(drop),
            _ => {
                let top = self.top()?;
                self.push(top)
            }
        }
    }

    fn push_constant(&mut self, opcode: u8) -> Done {
        self.push_new(match opcode {
            op::NONE => Object::None,
            _ => Object::Bool(opcode == op::NEWTRUE),
        })
    }

    /// Numbers in decimal digits.
    fn push_written_number(&mut self, opcode: u8) -> Done {
        let line = self.cursor.line()?;
        let object = match (opcode, line) {
            (op::FLOAT, _) => line.parse::<f64>().ok().map(|_| Object::Float),
            (op::INT, "01") => Some(Object::Bool(true)),
            (op::INT, "00") => Some(Object::Bool(false)),
            _ => line.strip_suffix('L').unwrap_or(line).parse().ok().map(Object::Int),
        };
        let object = object.ok_or_else(|| self.error("a number that is none"))?;
        self.push_new(object)
    }

    fn push_number(&mut self, opcode: u8) -> Done {
        let object = match opcode {
            op::BININT => Object::Int(i32::from_le_bytes(self.cursor.array()?).into()),
            op::BININT1 => Object::Int(self.cursor.byte()?.into()),
            op::BININT2 => Object::Int(u16::from_le_bytes(self.cursor.array()?).into()),
            op::LONG1 => long(self.cursor.counted(1)?),
            op::LONG4 => long(self.cursor.counted(4)?),
            _ => self.cursor.array::<8>().map(|_| Object::Float)?,
        };
        self.push_new(object)
    }

    fn push_text(&mut self, opcode: u8) -> Done {
        let bytes = self.cursor.counted(match opcode {
            op::SHORT_BINSTRING | op::SHORT_BINUNICODE => 1,
            op::BINSTRING | op::BINUNICODE => 4,
            _ => 8,
        })?;
        let text = self.cursor.text(bytes)?;
        self.push_new(Object::Text(text))
    }

    fn push_bytes(&mut self, opcode: u8) -> Done {
        self.cursor.counted(match opcode {
            op::SHORT_BINBYTES => 1,
            op::BINBYTES => 4,
            _ => 8,
        })?;
        self.push_new(Object::Bytes)
    }

    fn push_tuple(&mut self, opcode: u8) -> Done {
        let parts = match opcode {
            op::EMPTY_TUPLE => Vec::new(),
            op::TUPLE => self.pop_group()?,
            op::TUPLE1 => self.pop_many(1)?,
            op::TUPLE2 => self.pop_many(2)?,
            _ => self.pop_many(3)?,
        };
        self.push_new(Object::Tuple(parts))
    }

    fn fill_list(&mut self, opcode: u8) -> Done {
        let parts = match opcode {
            op::EMPTY_LIST => return self.push_new(Object::List(Vec::new())),
            op::LIST => {
                let parts = self.pop_group()?;
                return self.push_new(Object::List(parts));
            }
            op::APPEND => self.pop_many(1)?,
            _ => self.pop_group()?,
        };
        match self.top()?.of_mut(&mut self.objects) {
            Object::List(list) => {
                list.extend(parts);
                Ok(())
            }
            Object::Opaque(_) => Ok(()),
            other => {
                let kind = other.kind();
                Err(self.error(format!("something is appended to {kind}")))
            }
        }
    }

    fn fill_dict(&mut self, opcode: u8) -> Done {
        let parts = match opcode {
            op::EMPTY_DICT => Vec::new(),
            op::SETITEM => self.pop_many(2)?,
            _ => self.pop_group()?,
        };
        let (pairs, []) = parts.as_chunks() else {
            return Err(self.error("a key without a value"));
        };
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        if matches!(opcode, op::EMPTY_DICT | op::DICT) {
            return self.push_new(Object::Dict(pairs.collect()));
        }
        match self.top()?.of_mut(&mut self.objects) {
            Object::Dict(dict) => {
                dict.extend(pairs);
                Ok(())
            }
            Object::Opaque(_) => Ok(()),
            other => {
                let kind = other.kind();
                Err(self.error(format!("a key is set in {kind}")))
            }
        }
    }

    /// Nobody asks what is in a set.
    fn fill_set(&mut self, opcode: u8) -> Done {
        if opcode == op::EMPTY_SET {
            return self.push_new(Object::Opaque(Name::builtin("set")));
        }
        self.pop_group()?;
        if opcode == op::FROZENSET {
            return self.push_new(Object::Opaque(Name::builtin("frozenset")));
        }
        match self.object(self.top()?) {
            Object::Opaque(_) => Ok(()),
            other => Err(self.error(format!("something is added to {}", other.kind()))),
        }
    }

    fn remember(&mut self, opcode: u8) -> Done {
        if self.memo.len() == MAX_OBJECTS {
            return Err(self.cursor.limit("memo entries in a pickle", MAX_OBJECTS));
        }
        let place = match opcode {
            op::MEMOIZE => self.memo.len() as u32,
            _ => self.memo_place(opcode)?,
        };
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Done {
        let place = self.memo_place(opcode)?;
        let id = self.memo.get(&place).copied();
        let id = id.ok_or_else(|| self.error(format!("memo entry {place}, which is empty")))?;
        self.push(id)
    }

    fn memo_place(&mut self, opcode: u8) -> Result<u32, CheckpointError> {
        match opcode {
            op::BINPUT | op::BINGET => Ok(self.cursor.byte()?.into()),
            op::LONG_BINPUT | op::LONG_BINGET => Ok(u32::from_le_bytes(self.cursor.array()?)),
            _ => {
                let line = self.cursor.line()?;
                line.parse().map_err(|_| self.error("a memo entry that is no number"))
            }
        }
    }

    /// A name is known, or opaque, or refused here, whatever would be done with it.
    fn push_global(&mut self, opcode: u8) -> Done {
        let (module, name) = if opcode == op::STACK_GLOBAL {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.object(module).text(), self.object(name).text()) {
                (Some(module), Some(name)) => (module, name),
                _ => return Err(self.error("a global whose name is no text")),
            }
        } else {
            (self.cursor.line()?, self.cursor.line()?)
        };
        let name = Name { module, name };
        let known = Global::find(module, name.name);
        if name.is_refused() && known.is_none() || known.is_some() && opcode == op::INST {
            return Err(self.cursor.forbidden(name.to_string()));
        }
        if let Some(global) = known {
            return self.push_new(Object::Global(global));
        }
        if self.unknown.is_none() {
            self.unknown = Some((name.to_string(), self.cursor.at()));
        }
        if opcode == op::INST {
            self.pop_group()?;
            return self.push_new(Object::Opaque(name));
        }
        self.push_new(Object::Name(name))
    }

    /// An instance of a class, from the class and what would be its arguments.
    fn push_instance(&mut self, opcode: u8) -> Done {
        let class = match opcode {
            op::OBJ => self.pop_group()?.first().copied(),
            op::NEWOBJ => self.pop_many(2)?.first().copied(),
            _ => self.pop_many(3)?.first().copied(),
        };
        match class.map(|class| self.object(class)) {
            Some(&Object::Name(class)) => self.push_new(Object::Opaque(class)),
            _ => Err(self.error("an instance of a class, which no state dict needs")),
        }
    }

    fn reduce(&mut self) -> Done {
        let (arguments, function) = (self.pop()?, self.pop()?);
        if !matches!(self.object(function), Object::Global(_) | Object::Name(_)) {
            let kind = self.object(function).kind();
            return Err(self.error(format!("a call of {kind}, which is no function")));
        }
        let Object::Tuple(arguments) = self.object(arguments) else {
            return Err(self.error("a call whose arguments are no tuple"));
        };
        // What is known takes few arguments; more of them are refused there.
        let arguments: Vec<Id> = arguments.iter().take(16).copied().collect();
        let id = match *self.object(function) {
            Object::Global(function) => self.apply(function, &arguments)?,
            Object::Name(function) => self.add(Object::Opaque(self.made_by(function, &arguments)))?,
            _ => unreachable!("checked above"),
        };
        self.push(id)
    }

    /// Returns the name of an object that a function would have made.
    fn made_by(&self, function: Name<'a>, arguments: &[Id]) -> Name<'a> {
        match arguments.first().map(|&first| self.object(first)) {
            Some(&Object::Name(class)) if function.is_constructor() => class,
            _ => function,
        }
    }

    /// The state of an `OrderedDict` is its `_metadata` (versions of modules), which is not needed; nor is that of an opaque
    /// object.
    fn build(&mut self) -> Done {
        let state = self.pop()?;
        let target = self.top()?;
        match (self.object(target), self.object(state)) {
            (Object::Dict(_), Object::Dict(_)) | (Object::Opaque(_), _) => Ok(()),
            (target, _) => Err(self.error(format!("a state is set on {}", target.kind()))),
        }
    }

    fn push_storage(&mut self) -> Done {
        let persistent_id = self.pop()?;
        let storage = self.find_storage(persistent_id)?;
        self.push(storage)
    }

    pub(super) fn object(&self, id: Id) -> &Object<'a> {
        id.of(&self.objects)
    }

    /// The error of a name that is asked for where no other will do.
    pub(super) fn forbidden(&self, name: Name<'_>) -> CheckpointError {
        self.cursor.forbidden(name.to_string())
    }

    pub(super) fn error(&self, message: impl Into<String>) -> CheckpointError {
        self.cursor.error(message)
    }

    /// An error about the tensor that is being rebuilt. Its name is the key that waits on the stack for its value.
    pub(super) fn tensor_error(&self, message: String) -> CheckpointError {
        match self.stack.iter().rev().find_map(|&id| self.object(id).text()) {
            Some(name) => self.cursor.tensor_error(name, message),
            None => self.error(format!("a tensor {message}")),
        }
    }

    /// Adds an object without pushing it.
    pub(super) fn add(&mut self, object: Object<'a>) -> Result<Id, CheckpointError> {
        if self.objects.len() == MAX_OBJECTS {
            return Err(self.cursor.limit("objects in a pickle", MAX_OBJECTS));
        }
        if matches!(object, Object::Tensor(_) | Object::Storage(_)) {
            self.tensors += 1;
            if self.tensors > 2 * MAX_TENSORS {
                return Err(self.cursor.limit("tensors", MAX_TENSORS));
            }
        }
        let id = Id::next(&self.objects);
        self.objects.push(object);
        Ok(id)
    }

    fn push_new(&mut self, object: Object<'a>) -> Done {
        let id = self.add(object)?;
        self.push(id)
    }

    fn push(&mut self, id: Id) -> Done {
        if self.stack.len() == MAX_OBJECTS {
            return Err(self.cursor.limit("objects on the stack of a pickle", MAX_OBJECTS));
        }
        self.stack.push(id);
        Ok(())
    }

    /// Objects since the last mark.
    fn group_start(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, CheckpointError> {
        self.stack[self.group_start()..].last().copied().ok_or_else(|| self.error("the stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, CheckpointError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, CheckpointError> {
        if self.stack.len() - self.group_start() < count {
            return Err(self.error("the stack is empty"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// Everything above the last mark, which goes as well.
    fn pop_group(&mut self) -> Result<Vec<Id>, CheckpointError> {
        let start = self.marks.pop().ok_or_else(|| self.error("a group that never began"))?;
        Ok(self.stack.split_off(start))
    }
}

/// Two's complement, little-endian.
fn long(bytes: &[u8]) -> Object<'_> {
    if bytes.len() > 8 {
        return Object::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut word = [if negative { 0xff } else { 0 }; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    Object::Int(i64::from_le_bytes(word))
}

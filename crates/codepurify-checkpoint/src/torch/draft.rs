//! Tensors as a pickle describes them, before anything of it is believed.

use std::ops::Range;

use crate::element::ElementType;
use crate::layout::Layout;

/// A storage that a pickle refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageRef<'a> {
    pub(super) key: &'a str,
    pub(super) element_type: ElementType,
    /// Elements of the whole storage.
    pub(super) elements: i64,
    /// Part of the storage that is meant, as offset and length in elements. Only in legacy files.
    pub(super) view: Option<(i64, i64)>,
}

/// The arguments of `torch._utils._rebuild_tensor`.
#[derive(Debug)]
pub(super) struct TensorDraft<'a> {
    pub(super) storage: StorageRef<'a>,
    /// In elements.
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl StorageRef<'_> {
    /// Bytes of the whole storage.
    pub(super) fn size(&self) -> Result<usize, String> {
        let elements = usize::try_from(self.elements).ok();
        elements.and_then(|elements| elements.checked_mul(self.element_type.size())).ok_or_else(|| {
            format!("has a storage `{}` of {} elements, which cannot be", self.key, self.elements)
        })
    }

    /// The bytes that are meant of a storage at `whole`.
    fn part(&self, whole: &Range<usize>) -> Result<Range<usize>, String> {
        let Some((offset, length)) = self.view else { return Ok(whole.clone()) };
        let bytes = |elements: i64| usize::try_from(elements).ok()?.checked_mul(self.element_type.size());
        let part = || {
            let start = whole.start.checked_add(bytes(offset)?)?;
            let end = start.checked_add(bytes(length)?)?;
            (end <= whole.end).then_some(start..end)
        };
        part().ok_or_else(|| {
            format!("views {length} elements at {offset} of storage `{}`, beyond its end", self.key)
        })
    }
}

impl TensorDraft<'_> {
    /// Checks the tensor against the bytes of its storage in the file.
    pub(super) fn place(&self, storage: &Range<usize>) -> Result<Layout, String> {
        let needed = self.storage.size()?;
        if needed != storage.len() {
            let (key, elements) = (self.storage.key, self.storage.elements);
            let (element_type, found) = (self.storage.element_type, storage.len());
            return Err(format!(
                "has a storage `{key}` of {elements} {element_type}, but the file has {found} bytes of it"
            ));
        }
        let part = self.storage.part(storage)?;
        let shape =
            natural(&self.shape).ok_or_else(|| format!("has a negative size in shape {:?}", self.shape))?;
        let strides =
            natural(&self.strides).ok_or_else(|| format!("has a negative stride in {:?}", self.strides))?;
        let offset =
            usize::try_from(self.offset).map_err(|_| format!("has the negative offset {}", self.offset))?;
        Layout::strided(self.storage.element_type, shape, strides, offset, &part)
    }
}

fn natural(numbers: &[i64]) -> Option<Vec<usize>> {
    numbers.iter().map(|&number| usize::try_from(number).ok()).collect()
}

//! Places of a tensor's elements.

use std::ops::Range;

use crate::element::ElementType;

/// Most dimensions of a tensor; weights have at most five.
pub(crate) const MAX_RANK: usize = 16;

/// Place of a tensor's elements in its file. The reader has checked that every element is inside the file.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) element_type: ElementType,
    pub(crate) shape: Vec<usize>,
    /// Product of the shape.
    pub(crate) elements: usize,
    /// Bytes of the file from the first to behind the last element.
    pub(crate) span: Range<usize>,
    /// Steps between neighbours along each dimension, in elements; `None` if row-major without gaps.
    pub(crate) strides: Option<Vec<usize>>,
}

impl Layout {
    /// Elements in row-major order without gaps. `Err` says what is wrong with the numbers.
    pub(crate) fn dense(
        element_type: ElementType,
        shape: Vec<usize>,
        span: Range<usize>,
    ) -> Result<Self, String> {
        let elements = elements(&shape)?;
        let needed = elements.checked_mul(element_type.size()).ok_or_else(|| too_large(&shape))?;
        if needed != span.len() {
            return Err(format!("has {} bytes, but {element_type} {shape:?} takes {needed}", span.len()));
        }
        Ok(Self { element_type, shape, elements, span, strides: None })
    }

    /// A view of a storage as `PyTorch` has them: element `i` is at `offset + Σ iₖ·strideₖ`.
    ///
    /// `storage` are the bytes of the storage in the file, a whole number of elements.
    pub(crate) fn strided(
        element_type: ElementType,
        shape: Vec<usize>,
        strides: Vec<usize>,
        offset: usize,
        storage: &Range<usize>,
    ) -> Result<Self, String> {
        if strides.len() != shape.len() {
            return Err(format!("has {} strides for {} dimensions", strides.len(), shape.len()));
        }
        let elements = elements(&shape)?;
        let reach = reach(&shape, &strides).and_then(|reach| offset.checked_add(reach));
        let backed = storage.len() / element_type.size();
        let end = reach.ok_or_else(|| too_large(&shape))?;
        if end > backed {
            return Err(format!(
                "{shape:?} at offset {offset} reaches beyond its storage of {backed} elements"
            ));
        }
        let at = |element: usize| storage.start + element * element_type.size();
        let strides = (!is_dense(&shape, &strides)).then_some(strides);
        Ok(Self { element_type, shape, elements, span: at(offset)..at(end), strides })
    }

    /// Returns true if elements of the storage are read more than once, as in a tensor made by `expand`.
    pub(crate) fn is_expanded(&self) -> bool {
        self.elements > self.span.len() / self.element_type.size()
    }
}

/// Product of a shape.
fn elements(shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MAX_RANK {
        return Err(format!("has {} dimensions; at most {MAX_RANK} are supported", shape.len()));
    }
    if shape.contains(&0) {
        return Ok(0);
    }
    shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size)).ok_or_else(|| too_large(shape))
}

fn too_large(shape: &[usize]) -> String {
    format!("has shape {shape:?}, which no memory could hold")
}

/// Elements of the storage from the first element of the view to behind its last; `None` on overflow.
fn reach(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let steps = shape.iter().zip(strides).map(|(&size, &stride)| (size - 1).checked_mul(stride));
    steps.into_iter().try_fold(1_usize, |sum, step| sum.checked_add(step?))
}

/// Returns true for strides of row-major order; the stride of a dimension of size 1 is ignored.
fn is_dense(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1_usize;
    shape.contains(&0)
        || shape.iter().zip(strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == step;
            step = step.saturating_mul(size);
            fits
        })
}

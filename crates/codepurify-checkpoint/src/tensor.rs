//! A tensor that is still in its file.

use rayon::prelude::*;

use crate::bytes::Source;
use crate::element::ElementType;
use crate::error::CheckpointError;
use crate::layout::Layout;

/// Bytes that are read, checked and given back at a time.
const PIECE: usize = 1 << 20;

/// A named tensor of a [`StateDict`](crate::StateDict).
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    pub(crate) source: &'a Source,
    pub(crate) name: &'a str,
    pub(crate) layout: &'a Layout,
}

impl<'a> TensorView<'a> {
    /// Full name, as in `roberta.encoder.layer.0.output.dense.weight`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Type of the elements in the file.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.layout.element_type
    }

    /// Sizes of the dimensions, outermost first; empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> &'a [usize] {
        &self.layout.shape
    }

    /// Number of elements, the product of the shape.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.layout.elements
    }

    /// Returns true if `other` is stored as the same elements in the same order.
    #[must_use]
    pub fn is_copy_of(&self, other: &TensorView<'_>) -> bool {
        let same = |a: &Layout, b: &Layout| {
            (a.element_type, &a.shape, &a.strides) == (b.element_type, &b.shape, &b.strides)
        };
        same(self.layout, other.layout)
            && self.source.bytes[self.layout.span.clone()] == other.source.bytes[other.layout.span.clone()]
    }

    /// Reads all elements, row-major; narrower types are widened, `f64` is rounded. All values are finite.
    ///
    /// # Errors
    /// [`CheckpointError::WrongType`] for integers and booleans, [`CheckpointError::NotFinite`], and
    /// [`CheckpointError::Tensor`] for a view that repeats elements of its storage (`expand` without `contiguous`).
    pub fn to_f32(&self) -> Result<Vec<f32>, CheckpointError> {
        if !self.layout.element_type.is_float() {
            return Err(CheckpointError::WrongType {
                file: self.source.name.clone(),
                tensor: self.name.to_owned(),
                element_type: self.layout.element_type.to_string(),
            });
        }
        if self.layout.is_expanded() {
            return Err(CheckpointError::Tensor {
                file: self.source.name.clone(),
                tensor: self.name.to_owned(),
                message: "repeats elements of a smaller storage; save it with `.contiguous()`".to_owned(),
            });
        }
        let mut values = Vec::with_capacity(self.layout.elements);
        match &self.layout.strides {
            None => self.read_dense(&mut values)?,
            Some(strides) => self.gather(strides, &mut values)?,
        }
        Ok(values)
    }

    fn read_dense(&self, values: &mut Vec<f32>) -> Result<(), CheckpointError> {
        let span = self.layout.span.clone();
        for start in span.clone().step_by(PIECE) {
            let piece = start..span.end.min(start + PIECE);
            self.append(&self.source.bytes[piece.clone()], values)?;
            self.source.bytes.release(piece);
        }
        Ok(())
    }

    /// Collects the scattered elements of a view piece by piece.
    fn gather(&self, strides: &[usize], values: &mut Vec<f32>) -> Result<(), CheckpointError> {
        let size = self.layout.element_type.size();
        let mut piece = Vec::with_capacity(PIECE.min(self.layout.elements * size));
        let mut index = vec![0; strides.len()];
        let mut at = self.layout.span.start;
        for element in 1..=self.layout.elements {
            piece.extend_from_slice(&self.source.bytes[at..at + size]);
            if piece.len() >= PIECE || element == self.layout.elements {
                self.append(&piece, values)?;
                self.source.bytes.release(self.layout.span.clone());
                piece.clear();
            }
            at = advance(&mut index, &self.layout.shape, strides, at, size);
        }
        Ok(())
    }

    /// Appends converted elements and checks them.
    fn append(&self, bytes: &[u8], values: &mut Vec<f32>) -> Result<(), CheckpointError> {
        let before = values.len();
        self.layout.element_type.append_f32(bytes, values);
        match first_not_finite(&values[before..]) {
            None => Ok(()),
            Some(place) => Err(CheckpointError::NotFinite {
                file: self.source.name.clone(),
                tensor: self.name.to_owned(),
                element: before + place,
            }),
        }
    }
}

/// Moves a row-major index to the next element; returns the byte position of that element.
fn advance(index: &mut [usize], shape: &[usize], strides: &[usize], mut at: usize, size: usize) -> usize {
    for dimension in (0..index.len()).rev() {
        index[dimension] += 1;
        at += strides[dimension] * size;
        if index[dimension] < shape[dimension] {
            break;
        }
        at -= index[dimension] * strides[dimension] * size;
        index[dimension] = 0;
    }
    at
}

/// Index of the first NaN or infinity. Maxima of exponents are found many at a time, which leaving early would prevent.
fn first_not_finite(values: &[f32]) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    let largest = values.iter().fold(0, |largest, value| largest.max(value.to_bits() & EXPONENT));
    (largest == EXPONENT).then(|| values.iter().position(|value| !value.is_finite())).flatten()
}

/// Reads several tensors at once on all cores; the values come in the order of `views`.
///
/// # Errors
/// As [`TensorView::to_f32`], for the first of `views` that has one.
pub fn to_f32_all(views: &[TensorView<'_>]) -> Result<Vec<Vec<f32>>, CheckpointError> {
    let read: Vec<Result<Vec<f32>, CheckpointError>> = views.par_iter().map(TensorView::to_f32).collect();
    read.into_iter().collect()
}

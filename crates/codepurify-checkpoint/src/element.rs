//! Element types and their conversion to `f32`.

use std::fmt;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Type of the elements of a tensor, little-endian in every supported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl ElementType {
    /// Bytes of one element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Returns true for floating-point elements, which can be weights.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Appends elements as `f32`, `f64` rounded to nearest. `bytes` holds whole elements of a floating point type.
    pub(crate) fn append_f32(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F64 => {
                values.extend(bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word) as f32));
            }
            Self::F16 => append_halves(bytes, values, f16::from_le_bytes),
            Self::BF16 => append_halves(bytes, values, bf16::from_le_bytes),
            _ => values.extend(bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word))),
        }
    }
}

/// Halves are converted block by block, because the processor's instruction for it takes several at once.
fn append_halves<H: Copy + Default>(bytes: &[u8], values: &mut Vec<f32>, read: impl Fn([u8; 2]) -> H)
where
    [H]: HalfFloatSliceExt,
{
    const BLOCK: usize = 256;
    let (mut halves, mut floats) = ([H::default(); BLOCK], [0.0; BLOCK]);
    for block in bytes.as_chunks::<2>().0.chunks(BLOCK) {
        for (half, &word) in halves.iter_mut().zip(block) {
            *half = read(word);
        }
        halves[..block.len()].convert_to_f32_slice(&mut floats[..block.len()]);
        values.extend_from_slice(&floats[..block.len()]);
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Bool => "bool",
        })
    }
}

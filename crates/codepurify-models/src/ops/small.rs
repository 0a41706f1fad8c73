//! Products of small matrices, such as those of one head and one short row: here laying both out for a kernel takes longer than
//! multiplying them.

use std::array::from_fn;
use std::cell::RefCell;

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};
use rten_tensor::{Layout, Matrix};

use super::{WIDEST, sized};

/// Most rows and columns of the right matrix: all of it then stays in the nearest caches.
const LARGEST: usize = 128;
/// Rows of the left matrix at a time.
const ROWS: usize = 4;
/// Columns that are turned into rows at a time.
const TURNED: usize = 8;
/// Registers across at a time, where there are 32 of them, as with vectors of 16 elements.
const VECTORS: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = RefCell::default();
}

/// Writes `alpha · a · b` to `target`, a contiguous matrix. Does nothing and returns false if the matrices
/// are not small, if the rows of `a` are not contiguous, or if neither rows nor columns of `b` are.
pub(super) fn multiply(alpha: f32, a: Matrix<'_>, b: Matrix<'_>, target: &mut [f32]) -> bool {
    let (rows, depth, columns) = (a.size(0), a.size(1), b.size(1));
    let contiguous = a.stride(1) == 1 && (b.stride(0) == 1 || b.stride(1) == 1);
    let fits = contiguous && (1..=LARGEST).contains(&depth) && (1..=LARGEST).contains(&columns);
    if !fits || b.size(0) != depth || target.len() != rows * columns {
        return false;
    }
    SCRATCH.with_borrow_mut(|scratch| Product { alpha, a, b, target, scratch }.dispatch());
    true
}

struct Product<'a> {
    alpha: f32,
    a: Matrix<'a>,
    b: Matrix<'a>,
    target: &'a mut [f32],
    scratch: &'a mut Vec<f32>,
}

impl SimdOp for Product<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide vectors")]
    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { alpha, a, b, target, scratch } = self;
        let (lanes, columns) = (isa.f32().len(), b.size(1));
        let width = columns.next_multiple_of(lanes);
        let vectors = if lanes < 16 { VECTORS / 2 } else { VECTORS };
        let rows: Vec<&[f32]> = (0..a.size(0)).map(|row| row_slice(a, row)).collect();
        let b: Vec<&[f32]> = if b.stride(1) == 1 && columns == width {
            (0..b.size(0)).map(|row| row_slice(b, row)).collect()
        } else {
            let scratch = sized(scratch, b.size(0) * width);
            lay_out(b, width, scratch);
            scratch.chunks_exact(width).collect()
        };
        let mut first = 0;
        while first < rows.len() {
            let count = if rows.len() - first < ROWS { 1 } else { ROWS };
            let target = &mut target[first * columns..(first + count) * columns];
            for column in (0..width).step_by(vectors * lanes) {
                let tile = Tile { alpha, b: &b, column, columns };
                let rows = &rows[first..first + count];
                match (vectors.min((width - column) / lanes), count) {
                    (1, 1) => tile.multiply::<I, 1, 1>(isa, rows, target),
                    (2, 1) => tile.multiply::<I, 1, 2>(isa, rows, target),
                    (3, 1) => tile.multiply::<I, 1, 3>(isa, rows, target),
                    (_, 1) => tile.multiply::<I, 1, VECTORS>(isa, rows, target),
                    (1, _) => tile.multiply::<I, ROWS, 1>(isa, rows, target),
                    (2, _) => tile.multiply::<I, ROWS, 2>(isa, rows, target),
                    (3, _) => tile.multiply::<I, ROWS, 3>(isa, rows, target),
                    _ => tile.multiply::<I, ROWS, VECTORS>(isa, rows, target),
                }
            }
            first += count;
        }
    }
}

/// Returns a row of a matrix whose rows are contiguous.
fn row_slice(matrix: Matrix<'_>, row: usize) -> &[f32] {
    matrix.slice(row).data().expect("elements that are one apart are contiguous")
}

/// Copies the rows of `b` one behind the other. Each is filled up to `width` with arbitrary values.
fn lay_out(b: Matrix<'_>, width: usize, scratch: &mut [f32]) {
    if b.stride(1) == 1 {
        for (row, target) in scratch.chunks_exact_mut(width).enumerate() {
            let elements = row_slice(b, row);
            target[..elements.len()].copy_from_slice(elements);
        }
        return;
    }
    // Some columns at a time, so that writes are contiguous.
    let columns: Vec<&[f32]> = (0..b.size(1)).map(|column| row_slice(b.transposed(), column)).collect();
    let (groups, rest) = columns.as_chunks::<TURNED>();
    for (group, columns) in groups.iter().enumerate() {
        for (row, target) in scratch.chunks_exact_mut(width).enumerate() {
            let elements: [f32; TURNED] = from_fn(|column| columns[column][row]);
            target[group * TURNED..][..TURNED].copy_from_slice(&elements);
        }
    }
    for (column, elements) in (groups.len() * TURNED..).zip(rest) {
        let places = scratch[column..].iter_mut().step_by(width);
        places.zip(*elements).for_each(|(place, &element)| *place = element);
    }
}

/// Some columns of the right matrix.
struct Tile<'a> {
    alpha: f32,
    /// Its rows.
    b: &'a [&'a [f32]],
    /// The first of the columns.
    column: usize,
    /// Columns of the target.
    columns: usize,
}

impl Tile<'_> {
    /// `R` rows of the product, `V` registers across.
    #[expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide vectors")]
    #[inline(always)]
    fn multiply<I: Isa, const R: usize, const V: usize>(&self, isa: I, rows: &[&[f32]], target: &mut [f32]) {
        let (ops, lanes) = (isa.f32(), isa.f32().len());
        let rows: [&[f32]; R] = from_fn(|row| rows[row]);
        let mut sums = [[ops.zero(); V]; R];
        for (depth, b) in self.b.iter().enumerate() {
            let b: [I::F32; V] = ops.load_many(&b[self.column..]);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let element = ops.splat(row[depth]);
                for (sum, &b) in sums.iter_mut().zip(&b) {
                    *sum = ops.mul_add(element, b, *sum);
                }
            }
        }
        let alpha = ops.splat(self.alpha);
        let mut held = [0.0; WIDEST * VECTORS];
        for (sums, target) in sums.into_iter().zip(target.chunks_exact_mut(self.columns)) {
            for (sum, held) in sums.into_iter().zip(held.chunks_exact_mut(lanes)) {
                ops.store(ops.mul(sum, alpha), held);
            }
            let target = &mut target[self.column..];
            let count = target.len().min(V * lanes);
            target[..count].copy_from_slice(&held[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gemm::matrix;

    #[test]
    fn every_shape_and_stride_gives_what_the_sums_are() {
        let values: Vec<f32> = (0..20_000_u32).map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect();
        for rows in [1, 2, 4, 7, 40] {
            for depth in [1, 5, 40, 128] {
                for columns in [1, 3, 16, 31, 40, 100, 128] {
                    let a = matrix(&values[3..], rows, depth, 130).unwrap();
                    let b = matrix(&values[7..], depth, columns, 131).unwrap();
                    let turned = matrix(&values[11..], columns, depth, 133).unwrap().transposed();
                    for b in [b, turned] {
                        let mut found = vec![9.0; rows * columns];
                        assert!(multiply(0.5, a, b, &mut found));
                        for (at, &found) in found.iter().enumerate() {
                            let (row, column) = (at / columns, at % columns);
                            let sum: f32 = (0..depth).map(|at| a[[row, at]] * b[[at, column]]).sum();
                            assert!(
                                (found - 0.5 * sum).abs() < 1e-4,
                                "{rows} {depth} {columns} {row} {column}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_large_or_does_not_fit_is_left_alone() {
        let values = vec![1.0; 130 * 130];
        let of = |rows, columns| matrix(&values, rows, columns, 130).unwrap();
        let mut target = vec![9.0; 4];
        assert!(!multiply(1.0, of(2, 129), of(129, 2), &mut target));
        assert!(!multiply(1.0, of(2, 3), of(4, 2), &mut target));
        assert!(!multiply(1.0, of(2, 3), of(3, 3), &mut target));
        assert!(!multiply(1.0, of(3, 2).transposed(), of(3, 2), &mut target));
        assert_eq!(target, [9.0; 4]);
    }
}

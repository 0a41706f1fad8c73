//! Products of matrices, of which each may be a part of a larger one.

use candle_core::Result;
use rten_gemm::{GemmError, GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::{Matrix, NdTensorView};

use super::small;

thread_local! {
    /// The fastest kernel of this machine; finding it takes as long as a small product. For each element it sums in an order
    /// that depends on the shapes alone, not on the number of threads.
    pub(super) static F32_KERNEL: GemmExecutor = GemmExecutor::new();
}

/// `rows` × `columns` elements, the rows `stride` elements apart.
pub(super) fn matrix<T>(values: &[T], rows: usize, columns: usize, stride: usize) -> Result<Matrix<'_, T>> {
    NdTensorView::from_data_with_strides([rows, columns], values, [stride, 1])
        .map_err(|error| candle_core::Error::Msg(error.to_string()))
}

/// Writes `alpha · a · b` to `target`, a contiguous matrix.
pub(super) fn multiply(alpha: f32, a: Matrix<'_>, b: Matrix<'_>, target: &mut [f32]) -> Result<()> {
    if small::multiply(alpha, a, b, target) {
        return Ok(());
    }
    let options = GemmOptions { alpha, ..GemmOptions::default() };
    F32_KERNEL
        .with(|kernel| kernel.gemm(target, GemmInputA::Unpacked(a), GemmInputB::Unpacked(b), options))
        .map_err(|error| refused(&error))
}

/// Shapes that do not fit.
pub(super) fn refused(error: &GemmError) -> candle_core::Error {
    candle_core::Error::Msg(format!("matrix product: {error}"))
}

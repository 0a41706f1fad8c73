//! Values that were computed outside of the graph of operations, with gradients of their own.
//!
//! Away from the CPU the operations of this folder are put together from candle's. Left to themselves these record every
//! step and go back through each with several kernels; a small model would spend its time on launching them. So they are
//! computed without a record, and what belongs into the graph is the whole with the gradient that it has as a whole.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor,
};

/// Function from the gradient of a value to those of its inputs.
type Gradient = Box<dyn Fn(&Tensor) -> Result<Vec<Tensor>> + Send + Sync>;

/// `value`, made of one, two or three `inputs` and contiguous. `gradient` takes that of the value to those of the inputs,
/// in their order.
pub(super) fn with_gradient(
    inputs: &[&Tensor],
    value: Tensor,
    gradient: impl Fn(&Tensor) -> Result<Vec<Tensor>> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !inputs.iter().any(|input| input.track_op()) {
        return Ok(value);
    }
    let known = Known { value, gradient: Box::new(gradient) };
    match inputs {
        [a] => a.apply_op1(known),
        [a, b] => a.apply_op2(b, known),
        [a, b, c] => a.apply_op3(b, c, known),
        _ => candle_core::bail!("a value of {} inputs", inputs.len()),
    }
}

struct Known {
    value: Tensor,
    gradient: Gradient,
}

impl Known {
    const NAME: &str = "known";

    fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        match &*self.value.storage_and_layout().0 {
            Storage::Cpu(storage) => Ok((storage.clone(), self.value.shape().clone())),
            _ => candle_core::bail!("a value and its inputs are on different devices"),
        }
    }

    fn on_cuda(&self) -> Result<(CudaStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, self.value.shape().clone())),
            _ => candle_core::bail!("a value and its inputs are on different devices"),
        }
    }

    fn gradients<const INPUTS: usize>(&self, gradient: &Tensor) -> Result<[Option<Tensor>; INPUTS]> {
        let found = (self.gradient)(&gradient.contiguous()?)?;
        let mut found = found.into_iter();
        Ok(std::array::from_fn(|_| found.next()))
    }
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients(gradient)?;
        Ok(a)
    }
}

impl CustomOp2 for Known {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok(self.gradients::<2>(gradient)?.into())
    }
}

impl CustomOp3 for Known {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok(self.gradients::<3>(gradient)?.into())
    }
}

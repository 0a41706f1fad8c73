//! The operations of this folder as candle has them: with a trait for each number of inputs.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::elements;

/// A contiguous `f32` tensor on the CPU.
#[derive(Clone, Copy)]
pub(super) struct Input<'t> {
    pub(super) values: &'t [f32],
    pub(super) shape: &'t Shape,
}

impl Input<'_> {
    /// Elements of the last dimension.
    pub(super) fn width(self) -> usize {
        self.shape.dims().last().copied().unwrap_or(1)
    }
}

/// Elements and shape of a result.
pub(super) type Output = (Vec<f32>, Shape);

/// An operation on `N` inputs, and its gradient.
pub(super) trait Operation<const N: usize>: Send + Sync {
    /// Its name in candle's messages.
    fn name(&self) -> &'static str;

    fn forward(&self, inputs: [Input<'_>; N]) -> Result<Output>;

    /// The gradient of each input, if it needs one, from that of the result `y`. `gradient` is contiguous.
    fn backward(&self, inputs: [&Tensor; N], y: &Tensor, gradient: &Tensor) -> Result<[Option<Tensor>; N]>;
}

/// An [`Operation`] for candle.
pub(super) struct Op<O>(pub(super) O);

/// An operation without a gradient: most often it computes the gradient of another one.
pub(super) fn computed<const N: usize, F>(name: &'static str, forward: F) -> Op<Computed<F>>
where
    F: Fn([Input<'_>; N]) -> Output + Send + Sync,
{
    Op(Computed { name, forward })
}

pub(super) struct Computed<F> {
    name: &'static str,
    forward: F,
}

impl<const N: usize, F: Fn([Input<'_>; N]) -> Output + Send + Sync> Operation<N> for Computed<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, inputs: [Input<'_>; N]) -> Result<Output> {
        Ok((self.forward)(inputs))
    }

    fn backward(&self, _: [&Tensor; N], _: &Tensor, _: &Tensor) -> Result<[Option<Tensor>; N]> {
        candle_core::bail!("{} has no gradient", self.name)
    }
}

fn input<'t>(storage: &'t CpuStorage, layout: &'t Layout) -> Result<Input<'t>> {
    Ok(Input { values: elements(storage, layout)?, shape: layout.shape() })
}

fn on_cpu((values, shape): Output) -> (CpuStorage, Shape) {
    (CpuStorage::F32(values), shape)
}

impl<O: Operation<1>> CustomOp1 for Op<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout) -> Result<(CpuStorage, Shape)> {
        self.0.forward([input(a, la)?]).map(on_cpu)
    }

    fn bwd(&self, a: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.0.backward([a], y, &gradient.contiguous()?)?;
        Ok(a)
    }
}

impl<O: Operation<2>> CustomOp2 for Op<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.0.forward([input(a, la)?, input(b, lb)?]).map(on_cpu)
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.0.backward([a, b], y, &gradient.contiguous()?).map(Into::into)
    }
}

impl<O: Operation<3>> CustomOp3 for Op<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
        c: &CpuStorage,
        lc: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.0.forward([input(a, la)?, input(b, lb)?, input(c, lc)?]).map(on_cpu)
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.0.backward([a, b, c], y, &gradient.contiguous()?).map(Into::into)
    }
}

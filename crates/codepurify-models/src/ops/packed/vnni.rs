//! Products of 8-bit integers by the dot products of AVX-512 (VNNI).
//!
//! The inputs are read in place, four of a row at a time for 64 outputs, and nothing is copied to another
//! layout for a product. Sums stay in registers until they are converted to outputs. At the widths of a small
//! encoder, copying the inputs took a third as long as the product itself.

use std::arch::x86_64::{
    __m512i, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_mul_ps, _mm512_mullo_epi32,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_sub_epi32,
};
use std::array::from_fn;

use bytemuck::cast;

use super::int8::{Origin, Rounded, Scales};

/// Sums that a register holds.
const LANES: usize = 16;
/// Registers across, and so `VECTORS · LANES` outputs at a time.
const VECTORS: usize = 4;
/// Outputs at a time.
const OUTPUTS: usize = VECTORS * LANES;
/// Rows at a time: with four registers across, as many as there are registers for.
const ROWS: usize = 6;

/// Four weights of each of 64 outputs.
type Step = [__m512i; VECTORS];

/// Weights laid out for this kernel.
pub(super) struct Panels {
    /// Panel by panel of 64 outputs, and in each by fours of inputs.
    steps: Vec<Step>,
    /// Steps of a panel.
    depth: usize,
}

impl Panels {
    /// `weights` is `[outputs, inputs]`; none if this machine lacks the instructions.
    pub(super) fn new(weights: &[i8], inputs: usize) -> Option<Self> {
        let known = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
        known.then(|| {
            let depth = inputs.div_ceil(4);
            let outputs: Vec<&[i8]> = weights.chunks_exact(inputs.max(1)).collect();
            let weight =
                |output: usize, input: usize| outputs.get(output).and_then(|row| row.get(input)).copied();
            let step = |panel: usize, step: usize| {
                from_fn(|vector| {
                    let first = panel * OUTPUTS + vector * LANES;
                    let four = |byte: usize| weight(first + byte / 4, 4 * step + byte % 4).unwrap_or(0);
                    cast::<[i8; 4 * LANES], __m512i>(from_fn(four))
                })
            };
            let panels = 0..outputs.len().div_ceil(OUTPUTS);
            let steps = panels.flat_map(|panel| (0..depth).map(move |at| (panel, at)));
            Self { steps: steps.map(|(panel, at)| step(panel, at)).collect(), depth }
        })
    }

    /// Multiplies `rows` and writes the outputs to `target`, `[rows, outputs]`, or adds them to it.
    #[allow(unsafe_code)]
    pub(super) fn multiply(&self, rows: &Rounded, scales: &Scales<'_>, target: &mut [f32]) {
        // SAFETY: there are no panels without the instructions (`Panels::new`).
        unsafe { self.multiply_by_vnni(rows, scales, target) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn multiply_by_vnni(&self, rows: &Rounded, scales: &Scales<'_>, target: &mut [f32]) {
        for (panel, steps) in self.steps.chunks_exact(self.depth.max(1)).enumerate() {
            let mut first = 0;
            while first < rows.count() {
                match rows.count() - first {
                    1 => tile::<1>(rows, first, steps, panel, scales, target),
                    2 => tile::<2>(rows, first, steps, panel, scales, target),
                    3 => tile::<3>(rows, first, steps, panel, scales, target),
                    4 => tile::<4>(rows, first, steps, panel, scales, target),
                    5 => tile::<5>(rows, first, steps, panel, scales, target),
                    _ => tile::<ROWS>(rows, first, steps, panel, scales, target),
                }
                first += ROWS;
            }
        }
    }
}

/// The outputs of one panel for `R` rows.
#[target_feature(enable = "avx512f,avx512vnni")]
#[allow(unsafe_code)]
fn tile<const R: usize>(
    rows: &Rounded,
    first: usize,
    steps: &[Step],
    panel: usize,
    scales: &Scales<'_>,
    target: &mut [f32],
) {
    let inputs: [&[[u8; 4]]; R] = from_fn(|row| &rows.fours(first + row)[..steps.len()]);
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; R];
    for (at, weights) in steps.iter().enumerate() {
        for (sums, inputs) in sums.iter_mut().zip(&inputs) {
            // SAFETY: every row was cut to the number of steps. Six checks a step took a twentieth of the time.
            let four = _mm512_set1_epi32(i32::from_ne_bytes(*unsafe { inputs.get_unchecked(at) }));
            for (sum, &weights) in sums.iter_mut().zip(weights) {
                *sum = _mm512_dpbusd_epi32(*sum, four, weights);
            }
        }
    }
    let outputs = panel * OUTPUTS..scales.outputs().min((panel + 1) * OUTPUTS);
    let whole = scales.vectors(outputs.start);
    for (row, sums) in (first..).zip(&sums) {
        let (origin, start) = (rows.origin(row), row * scales.outputs());
        let target = &mut target[start + outputs.start..start + outputs.end];
        match &whole {
            Some(scales) => put(sums, origin, scales, target),
            None => scales.put(&cast::<_, [i32; OUTPUTS]>(*sums), origin, outputs.start, target),
        }
    }
}

/// [`Scales::put`] of a whole panel, of sums that never leave their registers.
#[target_feature(enable = "avx512f,avx512vnni")]
fn put(sums: &[__m512i; VECTORS], origin: Origin, scales: &Vectors<'_>, target: &mut [f32]) {
    let (zero, step) = (_mm512_set1_epi32(origin.zero), _mm512_set1_ps(origin.scale));
    let (target, _) = target.as_chunks_mut::<LANES>();
    for vector in 0..VECTORS {
        let shift = _mm512_mullo_epi32(zero, cast(scales.sums[vector]));
        let scale = _mm512_mul_ps(step, cast(scales.of_weights[vector]));
        let sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[vector], shift));
        let output = _mm512_add_ps(_mm512_mul_ps(sum, scale), cast(scales.bias[vector]));
        let output = if scales.onto { _mm512_add_ps(cast(target[vector]), output) } else { output };
        target[vector] = cast(output);
    }
}

/// [`Scales`] of the outputs of a whole panel.
struct Vectors<'a> {
    of_weights: &'a [[f32; LANES]; VECTORS],
    sums: &'a [[i32; LANES]; VECTORS],
    bias: &'a [[f32; LANES]; VECTORS],
    onto: bool,
}

impl Scales<'_> {
    /// None where there are not enough outputs from the `first` on.
    fn vectors(&self, first: usize) -> Option<Vectors<'_>> {
        fn of<T>(values: &[T], first: usize) -> Option<&[[T; LANES]; VECTORS]> {
            values[first..].as_chunks().0.first_chunk()
        }
        let (of_weights, sums) = (of(self.of_weights, first)?, of(self.sums, first)?);
        Some(Vectors { of_weights, sums, bias: of(self.bias, first)?, onto: self.onto })
    }
}

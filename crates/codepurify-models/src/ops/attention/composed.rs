//! Attention of ragged rows, put together from candle's operations: rows are padded to the longest.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::Attention;
use crate::ops::Rows;
use crate::ops::causal_softmax::ahead;
use crate::ops::column_sums;
use crate::ops::known::with_gradient;
use crate::ops::select::NO_ROW;
use crate::ops::softmax::through_softmax;

/// Rows at equal distances and back; `[rows, heads, length, width]` is how heads see them.
struct Padding {
    rows: usize,
    longest: usize,
    /// The token of each place and the place of each token; none where rows are of one length.
    moves: Option<[Tensor; 2]>,
}

impl Padding {
    fn of(rows: &Rows, device: &Device) -> Result<Self> {
        let (count, longest) = (rows.count(), rows.longest());
        if rows.tokens() == count * longest {
            return Ok(Self { rows: count, longest, moves: None });
        }
        let (mut tokens, mut places) = (vec![NO_ROW; count * longest], Vec::with_capacity(rows.tokens()));
        for (row, of_row) in rows.ranges().enumerate() {
            for (place, token) in (row * longest..).zip(of_row) {
                tokens[place] = token as u32;
                places.push(place as u32);
            }
        }
        let moves = [tokens, places].map(|moves| Tensor::from_slice(&moves, moves.len(), device));
        let [tokens, places] = moves;
        Ok(Self { rows: count, longest, moves: Some([tokens?, places?]) })
    }

    /// `[tokens, parts · inner]` to `parts` tensors as heads see them; zeros where there is no token.
    fn split(&self, x: &Tensor, parts: usize, heads: usize) -> Result<Vec<Tensor>> {
        let padded = match &self.moves {
            Some([tokens, _]) => x.contiguous()?.index_select(tokens, 0)?,
            None => x.clone(),
        };
        let width = x.dim(1)? / parts / heads;
        let padded = padded.reshape((self.rows, self.longest, parts, heads, width))?;
        let apart = padded.permute((2, 0, 3, 1, 4))?.contiguous()?;
        (0..parts).map(|part| apart.get(part)).collect()
    }

    /// The way back.
    fn join(&self, parts: &[Tensor]) -> Result<Tensor> {
        let together = Tensor::stack(parts, 0)?.permute((1, 3, 0, 2, 4))?.contiguous()?;
        let columns = together.elem_count() / (self.rows * self.longest);
        let padded = together.reshape((self.rows * self.longest, columns))?;
        match &self.moves {
            Some([_, places]) => padded.index_select(places, 0),
            None => Ok(padded),
        }
    }

    /// Returns the terms that are added to the scores of keys, `[rows, 1, 1, longest]`; none where all are
    /// visible. Where a row has no key at all, its padding is visible instead: that is zeros, and so is the
    /// mixture.
    fn mask(&self, rows: &Rows, device: &Device) -> Result<Option<Tensor>> {
        if self.moves.is_none() && rows.mask(0..rows.tokens()).is_none() {
            return Ok(None);
        }
        let mut mask = Vec::with_capacity(self.rows * self.longest);
        for (number, row) in rows.ranges().enumerate() {
            let padding = if row.is_empty() { 0.0 } else { f32::NEG_INFINITY };
            match rows.mask(row.clone()) {
                Some(hidden) => mask.extend(hidden),
                None => mask.extend(row.map(|_| 0.0)),
            }
            mask.resize((number + 1) * self.longest, padding);
        }
        Tensor::from_vec(mask, (self.rows, 1, 1, self.longest), device).map(Some)
    }
}

/// Queries, keys and values of all heads, and the weights that the queries give; candle records nothing of
/// it.
struct Looked {
    scale: f64,
    keys: Tensor,
    values: Tensor,
    /// Times the scale.
    queries: Tensor,
    weights: Tensor,
}

impl Looked {
    fn new(of: Attention, [queries, keys, values]: [Tensor; 3], hidden: &[Tensor]) -> Result<Self> {
        let scale = f64::from(of.scale);
        let queries = (queries * scale)?;
        let mut scores = queries.matmul(&keys.t()?)?;
        if of.causal {
            let (length, seen) = (queries.dim(2)?, keys.dim(2)?);
            scores = scores.broadcast_add(&ahead(length, seen, keys.device())?)?;
        }
        for hidden in hidden {
            scores = scores.broadcast_add(hidden)?;
        }
        Ok(Self { scale, keys, values, queries, weights: softmax_last_dim(&scores)? })
    }

    fn mixtures(&self) -> Result<Tensor> {
        self.weights.matmul(&self.values)
    }

    /// Those of queries, keys and values, and of the scores.
    fn gradients(&self, gradient: &Tensor) -> Result<([Tensor; 3], Tensor)> {
        let of_values = self.weights.t()?.matmul(gradient)?;
        let of_scores = through_softmax(&self.weights, &gradient.matmul(&self.values.t()?)?)?;
        let of_queries = (of_scores.matmul(&self.keys)? * self.scale)?;
        let of_keys = of_scores.t()?.matmul(&self.queries)?;
        Ok(([of_queries, of_keys, of_values], of_scores))
    }
}

/// [`Attention::within`], or with a bias [`Attention::within_by_distance`].
pub(super) fn within(
    of: Attention,
    projected: &Tensor,
    bias: Option<&Tensor>,
    rows: &Rows,
) -> Result<Tensor> {
    let device = projected.device();
    let inner = of.check(projected.layout(), rows, 3)?;
    if rows.tokens() == 0 {
        return Tensor::zeros((0, inner), projected.dtype(), device);
    }
    let padding = Padding::of(rows, device)?;
    let longest = padding.longest;
    let mut hidden = Vec::from_iter(padding.mask(rows, device)?);
    if let Some(bias) = bias {
        if bias.dims() != [of.heads, 2 * longest - 1] {
            candle_core::bail!("a bias {:?} for {} heads of {longest} keys", bias.dims(), of.heads);
        }
        hidden.push(of_distances(&bias.detach(), longest)?);
    }
    let parts = padding.split(&projected.detach(), 3, of.heads)?;
    let parts: [Tensor; 3] = parts.try_into().expect("as many parts as asked for");
    let looked = Looked::new(of, parts, &hidden)?;
    let mixed = padding.join(&[looked.mixtures()?])?;
    let by_distance = bias.is_some();
    let gradients = move |gradient: &Tensor| {
        let gradient = padding.split(gradient, 1, of.heads)?.remove(0);
        let (parts, scores) = looked.gradients(&gradient)?;
        let mut gradients = vec![padding.join(&parts)?];
        if by_distance {
            gradients.push(distance_sums(&scores)?);
        }
        Ok(gradients)
    };
    let inputs: Vec<&Tensor> = std::iter::once(projected).chain(bias).collect();
    with_gradient(&inputs, mixed, gradients)
}

/// [`Attention::across`].
pub(super) fn across(
    of: Attention,
    queries: &Tensor,
    rows: &Rows,
    seen: &Tensor,
    others: &Rows,
) -> Result<Tensor> {
    let device = queries.device();
    let inner = of.check(queries.layout(), rows, 1)?;
    let of_others = of.check(seen.layout(), others, 2)?;
    if rows.count() != others.count() || inner != of_others {
        let (rows, others) = (rows.count(), others.count());
        candle_core::bail!("{rows} rows of width {inner} do not see {others} of width {of_others}");
    }
    if rows.tokens() == 0 || others.tokens() == 0 {
        return Tensor::zeros((rows.tokens(), inner), queries.dtype(), device);
    }
    let (padding, of_seen) = (Padding::of(rows, device)?, Padding::of(others, device)?);
    let hidden = Vec::from_iter(of_seen.mask(others, device)?);
    let own = padding.split(&queries.detach(), 1, of.heads)?.remove(0);
    let keys_values = of_seen.split(&seen.detach(), 2, of.heads)?;
    let looked = Looked::new(of, [own, keys_values[0].clone(), keys_values[1].clone()], &hidden)?;
    let mixed = padding.join(&[looked.mixtures()?])?;
    with_gradient(&[queries, seen], mixed, move |gradient| {
        let gradient = padding.split(gradient, 1, of.heads)?.remove(0);
        let ([queries, keys, values], _) = looked.gradients(&gradient)?;
        Ok(vec![padding.join(&[queries])?, of_seen.join(&[keys, values])?])
    })
}

/// `[heads, 2 · length − 1]`, a number for each distance, to `[heads, length, length]`, one for each query and key: number
/// `length − 1 + key − query`.
///
/// Row after row, each one longer than the distances by one, every row begins one distance further: that is how they
/// follow each other from the last query to the first.
fn of_distances(bias: &Tensor, length: usize) -> Result<Tensor> {
    let (heads, distances) = bias.dims2()?;
    let repeated = bias.unsqueeze(1)?.broadcast_as((heads, length, distances))?.contiguous()?;
    let flat = repeated.reshape((heads, length * distances))?;
    let rest = Tensor::zeros((heads, length), bias.dtype(), bias.device())?;
    let shifted = Tensor::cat(&[flat, rest], 1)?.reshape((heads, length, distances + 1))?;
    backwards(&shifted.narrow(2, 0, length)?)
}

/// The way back: `[rows, heads, length, length]` to the sums over all pairs of a distance, `[heads, 2 · length − 1]`.
fn distance_sums(scores: &Tensor) -> Result<Tensor> {
    let (rows, heads, length, _) = scores.dims4()?;
    let all = column_sums(&scores.reshape((rows, heads * length * length))?)?;
    let all = backwards(&all.reshape((heads, length, length))?)?;
    let shifted = Tensor::cat(&[&all, &all.zeros_like()?], 2)?.reshape((heads, 2 * length * length))?;
    let distances = 2 * length - 1;
    shifted.narrow(1, 0, length * distances)?.contiguous()?.reshape((heads, length, distances))?.sum(1)
}

/// `[heads, queries, keys]` with the last query first.
fn backwards(x: &Tensor) -> Result<Tensor> {
    let queries = x.dim(D::Minus2)? as u32;
    let order = Tensor::from_iter((0..queries).rev(), x.device())?;
    x.contiguous()?.index_select(&order, 1)
}

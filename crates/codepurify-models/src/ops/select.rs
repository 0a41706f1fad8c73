//! Rows of a matrix by number.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};

use super::known::with_gradient;

/// Selects the rows of these numbers, `[rows, width]`, from `x`, `[count, width]`.
///
/// # Errors
/// If there is no such row or the tensor runtime fails.
pub fn select_rows(x: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let at = Tensor::from_slice(rows, rows.len(), x.device())?;
    if x.device().is_cpu() {
        return x.index_select(&at, 0);
    }
    composed(x, &at, rows)
}

/// candle's gradient goes through all rows one after the other on a thread a column: too few and too long for a GPU.
fn composed(x: &Tensor, at: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let (count, _) = x.dims2()?;
    if let Some(row) = rows.iter().find(|&&row| row as usize >= count) {
        candle_core::bail!("there is no row {row} of {count}");
    }
    let (value, rows) = (x.detach().contiguous()?.index_select(at, 0)?, rows.to_vec());
    with_gradient(&[x], value, move |gradient| Ok(vec![sums(gradient, &rows, count)?]))
}

/// A row that is none: selecting it gives zeros.
pub(super) const NO_ROW: u32 = u32::MAX;

/// Most rows that are summed up at a time; a power of two.
const FAN: usize = 32;

/// `[count, width]`: the sums of those rows of `x` that have the same target below `count`. They are brought together in
/// groups until one is left for each target.
fn sums(x: &Tensor, targets: &[u32], count: usize) -> Result<Tensor> {
    let (mut x, mut targets) = (x.clone(), targets.to_vec());
    loop {
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, &target) in targets.iter().enumerate() {
            members.entry(target).or_default().push(row as u32);
        }
        let most = members.values().map(Vec::len).max().unwrap_or(0);
        if most <= 1 {
            let mut places = vec![NO_ROW; count];
            for (target, rows) in members {
                places[target as usize] = rows[0];
            }
            return x.index_select(&Tensor::from_vec(places, count, x.device())?, 0);
        }
        let groups =
            members.iter().flat_map(|(&target, rows)| rows.chunks(FAN).map(move |group| (target, group)));
        let groups: Vec<(u32, &[u32])> = groups.collect();
        x = group_sums(&x, &groups, most.next_power_of_two().min(FAN))?;
        targets = groups.into_iter().map(|(target, _)| target).collect();
    }
}

/// The sum of each group of at most `fan` rows: `[groups, width]`.
fn group_sums(x: &Tensor, groups: &[(u32, &[u32])], fan: usize) -> Result<Tensor> {
    let nth = |nth: usize| groups.iter().map(move |(_, rows)| rows.get(nth).copied().unwrap_or(NO_ROW));
    let places: Vec<u32> = (0..fan).flat_map(nth).collect();
    let places = Tensor::from_vec(places, fan * groups.len(), x.device())?;
    let mut gathered = x.index_select(&places, 0)?;
    while gathered.dim(0)? > groups.len() {
        let half = gathered.dim(0)? / 2;
        gathered = (gathered.narrow(0, 0, half)? + gathered.narrow(0, half, half)?)?;
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::{check, ramp, same};

    #[test]
    fn rows_may_repeat_and_be_left_out() {
        let found = select_rows(&ramp(&[4, 3]), &[2, 0, 2]).unwrap().to_vec2::<f32>().unwrap();
        let all = ramp(&[4, 3]).to_vec2::<f32>().unwrap();
        assert_eq!(found, [all[2].clone(), all[0].clone(), all[2].clone()]);
        assert!(select_rows(&ramp(&[4, 3]), &[4]).is_err());
        check(&[ramp(&[4, 3])], |x| select_rows(&x[0], &[2, 0, 2])?.sqr()?.sum_all());
    }

    #[test]
    fn the_composed_form_is_the_same() {
        let by_parts =
            |x: &Tensor, rows: &[u32]| composed(x, &Tensor::from_slice(rows, rows.len(), x.device())?, rows);
        // A row that is drawn more often than groups hold, more than once over; others seldom or never.
        let rows: Vec<u32> = (0..3000).map(|at| if at % 3 == 0 { 7 } else { at * at % 50 }).collect();
        for rows in [&rows[..], &[3, 1], &[2, 2, 2]] {
            same(&[ramp(&[60, 3])], |x| select_rows(&x[0], rows), |x| by_parts(&x[0], rows));
        }
        assert!(by_parts(&ramp(&[4, 3]), &[4]).is_err());
    }
}

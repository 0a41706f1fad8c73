//! k-means with two clusters, and their separation.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Number of restarts; the tightest result is kept.
const STARTS: usize = 10;

/// Largest number of rounds; a start ends earlier if nothing moves.
const ROUNDS: usize = 100;

/// Two clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// True for each point of the second cluster.
    pub second: Vec<bool>,
    /// Both centres.
    pub centres: [Vec<f64>; 2],
}

/// Runs Lloyd's algorithm from ten k-means++ starts; the result depends on the arguments only.
///
/// It is `None` if there are fewer than two distinct points.
#[must_use]
pub fn two_means(points: &[Vec<f64>], seed: u64) -> Option<Clusters> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut best: Option<(f64, Clusters)> = None;
    for _ in 0..STARTS {
        let clusters = settle(points, start(points, &mut rng)?);
        let spread: f64 = points
            .iter()
            .zip(&clusters.second)
            .map(|(point, &second)| squared(point, &clusters.centres[usize::from(second)]))
            .sum();
        if best.as_ref().is_none_or(|(least, _)| spread < *least) {
            best = Some((spread, clusters));
        }
    }
    best.map(|(_, clusters)| clusters)
}

/// Draws a point, and a second one with a probability proportional to its squared distance.
fn start(points: &[Vec<f64>], rng: &mut StdRng) -> Option<[Vec<f64>; 2]> {
    if points.is_empty() {
        return None;
    }
    let first = &points[rng.random_range(0..points.len())];
    let distances: Vec<f64> = points.iter().map(|point| squared(point, first)).collect();
    let total: f64 = distances.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut rest = rng.random_range(0.0..total);
    let drawn = distances.iter().position(|distance| {
        rest -= distance;
        rest < 0.0
    });
    // Rounding may leave a rest: then the farthest point is taken.
    let farthest = || (0..points.len()).max_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    Some([first.clone(), points[drawn.or_else(farthest)?].clone()])
}

fn settle(points: &[Vec<f64>], mut centres: [Vec<f64>; 2]) -> Clusters {
    let mut second = Vec::new();
    for _ in 0..ROUNDS {
        let nearest: Vec<bool> =
            points.iter().map(|point| squared(point, &centres[1]) < squared(point, &centres[0])).collect();
        if nearest == second {
            break;
        }
        second = nearest;
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let members = points.iter().zip(&second).filter(|&(_, &of)| usize::from(of) == cluster);
            let members: Vec<&Vec<f64>> = members.map(|(point, _)| point).collect();
            if !members.is_empty() {
                for (axis, value) in centre.iter_mut().enumerate() {
                    *value = members.iter().map(|point| point[axis]).sum::<f64>() / members.len() as f64;
                }
            }
        }
    }
    Clusters { second, centres }
}

/// Returns the mean silhouette of all points, in [−1, 1]; `None` if a cluster is empty.
///
/// It tells how much nearer a point is, on average, to its own cluster than to the other one.
#[must_use]
pub fn silhouette(points: &[Vec<f64>], second: &[bool]) -> Option<f64> {
    let sizes = [false, true].map(|of| second.iter().filter(|&&other| other == of).count());
    if sizes.contains(&0) {
        return None;
    }
    let of_point = |at: usize| {
        let mut sums = [0.0; 2];
        for (point, &cluster) in points.iter().zip(second) {
            sums[usize::from(cluster)] += squared(point, &points[at]).sqrt();
        }
        let (own, other) = (usize::from(second[at]), usize::from(!second[at]));
        if sizes[own] == 1 {
            return 0.0;
        }
        let inside = sums[own] / (sizes[own] - 1) as f64;
        let outside = sums[other] / sizes[other] as f64;
        let larger = inside.max(outside);
        if larger > 0.0 { (outside - inside) / larger } else { 0.0 }
    };
    Some((0..points.len()).map(of_point).sum::<f64>() / points.len() as f64)
}

pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_told_apart() {
        let points: Vec<Vec<f64>> =
            (0..12).map(|at| vec![f64::from(at % 3), if at < 9 { 0.0 } else { 40.0 }]).collect();
        for seed in 0..5 {
            let Clusters { second, centres } = two_means(&points, seed).unwrap();
            assert!(
                second[..9].iter().all(|&of| of == second[0])
                    && second[9..].iter().all(|&of| of != second[0])
            );
            let small = &centres[usize::from(second[9])];
            assert!((small[0] - 1.0).abs() < 1e-12 && (small[1] - 40.0).abs() < 1e-12);
            assert!(silhouette(&points, &second).unwrap() > 0.9);
        }
        assert_eq!(two_means(&points, 7), two_means(&points, 7));
    }

    #[test]
    fn equal_points_are_no_clusters() {
        assert_eq!(two_means(&[], 0), None);
        assert_eq!(two_means(&vec![vec![1.0]; 4], 0), None);
        assert_eq!(silhouette(&[vec![1.0]], &[true]), None);
    }

    /// Points 0, 1 | 5: silhouettes (5−1)/5, (4−1)/4, 0.
    #[test]
    fn silhouette_by_hand() {
        let points = [vec![0.0], vec![1.0], vec![5.0]];
        let mean = silhouette(&points, &[false, false, true]).unwrap();
        assert!((mean - (0.8 + 0.75) / 3.0).abs() < 1e-12);
    }
}

//! Principal components of representations.

use nalgebra::{DMatrix, SymmetricEigen};

use super::BaselineError;

/// Centred rows in the coordinates of their principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// n rows × k coordinates, those of the largest variance first.
    pub coordinates: Vec<Vec<f64>>,
    /// Variance of each coordinate (divided by n − 1), k numbers.
    pub variances: Vec<f64>,
}

/// Projects `rows` (n × d) on their first `components` principal components, at most min(n, d).
///
/// The components are exact: eigenvectors of the d × d covariance, which are the *columns* of the
/// eigenvector matrix. If n < d, those of the n × n Gram matrix give the same coordinates. The sign
/// of each coordinate makes its largest magnitude positive.
///
/// # Errors
/// [`BaselineError::Shape`] if rows differ in length, [`BaselineError::NotFinite`].
pub fn project(rows: &[&[f32]], components: usize) -> Result<Projection, BaselineError> {
    let centred = centred(rows)?;
    let (count, width) = centred.shape();
    let by_row = count < width;
    let square = if by_row { &centred * centred.transpose() } else { centred.tr_mul(&centred) };
    let eigen = SymmetricEigen::new(square);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
    order.truncate(components);
    let columns: Vec<_> = order
        .iter()
        .map(|&at| {
            let vector = eigen.eigenvectors.column(at);
            // X Xᵀ u = λ u: the coordinates along Xᵀu / √λ are √λ u.
            let mut column =
                if by_row { vector * eigen.eigenvalues[at].max(0.0).sqrt() } else { &centred * vector };
            let largest = column[column.icamax()];
            if largest < 0.0 {
                column.neg_mut();
            }
            column
        })
        .collect();
    let freedom = count.saturating_sub(1).max(1) as f64;
    Ok(Projection {
        coordinates: (0..count).map(|row| columns.iter().map(|column| column[row]).collect()).collect(),
        variances: columns.iter().map(|column| column.norm_squared() / freedom).collect(),
    })
}

impl Projection {
    /// Divides every coordinate by its standard deviation; coordinates without variance stay 0.
    #[must_use]
    pub fn whitened(mut self) -> Self {
        for row in &mut self.coordinates {
            for (value, variance) in row.iter_mut().zip(&self.variances) {
                *value = if *variance > 0.0 { *value / variance.sqrt() } else { 0.0 };
            }
        }
        self.variances.iter_mut().for_each(|variance| *variance = f64::from(*variance > 0.0));
        self
    }
}

/// Returns the rows minus their mean, n × d.
fn centred(rows: &[&[f32]]) -> Result<DMatrix<f64>, BaselineError> {
    let width = rows.first().map_or(0, |row| row.len());
    for (index, row) in rows.iter().enumerate() {
        if row.len() != width {
            return Err(BaselineError::Shape {
                row: index,
                what: "numbers",
                given: row.len(),
                wanted: width,
            });
        }
        if row.iter().any(|value| !value.is_finite()) {
            return Err(BaselineError::NotFinite(index));
        }
    }
    if width == 0 {
        return Err(BaselineError::TooLittle("there are no representations"));
    }
    let mut matrix = DMatrix::from_fn(rows.len(), width, |row, column| f64::from(rows[row][column]));
    for mut column in matrix.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_same_coordinates() {
        // Two rows of three numbers (n < d), and the same with a third row at their mean (n = d).
        let rows: [&[f32]; 3] = [&[1.0, 2.0, 2.0], &[-1.0, -2.0, -2.0], &[0.0, 0.0, 0.0]];
        let wide = project(&rows[..2], 1).unwrap();
        let square = project(&rows, 1).unwrap();
        for projection in [&wide, &square] {
            assert!((projection.coordinates[0][0].abs() - 3.0).abs() < 1e-9, "{projection:?}");
        }
        assert!((wide.variances[0] - 18.0).abs() < 1e-9 && (square.variances[0] - 9.0).abs() < 1e-9);
        let whitened = wide.whitened();
        assert!((whitened.coordinates[0][0].abs() - 0.5_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        let shape = project(&[&[1.0, 2.0], &[1.0]], 1);
        assert_eq!(shape, Err(BaselineError::Shape { row: 1, what: "numbers", given: 1, wanted: 2 }));
        assert_eq!(project(&[&[1.0], &[f32::NAN]], 1), Err(BaselineError::NotFinite(1)));
        assert!(matches!(project(&[], 1), Err(BaselineError::TooLittle(_))));
    }
}

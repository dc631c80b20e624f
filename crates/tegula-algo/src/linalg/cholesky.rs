//! Cholesky's factor of small and middling matrices.

/// The lower Cholesky factor; `None` where the matrix is not positive definite.
pub(crate) fn factor(a: &[f64], d: usize) -> Option<Vec<f64>> {
    let mut l = a.to_vec();
    for j in 0..d {
        let (done, rest) = l.split_at_mut(j * d);
        let row = &mut rest[..d];
        for i in 0..j {
            let other = &done[i * d..=i * d + i];
            let sum: f64 = row[..i].iter().zip(other).map(|(x, y)| x * y).sum();
            row[i] = (row[i] - sum) / other[i];
        }
        let left = row[j] - row[..j].iter().map(|x| x * x).sum::<f64>();
        if left <= 0.0 || !left.is_finite() {
            return None;
        }
        row[j] = left.sqrt();
        row[j + 1..].fill(0.0);
    }
    Some(l)
}

/// The solution of a x = b for a symmetric matrix; `None` where it is not positive definite.
pub(crate) fn solve(a: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let d = b.len();
    let l = factor(a, d)?;
    let mut x = b.to_vec();
    for i in 0..d {
        let known: f64 = (0..i).map(|j| l[i * d + j] * x[j]).sum();
        x[i] = (x[i] - known) / l[i * d + i];
    }
    for i in (0..d).rev() {
        let known: f64 = (i + 1..d).map(|j| l[j * d + i] * x[j]).sum();
        x[i] = (x[i] - known) / l[i * d + i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_solves() {
        let a = [4.0, 2.0, 0.0, 2.0, 3.0, 1.0, 0.0, 1.0, 9.0];
        let x = solve(&a, &[6.0, 6.0, 10.0]).unwrap();
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-12), "{x:?}");
        assert!(solve(&[1.0, 1.0, 1.0, 1.0], &[1.0, 1.0]).is_none());
    }
}

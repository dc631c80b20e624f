//! The inverse of a small matrix.

/// A pivot below this share of the diagonal: the columns depend on each other.
const DEPENDENT: f64 = 1e-10;

/// The inverse of a symmetric positive definite matrix; `None` where it has none.
pub(crate) fn inverse(mut a: Vec<f64>, k: usize) -> Option<Vec<f64>> {
    // Columns of length one, so that the units of a covariate do not matter.
    let scale: Vec<f64> = (0..k).map(|i| a[i * k + i].sqrt()).collect();
    if scale.iter().any(|&s| !(s.is_finite() && s > 0.0)) {
        return None;
    }
    for i in 0..k {
        for j in 0..k {
            a[i * k + j] /= scale[i] * scale[j];
        }
    }
    for p in 0..k {
        let pivot = a[p * k + p];
        if pivot < DEPENDENT {
            return None;
        }
        a[p * k + p] = 1.0;
        (0..k).for_each(|j| a[p * k + j] /= pivot);
        for i in (0..k).filter(|&i| i != p) {
            let factor = std::mem::take(&mut a[i * k + p]);
            (0..k).for_each(|j| a[i * k + j] -= factor * a[p * k + j]);
        }
    }
    for i in 0..k {
        for j in 0..k {
            a[i * k + j] /= scale[i] * scale[j];
        }
    }
    Some(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_and_knows_when_there_is_none() {
        let a = vec![4.0, 2.0, 0.0, 2.0, 3.0, 100.0, 0.0, 100.0, 90_000.0];
        let b = inverse(a.clone(), 3).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|l| a[i * 3 + l] * b[l * 3 + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9, "{product}");
            }
        }
        assert!(inverse(vec![1.0, 1.0, 1.0, 1.0], 2).is_none());
        assert!(inverse(vec![0.0], 1).is_none());
    }
}

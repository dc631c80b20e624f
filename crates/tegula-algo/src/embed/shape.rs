//! The shape of a cloud of points.

use faer::Mat;

use crate::linalg::eigh;

/// Points closer together than this, by their standard deviation, lie at one place.
const PLACE: f64 = 1e-2;
/// Points whose shorter side is this share of the longer one lie on one line.
const LINE: f64 = 1e-3;

/// Whether all points lie at one place or, next to it, on one line.
pub(super) fn is_collapsed(y: &[f64], dim: usize) -> bool {
    let n = (y.len() / dim) as f64;
    let mean: Vec<f64> = (0..dim).map(|d| y.iter().skip(d).step_by(dim).sum::<f64>() / n).collect();
    let product = |a: usize, b: usize| y.chunks(dim).map(|p| (p[a] - mean[a]) * (p[b] - mean[b])).sum::<f64>() / n;
    let Ok(axes) = eigh(Mat::from_fn(dim, dim, product).as_ref()) else { return true };
    let deviation = |k: usize| axes.values[k].max(0.0).sqrt();
    deviation(0) < PLACE || deviation(1) < LINE * deviation(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_lines_are_told_from_clouds() {
        let cloud = |f: &dyn Fn(f64) -> [f64; 2]| (0..20).flat_map(|i| f(f64::from(i))).collect::<Vec<_>>();
        assert!(!is_collapsed(&cloud(&|i| [i, (i * i) % 7.0]), 2));
        assert!(is_collapsed(&cloud(&|i| [i, 2.0 * i]), 2));
        assert!(is_collapsed(&cloud(&|i| [1e-4 * i, 1e-4 * ((i * i) % 7.0)]), 2));
        assert!(is_collapsed(&[1.0; 30], 3));
    }
}

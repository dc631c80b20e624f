//! Local regression on one variable: Cleveland's loess of degree 2, interpolated between vertices.
//!
//! The local parabola is fitted at a few vertices only. They come from halving the sorted points until a cell holds
//! at most `CELL` of a neighbourhood; in between, value and slope at both ends of a cell make a cubic.

/// Largest share of a neighbourhood inside one cell.
const CELL: f64 = 0.2;
/// The outer vertices lie this much of the range outside of the points.
const MARGIN: f64 = 0.005;
/// What is left of a power after the lower ones, relative to the neighbourhood's width squared; below it the points
/// cannot tell that power.
const SINGULAR: f64 = 1e-24;

/// A vertex: where, and value and slope of the local parabola there.
#[derive(Clone, Copy)]
struct Vertex {
    x: f64,
    value: f64,
    slope: f64,
}

/// The smooth of `y` on `x` at each `x`; each local fit looks at the share `span` of the points.
pub(super) fn loess(x: &[f64], y: &[f64], span: f64) -> Vec<f64> {
    let n = x.len();
    if n == 0 {
        return vec![];
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let xs: Vec<f64> = order.iter().map(|&i| x[i]).collect();
    let ys: Vec<f64> = order.iter().map(|&i| y[i]).collect();
    let near = ((n as f64 * span + 1e-5) as usize).clamp(1, n);
    let leaf = (n as f64 * span * CELL) as usize;
    let (lo, hi) = (xs[0], xs[n - 1]);
    let margin = (hi - lo).max(lo.abs().max(hi.abs()) * 1e-3 + 1e-30) * MARGIN;
    let mut at = vec![lo - margin, hi + margin];
    split(&xs, leaf, (lo - margin, hi + margin), &mut at, 0);
    at.sort_unstable_by(f64::total_cmp);
    let vertices: Vec<Vertex> = at.into_iter().map(|t| parabola(&xs, &ys, near, t)).collect();
    x.iter().map(|&t| between(&vertices, t)).collect()
}

/// Cuts the points of a cell at their median, and again, until at most `leaf` are together.
///
/// Points of equal `x` stay together: the cut moves to the nearest change, the one above first.
fn split(x: &[f64], leaf: usize, ends: (f64, f64), cuts: &mut Vec<f64>, skipped: usize) {
    if x.len() <= leaf || x.is_empty() {
        return;
    }
    // The median's place counts from the first of all points: halving rounds down there.
    let middle = (skipped + 1 + skipped + x.len()) / 2 - 1 - skipped;
    let last = x.len() - 1;
    let change = |k: usize| x[k] != x[k + 1];
    let mut m = middle;
    for away in 0..=middle {
        if middle + away >= last {
            break;
        }
        if let Some(&k) = [middle + away, middle - away].iter().find(|&&k| change(k)) {
            m = k;
            break;
        }
    }
    let cut = x[m];
    if cut == ends.0 || cut == ends.1 {
        return;
    }
    cuts.push(cut);
    split(&x[..=m], leaf, (ends.0, cut), cuts, skipped);
    split(&x[m + 1..], leaf, (cut, ends.1), cuts, skipped + m + 1);
}

/// The parabola through the `near` points next to `t`, with tricube weights, at `t`.
///
/// Fitted in polynomials orthogonal under the weights: where the points are too few for a power, it is left out.
fn parabola(x: &[f64], y: &[f64], near: usize, t: f64) -> Vertex {
    let (mut lo, mut hi) = (0, x.len() - near);
    while lo < hi {
        let mid = usize::midpoint(lo, hi);
        if x[mid + near] - t < t - x[mid] { lo = mid + 1 } else { hi = mid }
    }
    let range = lo..lo + near;
    let radius = (t - x[range.start]).max(x[range.end - 1] - t);
    let u = |i: usize| (x[i] - t) / radius;
    let tricube = |i: usize| (1.0 - u(i).abs().powi(3)).max(0.0).powi(3);
    let mut w: Vec<(f64, f64, f64)> = range.clone().map(|i| (tricube(i), u(i), y[i])).filter(|p| p.0 > 0.0).collect();
    if w.is_empty() {
        // All neighbours at one place.
        w = range.map(|i| (1.0, 0.0, y[i])).collect();
    }
    let sum = |f: &dyn Fn(f64, f64) -> f64| w.iter().map(|&(w, u, y)| w * f(u, y)).sum::<f64>();
    let total = sum(&|_, _| 1.0);
    let a = sum(&|u, _| u) / total;
    let p1 = |u: f64| u - a;
    let norm1 = sum(&|u, _| p1(u) * p1(u));
    let has1 = norm1 > SINGULAR * total;
    let b = if has1 { sum(&|u, _| u * p1(u) * p1(u)) / norm1 } else { 0.0 };
    let p2 = |u: f64| (u - b) * p1(u) - norm1 / total;
    let norm2 = sum(&|u, _| p2(u) * p2(u));
    let c0 = sum(&|_, y| y) / total;
    let c1 = if has1 { sum(&|u, y| (y - c0) * p1(u)) / norm1 } else { 0.0 };
    let c2 = if has1 && norm2 > SINGULAR * total { sum(&|u, y| (y - c0) * p2(u)) / norm2 } else { 0.0 };
    let slope = c1 - c2 * (a + b);
    Vertex { x: t, value: c0 + c1 * p1(0.0) + c2 * p2(0.0), slope: if radius > 0.0 { slope / radius } else { 0.0 } }
}

/// The cubic of the cell that holds `t`.
fn between(vertices: &[Vertex], t: f64) -> f64 {
    let k = vertices.partition_point(|v| v.x < t).clamp(1, vertices.len() - 1);
    let (l, r) = (vertices[k - 1], vertices[k]);
    let h = r.x - l.x;
    let s = (t - l.x) / h;
    let (p, q) = ((1.0 - s) * (1.0 - s), s * s);
    p * ((1.0 + 2.0 * s) * l.value + s * h * l.slope) + q * ((3.0 - 2.0 * s) * r.value + (s - 1.0) * h * r.slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_itself() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i * i % 37) / 10.0).collect();
        let y: Vec<f64> = x.iter().map(|x| 1.0 - 2.0 * x + 0.5 * x * x).collect();
        for (a, b) in loess(&x, &y, 0.5).iter().zip(&y) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }

    #[test]
    fn too_few_points_or_places_give_what_they_can() {
        assert_eq!(loess(&[2.0], &[5.0], 0.3), [5.0]);
        assert_eq!(loess(&[1.0; 4], &[1.0, 2.0, 3.0, 6.0], 1.0), [3.0; 4], "the mean");
        assert!(loess(&[0.0, 0.0, 1.0, 1.0], &[1.0, 3.0, 4.0, 6.0], 1.0).iter().all(|v| v.is_finite()));
    }

    /// scikit-misc 0.5.3's `loess(x, y, span=0.4, degree=2)`.
    #[test]
    fn equals_scikit_misc() {
        let x: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 30) / 5.0).collect();
        let y: Vec<f64> = x.iter().map(|x| (x * 1.3).sin() + 0.1 * (x * 17.0).cos()).collect();
        let fit = loess(&x, &y, 0.4);
        for (i, expected) in [
            (0, 0.016_521_020_612_503_823),
            (1, 0.962_464_878_795_837_2),
            (5, 0.957_329_875_868_337_3),
            (13, 0.295_308_570_614_420_7),
            (29, -0.295_996_810_765_278_95),
        ] {
            assert!((fit[i] - expected).abs() < 1e-12, "{i}: {} for {expected}", fit[i]);
        }
    }
}

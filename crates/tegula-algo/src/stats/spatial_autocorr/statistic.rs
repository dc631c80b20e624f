//! One feature: Moran's I or Geary's C, its variances, its values after relabelling.

use super::AutocorrMode;
use super::weights::Weights;

/// A feature by its non-zero values; centred where no value is zero, so that a large mean costs no digits.
pub(super) struct Feature {
    rows: Vec<u32>,
    values: Vec<f64>,
    mean: f64,
    /// Σ (x − mean)².
    squares: f64,
    /// n Σ (x − mean)⁴ / (Σ (x − mean)²)².
    kurtosis: f64,
}

impl Feature {
    pub(super) fn new(n: usize, entries: impl Iterator<Item = (u32, f64)>) -> Self {
        let (rows, mut values): (Vec<u32>, Vec<f64>) = entries.filter(|e| e.1 != 0.0).unzip();
        let (all, zeros) = (n as f64, (n - rows.len()) as f64);
        let first = values.first().copied().unwrap_or(0.0);
        let constant = values.iter().all(|&v| v == first) && (rows.len() == n || rows.is_empty());
        let mut mean = values.iter().sum::<f64>() / all;
        let power = |p: i32| values.iter().map(|v| (v - mean).powi(p)).sum::<f64>() + zeros * mean.powi(p);
        let (squares, fourth) = if constant { (0.0, 0.0) } else { (power(2), power(4)) };
        if rows.len() == n {
            for v in &mut values {
                *v -= mean;
            }
            mean = 0.0;
        }
        Self { rows, values, mean, squares, kurtosis: all * fourth / (squares * squares) }
    }

    /// A feature by its value at every observation.
    pub(super) fn of_all(values: Vec<f64>) -> Self {
        Self::new(values.len(), values.into_iter().enumerate().map(|(i, v)| (i as u32, v)))
    }

    /// True where it says nothing: all values are equal.
    pub(super) fn is_constant(&self) -> bool {
        self.squares == 0.0
    }

    /// The statistic with observation i in place `place(i)`; `x` is working memory, all zero before and after.
    pub(super) fn statistic(
        &self,
        mode: AutocorrMode,
        w: &Weights<'_>,
        x: &mut [f64],
        place: impl Fn(u32) -> usize,
    ) -> f64 {
        let n = w.n() as f64;
        for (&i, &v) in self.rows.iter().zip(&self.values) {
            x[place(i)] = v;
        }
        let (mut cross, mut linear) = (0.0, 0.0);
        for (&i, &v) in self.rows.iter().zip(&self.values) {
            let i = place(i);
            cross += v * w.lag(i, x);
            linear += w.degree[i] * if mode == AutocorrMode::Moran { v } else { v * v };
        }
        for &i in &self.rows {
            x[place(i)] = 0.0;
        }
        match mode {
            AutocorrMode::Moran => {
                let centred = cross - self.mean * linear + self.mean * self.mean * w.s0;
                n / w.s0 * centred / self.squares
            }
            AutocorrMode::Geary => (n - 1.0) * (linear - 2.0 * cross) / (2.0 * w.s0 * self.squares),
        }
    }

    /// Variance of the statistic where the values of this very feature lie at random (Cliff & Ord).
    pub(super) fn variance_at_random(&self, mode: AutocorrMode, w: &Weights<'_>) -> f64 {
        let (n, k) = (w.n() as f64, self.kurtosis);
        let (s0, s1, s2) = (w.s0 * w.s0, w.s1, w.s2);
        match mode {
            AutocorrMode::Moran => {
                let plain = n * ((n * n - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0);
                let peaked = k * ((n * n - n) * s1 - 2.0 * n * s2 + 6.0 * s0);
                (plain - peaked) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0) - (n - 1.0).powi(-2)
            }
            AutocorrMode::Geary => {
                let a = (n - 1.0) * s1 * (n * n - 3.0 * n + 3.0 - (n - 1.0) * k);
                let b = 0.25 * (n - 1.0) * s2 * (n * n + 3.0 * n - 6.0 - (n * n - n + 2.0) * k);
                let c = s0 * (n * n - 3.0 - (n - 1.0).powi(2) * k);
                (a - b + c) / (n * (n - 2.0) * (n - 3.0) * s0)
            }
        }
    }
}

/// Variance of the statistic of normal noise (Cliff & Ord).
pub(super) fn variance_of_noise(mode: AutocorrMode, w: &Weights<'_>) -> f64 {
    let n = w.n() as f64;
    let (s0, s1, s2) = (w.s0 * w.s0, w.s1, w.s2);
    match mode {
        AutocorrMode::Moran => (n * n * s1 - n * s2 + 3.0 * s0) / ((n - 1.0) * (n + 1.0) * s0) - (n - 1.0).powi(-2),
        AutocorrMode::Geary => ((2.0 * s1 + s2) * (n - 1.0) - 4.0 * s0) / (2.0 * (n + 1.0) * s0),
    }
}

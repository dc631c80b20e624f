//! Agreement of two labellings.

use tegula_core::{Error, Labels, Result};

use super::expected::expected_information;

/// How far two labellings of the same observations agree: all the measures from one table of counts.
///
/// Observations without a label in either are left out. Numbers agree with scikit-learn's functions of the same names.
///
/// ```
/// use tegula_algo::metrics::Agreement;
/// use tegula_core::Labels;
/// let truth = Labels::from_strings(&["a", "a", "b", "b"]);
/// let found = Labels::from_clusters(&[0, 0, 1, 2]);
/// let agreement = Agreement::of(&truth, &found)?;
/// assert!((agreement.ari() - 4.0 / 7.0).abs() < 1e-12);
/// assert_eq!(agreement.homogeneity(), 1.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    n: usize,
    left_out: usize,
    /// Observations of each class of the truth, of each found cluster, of each pair of both.
    rows: Vec<u64>,
    cols: Vec<u64>,
    cells: Vec<(usize, usize, u64)>,
}

impl Agreement {
    /// Compares a found labelling with the truth.
    ///
    /// # Errors
    /// [`Error::Shape`] where they differ in length.
    pub fn of(truth: &Labels, found: &Labels) -> Result<Self> {
        if truth.len() != found.len() {
            return Err(Error::shape("labels", format!("({})", found.len()), format!("({})", truth.len())));
        }
        let (r, c) = (truth.categories().len(), found.categories().len());
        let mut rows = vec![0; r];
        let mut cols = vec![0; c];
        // Pairs are sorted rather than tabled: two labellings by observation would need an N × N table.
        let mut pairs: Vec<(usize, usize)> = Vec::with_capacity(truth.len());
        for (&a, &b) in truth.codes().iter().zip(found.codes()) {
            if let (Ok(a), Ok(b)) = (usize::try_from(a), usize::try_from(b)) {
                rows[a] += 1;
                cols[b] += 1;
                pairs.push((a, b));
            }
        }
        let n = pairs.len();
        pairs.sort_unstable();
        let cells = pairs.chunk_by(|a, b| a == b).map(|g| (g[0].0, g[0].1, g.len() as u64)).collect();
        Ok(Self { n, left_out: truth.len() - n, rows, cols, cells })
    }

    /// Observations compared.
    pub fn n_compared(&self) -> usize {
        self.n
    }

    /// Observations left out, for want of a label in either.
    pub fn n_left_out(&self) -> usize {
        self.left_out
    }

    /// Adjusted Rand index: 1 for equal groupings, 0 on average for random ones.
    ///
    /// Hubert & Arabie 1985, <https://doi.org/10.1007/BF01908075>.
    pub fn ari(&self) -> f64 {
        let squares = |v: &[u64]| v.iter().map(|&x| (x as f64).powi(2)).sum::<f64>();
        let n = self.n as f64;
        let cells: f64 = self.cells.iter().map(|c| (c.2 as f64).powi(2)).sum();
        let (rows, cols) = (squares(&self.rows), squares(&self.cols));
        ari_of_squares(n, cells, rows, cols)
    }

    /// Mutual information over the mean of both entropies (the V measure is the same number).
    ///
    /// Strehl & Ghosh 2002, <https://doi.org/10.1162/153244303321897735>.
    pub fn nmi(&self) -> f64 {
        if self.trivial() {
            return 1.0;
        }
        let information = self.information();
        if information == 0.0 { 0.0 } else { information / self.mean_entropy() }
    }

    /// Mutual information adjusted for chance: 0 on average for random groupings, whatever their number.
    ///
    /// Vinh, Epps & Bailey 2010, <https://jmlr.org/papers/v11/vinh10a.html>.
    pub fn ami(&self) -> f64 {
        if self.trivial() {
            return 1.0;
        }
        if occupied(&self.rows) == 1 || occupied(&self.cols) == 1 {
            return 0.0;
        }
        let expected = expected_information(&self.rows, &self.cols, self.n);
        let away = |x: f64| if x < 0.0 { x.min(-f64::EPSILON) } else { x.max(f64::EPSILON) };
        away(self.information() - expected) / away(self.mean_entropy() - expected)
    }

    /// 1 where every found cluster holds one class only.
    ///
    /// Rosenberg & Hirschberg 2007, <https://aclanthology.org/D07-1043>.
    pub fn homogeneity(&self) -> f64 {
        let entropy = self.entropy(&self.rows);
        if entropy == 0.0 { 1.0 } else { self.information() / entropy }
    }

    /// 1 where every class lies in one found cluster only.
    ///
    /// Rosenberg & Hirschberg 2007, <https://aclanthology.org/D07-1043>.
    pub fn completeness(&self) -> f64 {
        let entropy = self.entropy(&self.cols);
        if entropy == 0.0 { 1.0 } else { self.information() / entropy }
    }

    /// Harmonic mean of homogeneity and completeness.
    ///
    /// Rosenberg & Hirschberg 2007, <https://aclanthology.org/D07-1043>.
    pub fn v_measure(&self) -> f64 {
        let (h, c) = (self.homogeneity(), self.completeness());
        if h + c == 0.0 { 0.0 } else { 2.0 * h * c / (h + c) }
    }

    /// Neither labelling tells anything apart.
    fn trivial(&self) -> bool {
        occupied(&self.rows) <= 1 && occupied(&self.cols) <= 1
    }

    fn mean_entropy(&self) -> f64 {
        f64::midpoint(self.entropy(&self.rows), self.entropy(&self.cols))
    }

    fn entropy(&self, counts: &[u64]) -> f64 {
        if occupied(counts) <= 1 {
            return 0.0;
        }
        let n = self.n as f64;
        -counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / n * (c as f64 / n).ln()).sum::<f64>()
    }

    fn information(&self) -> f64 {
        let n = self.n as f64;
        let term = |&(r, c, x): &(usize, usize, u64)| {
            let x = x as f64;
            x / n * (x * n / (self.rows[r] as f64 * self.cols[c] as f64)).ln()
        };
        let sum: f64 = self.cells.iter().map(term).sum();
        if sum.abs() < f64::EPSILON { 0.0 } else { sum.max(0.0) }
    }
}

/// Adjusted Rand index of `n` observations from the sums of squared sizes: of the common cells, of either's clusters.
pub(crate) fn ari_of_squares(n: f64, cells: f64, rows: f64, cols: f64) -> f64 {
    let both = cells - n;
    let (only_cols, only_rows) = (cols - cells, rows - cells);
    let neither = n * n - only_cols - only_rows - cells;
    if only_cols == 0.0 && only_rows == 0.0 {
        return 1.0;
    }
    2.0 * (both * neither - only_rows * only_cols)
        / ((both + only_rows) * (only_rows + neither) + (both + only_cols) * (only_cols + neither))
}

fn occupied(counts: &[u64]) -> usize {
    counts.iter().filter(|&&c| c > 0).count()
}

/// Adjusted Rand index; see [`Agreement::ari`].
///
/// # Errors
/// [`Error::Shape`] where the labellings differ in length.
///
/// ```
/// use tegula_algo::metrics::ari;
/// use tegula_core::Labels;
/// let (a, b) = (Labels::from_clusters(&[0, 0, 1, 1]), Labels::from_clusters(&[1, 1, 0, 0]));
/// assert_eq!(ari(&a, &b)?, 1.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn ari(truth: &Labels, found: &Labels) -> Result<f64> {
    Ok(Agreement::of(truth, found)?.ari())
}

/// Normalised mutual information; see [`Agreement::nmi`].
///
/// # Errors
/// [`Error::Shape`] where the labellings differ in length.
///
/// ```
/// use tegula_algo::metrics::nmi;
/// use tegula_core::Labels;
/// let (a, b) = (Labels::from_clusters(&[0, 0, 1, 1]), Labels::from_clusters(&[0, 1, 0, 1]));
/// assert_eq!(nmi(&a, &b)?, 0.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn nmi(truth: &Labels, found: &Labels) -> Result<f64> {
    Ok(Agreement::of(truth, found)?.nmi())
}

/// Adjusted mutual information; see [`Agreement::ami`].
///
/// # Errors
/// [`Error::Shape`] where the labellings differ in length.
///
/// ```
/// use tegula_algo::metrics::ami;
/// use tegula_core::Labels;
/// let (a, b) = (Labels::from_clusters(&[0, 0, 1, 1]), Labels::from_clusters(&[0, 0, 1, 2]));
/// assert!((ami(&a, &b)? - 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn ami(truth: &Labels, found: &Labels) -> Result<f64> {
    Ok(Agreement::of(truth, found)?.ami())
}

//! What a sweep found, and the row it recommends.

use tegula_core::{Column, Frame, Result};

/// Cells whose stability is within this of the best count as equally stable.
const AS_STABLE: f64 = 0.05;

/// One combination and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRow {
    /// Nearest others in the tissue.
    pub s_neigh: usize,
    /// Nearest others in expression.
    pub e_neigh: usize,
    /// Resolution: the one tried, or with `n_clusters` the one found.
    pub resolution: f64,
    /// Number of domains of the run that agrees best with the others, as all that follows but `quality`.
    pub n_clusters: usize,
    /// Mean adjusted Rand index over pairs of runs.
    pub stability: f64,
    /// Mean quality of the runs at their resolution.
    pub quality: f64,
    /// Modularity of the joint graph at γ = 1.
    pub modularity: f64,
    /// Mean distance to the nearest other of the same domain; lower is more compact.
    pub chaos: f64,
    /// Share of observations amid another domain; lower is smoother.
    pub pas: f64,
    /// Silhouette in the embedding, where asked for; NaN for one domain.
    pub silhouette: Option<f64>,
    /// Adjusted Rand index to the known labels, where given.
    pub ari: Option<f64>,
}

/// All combinations, `s_neigh` slowest, `resolution` fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// One for each combination.
    pub rows: Vec<SweepRow>,
    /// The row that is recommended.
    pub recommended: usize,
}

impl Sweep {
    pub(super) fn of(rows: Vec<SweepRow>) -> Self {
        let recommended = recommend(&rows);
        Self { rows, recommended }
    }

    /// The rows as a table, a column for each field; those not asked for are left out.
    ///
    /// # Errors
    /// None that can happen: the columns have one length.
    pub fn table(&self) -> Result<Frame> {
        let mut table = Frame::with_range_index(self.rows.len());
        let whole = |f: &dyn Fn(&SweepRow) -> usize| Column::Int(self.rows.iter().map(|r| f(r) as i64).collect());
        let real = |f: &dyn Fn(&SweepRow) -> f64| Column::Float(self.rows.iter().map(f).collect());
        table.insert("s_neigh", whole(&|r| r.s_neigh))?;
        table.insert("e_neigh", whole(&|r| r.e_neigh))?;
        table.insert("resolution", real(&|r| r.resolution))?;
        table.insert("n_clusters", whole(&|r| r.n_clusters))?;
        table.insert("stability", real(&|r| r.stability))?;
        table.insert("quality", real(&|r| r.quality))?;
        table.insert("modularity", real(&|r| r.modularity))?;
        table.insert("chaos", real(&|r| r.chaos))?;
        table.insert("pas", real(&|r| r.pas))?;
        if self.rows.iter().all(|r| r.silhouette.is_some()) {
            table.insert("silhouette", real(&|r| r.silhouette.unwrap_or(f64::NAN)))?;
        }
        if self.rows.iter().all(|r| r.ari.is_some()) {
            table.insert("ari", real(&|r| r.ari.unwrap_or(f64::NAN)))?;
        }
        Ok(table)
    }
}

/// The row to take, by the rule on the page of `tl.sweep`.
fn recommend(rows: &[SweepRow]) -> usize {
    let parted = |i: &usize| rows[*i].n_clusters > 1;
    let some = (0..rows.len()).any(|i| parted(&i));
    let all: Vec<usize> = (0..rows.len()).filter(|i| parted(i) || !some).collect();
    let top = all.iter().map(|&i| rows[i].stability).fold(f64::NEG_INFINITY, f64::max);
    let stable: Vec<usize> = all.into_iter().filter(|&i| rows[i].stability >= top - AS_STABLE).collect();
    let rank =
        |i: usize, of: &dyn Fn(&SweepRow) -> f64| stable.iter().filter(|&&j| of(&rows[j]) < of(&rows[i])).count();
    let ranks = |i: usize| rank(i, &|r| r.chaos) + rank(i, &|r| r.pas);
    let order = |&a: &usize, &b: &usize| {
        let stability = rows[b].stability.total_cmp(&rows[a].stability);
        ranks(a).cmp(&ranks(b)).then(stability).then(a.cmp(&b))
    };
    stable.iter().copied().min_by(order).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n_clusters: usize, stability: f64, chaos: f64, pas: f64) -> SweepRow {
        let (resolution, quality, modularity) = (1.0, 0.0, 0.0);
        let (silhouette, ari) = (None, None);
        SweepRow {
            s_neigh: 6,
            e_neigh: 30,
            resolution,
            n_clusters,
            stability,
            quality,
            modularity,
            chaos,
            pas,
            silhouette,
            ari,
        }
    }

    #[test]
    fn the_rule_is_the_one_written_down() {
        // One domain is no answer, an unstable cell neither, however compact; then ranks by CHAOS and PAS.
        let rows = [row(1, 1.0, 0.0, 0.0), row(4, 0.6, 0.1, 0.1), row(4, 0.9, 0.3, 0.3), row(5, 0.88, 0.2, 0.2)];
        assert_eq!(recommend(&rows), 3);
        // A draw of the ranks goes to the more stable, then to the first.
        assert_eq!(recommend(&[row(4, 0.90, 0.2, 0.3), row(4, 0.91, 0.3, 0.2)]), 1);
        assert_eq!(recommend(&[row(4, 0.9, 0.2, 0.3), row(4, 0.9, 0.3, 0.2)]), 0);
        assert_eq!(recommend(&[row(1, 1.0, 0.2, 0.0)]), 0);
    }
}

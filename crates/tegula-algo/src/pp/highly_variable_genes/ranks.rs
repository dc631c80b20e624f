//! Choosing genes by their rank in each batch: flavours `seurat_v3`, `seurat_v3_paper` and `pearson_residuals`.

use crate::stats::quantile::median;

/// What the ranks of a score in every batch say about each gene.
pub(super) struct Ranks {
    /// Median rank among the batches that have the gene among their top ones, 0 the highest; NaN where none has.
    pub median: Vec<f32>,
    /// Number of batches that have the gene among their top ones.
    pub n_batches: Vec<i64>,
}

impl Ranks {
    /// Ranks genes by `scores`, one list per batch; equal scores in the order of the genes.
    pub(super) fn new(scores: &[Vec<f64>], n_genes: usize, n_top: usize) -> Self {
        let mut of_gene: Vec<Vec<f64>> = vec![vec![]; n_genes];
        for score in scores {
            for (rank, j) in order(n_genes, |j| -score[j]).into_iter().take(n_top).enumerate() {
                of_gene[j].push(rank as f64);
            }
        }
        let n_batches = of_gene.iter().map(|r| r.len() as i64).collect();
        let median = of_gene.iter_mut().map(|r| median(r).map_or(f32::NAN, |m| m as f32)).collect();
        Self { median, n_batches }
    }

    /// The first `n` genes by median rank, then by number of batches; or the other way round.
    pub(super) fn choose(&self, n: usize, batches_first: bool) -> Vec<bool> {
        let key = |j: usize| {
            let (rank, batches) = (f64::from(self.median[j]), -self.n_batches[j] as f64);
            if batches_first { (batches, rank) } else { (rank, batches) }
        };
        let mut order: Vec<usize> = (0..self.median.len()).collect();
        // NaN comes last: it is the highest there is.
        order.sort_by(|&a, &b| key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
        let mut chosen = vec![false; order.len()];
        order.into_iter().take(n).for_each(|j| chosen[j] = true);
        chosen
    }
}

/// Genes by rising key, NaN last.
fn order(n: usize, key: impl Fn(usize) -> f64) -> Vec<usize> {
    let key = |j: usize| if key(j).is_nan() { f64::INFINITY } else { key(j) };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_rank_and_number_of_batches_decide() {
        // Gene 0 leads one batch, gene 1 is second in both, gene 2 leads the other one.
        let ranks = Ranks::new(&[vec![9.0, 5.0, 1.0], vec![0.0, 5.0, 9.0]], 3, 2);
        assert_eq!(ranks.median, [0.0, 1.0, 0.0]);
        assert_eq!(ranks.n_batches, [1, 2, 1]);
        assert_eq!(ranks.choose(2, false), [true, false, true]);
        assert_eq!(ranks.choose(2, true), [true, true, false]);
        let one = Ranks::new(&[vec![1.0, f64::NAN, 2.0]], 3, 2);
        assert!(one.median[1].is_nan() && one.choose(3, false) == [true; 3], "asked for all, all are chosen");
    }
}

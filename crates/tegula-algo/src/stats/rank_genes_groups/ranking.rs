//! All genes in all groups.

use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Error, Labels, Matrix, Result, par};

use super::groups::Groups;
use super::{CorrMethod, RankGenesGroupsParams, gene};
use crate::stats::correction::{benjamini_hochberg, bonferroni};

/// The genes of one group, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedGenes {
    /// Name of the group.
    pub group: String,
    /// Column of each gene in the matrix.
    pub genes: Vec<usize>,
    /// z or t of each.
    pub scores: Vec<f64>,
    /// Two-sided p-values.
    pub pvals: Vec<f64>,
    /// The same, corrected for the number of genes.
    pub pvals_adj: Vec<f64>,
    /// log2 of the ratio of the means, taken back from the logarithm.
    pub logfoldchanges: Vec<f64>,
}

/// Genes ranked for all groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// One per tested group.
    pub groups: Vec<RankedGenes>,
    /// Per group (the reference included) the share of observations that express each gene.
    pub pts: Vec<(String, Vec<f64>)>,
    /// The same for what the group is compared with.
    pub pts_rest: Vec<(String, Vec<f64>)>,
}

/// Genes per piece of work.
const GENES: usize = 64;
const TASK: &str = "rank_genes_groups";

/// Ranks the genes of `x` for the groups in `labels`; `log_base` is that of the logarithm in `x` (e where `None`).
///
/// # Errors
/// [`Error::Data`] for an unknown group, one of a single observation, or nothing to compare with; [`Error::Shape`].
///
/// ```
/// use tegula_algo::stats::{rank_genes_groups, rank_genes_groups::RankGenesGroupsParams};
/// use tegula_core::{Ctx, Dense, Labels};
/// let x = Dense::new(4, 2, vec![0.0, 2.0, 0.0, 1.0, 3.0, 0.0, 2.0, 1.0])?;
/// let labels = Labels::from_strings(&["a", "a", "b", "b"]);
/// let ranking = rank_genes_groups(&x.into(), &labels, &RankGenesGroupsParams::default(), None, &Ctx::default())?;
/// assert_eq!(ranking.groups[1].genes, [0, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn rank_genes_groups(
    x: &Matrix,
    labels: &Labels,
    params: &RankGenesGroupsParams,
    log_base: Option<f64>,
    ctx: &Ctx<'_>,
) -> Result<Ranking> {
    if labels.len() != x.n_rows() {
        return Err(Error::shape("labels", format!("({})", labels.len()), format!("({})", x.n_rows())));
    }
    let groups = Groups::new(labels, params)?;
    let by_gene = match x {
        Matrix::Csr(m) => m.transpose(),
        Matrix::Dense(m) => Csr::from_dense(m).transpose(),
    };
    let log_base = log_base.map_or(1.0, f64::ln);
    ctx.begin(TASK, by_gene.n_rows() as u64);
    let parts: Vec<Result<Vec<Vec<gene::Outcome>>>> = par::map(by_gene.n_rows(), GENES, |genes| {
        ctx.tick(TASK, genes.len() as u64)?;
        let mut scratch = gene::Scratch::default();
        let of = |j| {
            let (rows, values) = by_gene.row(j);
            gene::compare(rows, values, &groups, params, log_base, &mut scratch)
        };
        Ok(genes.map(of).collect())
    });
    ctx.end(TASK);
    let genes: Vec<Vec<gene::Outcome>> = parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let names: Vec<&String> = groups.categories.iter().map(|&c| &labels.categories()[c]).collect();
    let all = 0..groups.len();
    let share = |f: fn(&gene::Outcome) -> f64| {
        all.clone().map(|b| (names[b].clone(), genes.iter().map(|g| f(&g[b])).collect())).collect()
    };
    Ok(Ranking {
        groups: all
            .clone()
            .into_par_iter()
            .filter(|&b| Some(b) != groups.reference)
            .map(|b| list(names[b], &genes, b, params))
            .collect(),
        pts: share(|g| g.pts),
        pts_rest: if groups.reference.is_none() { share(|g| g.pts_rest) } else { Vec::new() },
    })
}

/// The genes of group `b`, best first.
fn list(group: &str, genes: &[Vec<gene::Outcome>], b: usize, params: &RankGenesGroupsParams) -> RankedGenes {
    let by = |j: usize| if params.rankby_abs { genes[j][b].score.abs() } else { genes[j][b].score };
    let mut order: Vec<usize> = (0..genes.len()).collect();
    order.sort_by(|&i, &j| by(j).total_cmp(&by(i)));
    order.truncate(params.n_genes.unwrap_or(usize::MAX));
    let pvals: Vec<f64> = genes.iter().map(|g| g[b].pval).collect();
    let adjusted = match params.corr_method {
        CorrMethod::BenjaminiHochberg => benjamini_hochberg(&pvals),
        CorrMethod::Bonferroni => bonferroni(&pvals),
    };
    RankedGenes {
        group: group.to_owned(),
        scores: order.iter().map(|&j| genes[j][b].score).collect(),
        pvals: order.iter().map(|&j| pvals[j]).collect(),
        pvals_adj: order.iter().map(|&j| adjusted[j]).collect(),
        logfoldchanges: order.iter().map(|&j| genes[j][b].logfoldchange).collect(),
        genes: order,
    }
}

//! `pp.subsample`.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Error, Labels, Outcome, Result, Slot, Step, Value};

/// Keeps a random part of the observations.
///
/// # What it does
/// Draws observations without replacement and drops the others; with `groupby` the same share of every group.
///
/// # When to use it
/// To try things on a smaller set, or to bring sections to the same size. For fewer but whole squares of tissue see
/// `pp.bin`.
///
/// # How it works
/// A partial shuffle. With `groupby` each group gives its share, rounded down; what is missing to the whole number goes
/// to the groups with the largest remainders. Observations without a group are a group of their own.
///
/// # Reads and writes
/// Reads `obs[groupby]`. Drops observations everywhere; those kept stay in their order.
///
/// # Determinism
/// Depends on the seed alone.
///
/// # Cost
/// O(observations).
///
/// # Differences from the reference
/// As scanpy's `pp.subsample` (`pp.sample` without replacement), which draws other observations and leaves them in the
/// order drawn. `groupby` is extra.
///
/// # Example
/// `tegula pp subsample in.h5ad -o out.h5ad --fraction 0.1`
///
/// ```
/// use tegula_algo::pp::SubsampleParams;
/// use tegula_core::{AnnData, Ctx, Frame, run};
/// let mut adata = AnnData::new(None, Frame::with_range_index(100), Frame::default())?;
/// run(&SubsampleParams { fraction: Some(0.2), ..Default::default() }, &mut adata, &Ctx::new(7))?;
/// assert_eq!(adata.n_obs(), 20);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubsampleParams {
    /// Share of the observations to keep, 0 to 1.
    pub fraction: Option<f64>,
    /// Number of observations to keep, instead of a share.
    pub n_obs: Option<usize>,
    /// Column of `obs` with groups, each of which keeps its share.
    pub groupby: Option<String>,
}

/// The observations kept, ascending: `n` of all, from every group its share.
///
/// # Errors
/// [`Error::Data`] where there are fewer than `n`.
///
/// ```
/// use tegula_core::{Ctx, Labels};
/// let groups = Labels::from_strings(&["a", "a", "b", "b", "b", "b"]);
/// let kept = tegula_algo::pp::subsample(6, 3, Some(&groups), &Ctx::new(1))?;
/// assert_eq!(kept.iter().filter(|&&i| i < 2).count(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn subsample(n_obs: usize, n: usize, groups: Option<&Labels>, ctx: &Ctx<'_>) -> Result<Vec<usize>> {
    if n > n_obs {
        return Err(Error::data("obs", format!("there are {n_obs} observations, {n} are asked for; pass fewer")));
    }
    let members = match groups {
        None => vec![(0..n_obs).collect::<Vec<usize>>()],
        Some(labels) => {
            let mut members = vec![vec![]; labels.categories().len() + 1];
            labels.codes().iter().enumerate().for_each(|(i, &c)| members[(c + 1) as usize].push(i));
            members
        }
    };
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut kept = Vec::with_capacity(n);
    for (g, (mut group, k)) in members.into_iter().zip(shares(&sizes, n)).enumerate() {
        let mut rng = ctx.rng("pp.subsample", g as u64);
        for place in 0..k {
            let other = rng.random_range(place..group.len());
            group.swap(place, other);
        }
        kept.extend_from_slice(&group[..k]);
    }
    kept.sort_unstable();
    Ok(kept)
}

/// How many of `n` each group gives, in proportion to its size.
fn shares(sizes: &[usize], n: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let exact = |g: usize| sizes[g] as u128 * n as u128;
    let total = total.max(1) as u128;
    let mut shares: Vec<usize> = (0..sizes.len()).map(|g| (exact(g) / total) as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&g| std::cmp::Reverse(exact(g) % total));
    let rest = n - shares.iter().sum::<usize>();
    order.into_iter().take(rest).for_each(|g| shares[g] += 1);
    shares
}

impl Step for SubsampleParams {
    const ID: &'static str = "pp.subsample";
    const SUMMARY: &'static str = "Keeps a random part of the observations.";
    const ALIASES: &'static [&'static str] = &["pp.sample"];

    fn reads(&self) -> Vec<Slot> {
        self.groupby.as_deref().map(Slot::obs).into_iter().collect()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::ObsAxis]
    }

    fn validate(&self) -> Result<()> {
        match (self.fraction, self.n_obs) {
            (Some(f), None) if (0.0..=1.0).contains(&f) && f > 0.0 => Ok(()),
            (Some(f), None) => Err(Self::refuse("fraction", f, "above 0 and at most 1")),
            (None, Some(0)) => Err(Self::refuse("n_obs", 0, "at least 1")),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(Self::refuse("fraction", "None", "given, or n_obs")),
            (Some(_), Some(n)) => Err(Self::refuse("n_obs", n, "left out where fraction is given")),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let before = adata.n_obs();
        let n = self.n_obs.unwrap_or((self.fraction.unwrap_or(1.0) * before as f64) as usize);
        let groups = self.groupby.as_deref().map(|key| adata.labels(key)).transpose()?;
        let keep = subsample(before, n, groups.as_ref(), ctx)?;
        if keep.is_empty() {
            return Err(Error::data("obs", format!("nothing of {before} observations would be left; keep more")));
        }
        if keep.len() < before {
            adata.keep_obs(&keep);
        }
        let outcome = [("n_kept", keep.len()), ("n_dropped", before - keep.len())];
        Ok(Dict::from(outcome.map(|(k, v)| (k.to_owned(), Value::from(v)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_ties_go_to_the_first() {
        assert_eq!(shares(&[0, 10, 10, 10], 4), [0, 2, 1, 1]);
        assert_eq!(shares(&[5, 1], 6), [5, 1]);
        assert_eq!(shares(&[], 0), [] as [usize; 0]);
    }
}

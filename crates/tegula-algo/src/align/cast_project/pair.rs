//! The two sections in one annotated matrix.

use tegula_core::{AnnData, Coords, Csr, Ctx, Dense, Error, Labels, Result, Slot, Step};

use super::transfer::{Transferred, transfer};
use super::{CastProjectParams, Projection, Side, cast_project};
use crate::graph::part;

/// The two sections: which observations they hold, and where these lie.
pub(super) struct Pair {
    /// The section of every observation.
    pub(super) sections: Labels,
    /// Names of source and target.
    pub(super) names: [String; 2],
    pub(super) sources: Vec<u32>,
    pub(super) targets: Vec<u32>,
    /// Positions of both.
    coords: [Coords; 2],
    /// Types of both, and their names.
    types: Option<([Vec<i32>; 2], Vec<String>)>,
}

impl Pair {
    /// The two sections that `params` speaks of.
    pub(super) fn stored(adata: &AnnData, params: &CastProjectParams) -> Result<Self> {
        let all = adata.sections(&params.library_key)?;
        let [source, target] = chosen(&all, params)?;
        let members =
            |c: i32| -> Vec<u32> { (0..all.len() as u32).filter(|&i| all.codes()[i as usize] == c).collect() };
        let (sources, targets) = (members(source), members(target));
        let slot = Slot::obsm(&params.spatial_key);
        if !adata.has(&slot) {
            let hint = "run tl.cast_stack first, or pass spatial_key where the sections lie over each other already";
            return Err(adata.missing(&slot, hint));
        }
        let coords = adata.coords(&params.spatial_key)?;
        let coords = [part(&coords, &sources, 2)?, part(&coords, &targets, 2)?];
        let types = params.groupby.as_deref().map(|key| adata.labels(key)).transpose()?;
        let types = types.map(|l| ([&sources, &targets].map(|of| codes(&l, of)), l.categories().to_vec()));
        let names = [source, target].map(|c| all.categories()[c as usize].clone());
        Ok(Self { sections: all, names, sources, targets, coords, types })
    }

    /// Names of the types, where matches are sought within a type.
    pub(super) fn types(&self) -> Option<&[String]> {
        self.types.as_ref().map(|t| t.1.as_slice())
    }

    /// The matches, by number among the source and the target.
    pub(super) fn match_up(&self, joint: &Dense, params: &CastProjectParams, ctx: &Ctx<'_>) -> Result<Projection> {
        let rows = |of: &[u32]| joint.select_rows(&of.iter().map(|&i| i as usize).collect::<Vec<_>>());
        let embeddings = [rows(&self.sources), rows(&self.targets)];
        let [source, target] = [0, 1].map(|side| Side {
            coords: &self.coords[side],
            embedding: &embeddings[side],
            types: self.types.as_ref().map(|t| t.0[side].as_slice()),
        });
        cast_project(&source, &target, params, ctx)
    }

    /// Shares by number among source and target as shares among all `n` observations.
    pub(super) fn spread(&self, shares: &Csr, n: usize) -> Csr {
        let mut of = vec![usize::MAX; n];
        self.targets.iter().enumerate().for_each(|(t, &i)| of[i as usize] = t);
        let row = |i: usize| if of[i] == usize::MAX { (&[][..], &[][..]) } else { shares.row(of[i]) };
        Csr::build(
            n,
            n,
            |i| row(i).0.len(),
            |i, cols, values| {
                let (from, shares) = row(i);
                cols.iter_mut().zip(from).for_each(|(to, &s)| *to = self.sources[s as usize]);
                values.copy_from_slice(shares);
            },
        )
    }

    /// Values of the target as a column over all `n` observations.
    pub(super) fn column(&self, values: &[f64], n: usize) -> Vec<f64> {
        let mut column = vec![f64::NAN; n];
        self.targets.iter().zip(values).for_each(|(&i, &v)| column[i as usize] = v);
        column
    }

    /// The labels asked for, brought over.
    pub(super) fn transfer(
        &self,
        adata: &AnnData,
        found: &Projection,
        params: &CastProjectParams,
    ) -> Result<Vec<Transferred>> {
        let votes = found.shares(params.n_votes);
        let one = |key: &String| {
            let labels = adata.labels(key)?;
            let known = codes(&labels, &self.sources);
            if known.iter().all(|&c| c < 0) {
                let reason = format!("has no label in the section `{}`; name another column", self.names[0]);
                return Err(Error::data(Slot::obs(key), reason));
            }
            let (winners, shares) = transfer(&votes, &known);
            let mut projected = vec![-1; labels.len()];
            self.targets.iter().zip(&winners).for_each(|(&i, &c)| projected[i as usize] = c);
            Ok(Transferred {
                key: key.clone(),
                confusion: super::transfer::confusion(&codes(&labels, &self.targets), &winners, labels.categories()),
                projected: Labels::new(projected, labels.categories().to_vec(), labels.ordered())?,
                confidence: self.column(&shares, labels.len()),
            })
        };
        params.label_key.iter().map(one).collect()
    }
}

/// The categories of some observations.
fn codes(labels: &Labels, of: &[u32]) -> Vec<i32> {
    of.iter().map(|&i| labels.codes()[i as usize]).collect()
}

/// Source and target among the sections that hold observations.
fn chosen(all: &Labels, params: &CastProjectParams) -> Result<[i32; 2]> {
    let mut present: Vec<i32> = all.codes().iter().copied().filter(|&c| c >= 0).collect();
    present.sort_unstable();
    present.dedup();
    let name = |c: &i32| all.categories()[*c as usize].as_str();
    let names = || present.iter().map(name).collect::<Vec<_>>().join(", ");
    if present.len() < 2 {
        let reason = format!("holds {} section; name a column with at least two", present.len());
        return Err(Error::data(Slot::obs(&params.library_key), reason));
    }
    let place = |param: &str, wanted: &Option<String>| match wanted {
        None if present.len() > 2 => Err(CastProjectParams::refuse(param, "not given", &format!("one of {}", names()))),
        None => Ok(None),
        Some(wanted) => match present.iter().find(|c| name(c) == wanted) {
            None => Err(CastProjectParams::refuse(param, format!("`{wanted}`"), &format!("one of {}", names()))),
            found => Ok(found.copied()),
        },
    };
    let other = |than: i32| present.iter().copied().find(|&c| c != than).unwrap_or(than);
    Ok(match (place("source", &params.source)?, place("target", &params.target)?) {
        (Some(source), Some(target)) => [source, target],
        (Some(source), None) => [source, other(source)],
        (None, Some(target)) => [other(target), target],
        (None, None) => [present[0], present[1]],
    })
}

//! `pp.bin`.

mod sum;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, Column, Coords, Ctx, Dict, Error, Labels, Matrix, Outcome, Result, Slot, Step, Value, keys,
};

use super::{Scale, check_finite, scale_of};
pub use sum::sum_rows;

/// Gaps below this share of the extent are no spacing of a lattice.
const SAME: f64 = 1e-9;
/// Squares are numbered with whole numbers that `f64` holds exactly.
const MOST: f64 = 9e15;

/// Joins observations into coarser squares and sums their counts.
///
/// # What it does
/// Lays squares over the tissue; all observations inside one become one observation with the sum of their counts.
///
/// # When to use it
/// On raw counts of fine bins (Stereo-seq, Visium HD) or cells, where single ones hold too few counts, or to look at a
/// large tissue quickly. Afterwards `pp.calculate_qc_metrics`, then as usual.
///
/// # How it works
/// With `bin_size` squares begin at its multiples, so that files with the same coordinates get the same squares. With
/// `factor` the coordinates must lie on a square lattice: its spacing is the smallest gap along x or y, and squares of
/// `factor` × `factor` lattice points begin at the lowest one. Sections (`library_key`, or another z) are never joined.
///
/// # Reads and writes
/// Reads and replaces `X`, `layers[layers]` (sums), `obsm[spatial_key]` (centres of the squares) and `obs[keys]` (the
/// commonest category of the square); writes `obs["n_obs"]`, the number joined. Name and everything else of a square are
/// those of its first observation; drops the other observations.
///
/// # Determinism
/// Exact; sums in `f64`. Equally common categories: the first of them.
///
/// # Cost
/// O(observations log observations + non-zeros + genes × squares).
///
/// # Differences from the reference
/// scanpy has none; Stereo-seq's own tools number squares by multiples in the same way.
///
/// # Example
/// `tegula pp bin in.h5ad -o out.h5ad --bin-size 4`
///
/// ```
/// use tegula_algo::pp::BinParams;
/// use tegula_core::{AnnData, Coords, Ctx, Dense, Frame, run};
/// let x = Dense::new(3, 1, vec![1.0, 2.0, 4.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(3), Frame::with_range_index(1))?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 9.0, 9.0, 10.0, 0.0])?)?;
/// run(&BinParams { bin_size: Some(10.0), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(adata.matrix(None)?.values(), [3.0, 4.0]);
/// assert_eq!(adata.coords("spatial")?.data(), [5.0, 5.0, 15.0, 5.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Chen et al., Stereo-seq, Cell 2022, doi:10.1016/j.cell.2022.04.003.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BinParams {
    /// Side of a square, in the units of the coordinates.
    pub bin_size: Option<f64>,
    /// Side of a square in lattice points, instead of `bin_size`.
    pub factor: Option<usize>,
    /// Columns of `obs` with categories: a square gets the commonest one.
    pub keys: Vec<String>,
    /// Layers to sum besides `X`.
    pub layers: Vec<String>,
    /// Column of `obs` with sections that are not to be joined.
    pub library_key: Option<String>,
    /// Key of the coordinates in `obsm`.
    pub spatial_key: String,
}

impl Default for BinParams {
    fn default() -> Self {
        Self {
            bin_size: None,
            factor: None,
            keys: vec![],
            layers: vec![],
            library_key: None,
            spatial_key: keys::SPATIAL.into(),
        }
    }
}

/// Squares over a tissue.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// The observations of each square, ascending; squares in the order of their first observation.
    pub members: Vec<Vec<usize>>,
    /// Centre of each square; a third coordinate is that of its observations.
    pub centres: Coords,
}

/// Squares of side `size`, one corner at `origin`, over points of two or three coordinates; points of different
/// sections or z are kept apart.
///
/// # Errors
/// [`Error::Data`] where `size` is so small that squares cannot be numbered.
///
/// ```
/// let points = tegula_core::Coords::new(2, vec![0.5, 0.5, 3.5, 0.5, 0.7, 0.1])?;
/// let bins = tegula_algo::pp::bin(&points, 1.0, [0.0, 0.0], None)?;
/// assert_eq!(bins.members, [vec![0, 2], vec![1]]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn bin(points: &Coords, size: f64, origin: [f64; 2], sections: Option<&Labels>) -> Result<Bins> {
    let square = |i: usize, axis: usize| ((points.point(i)[axis] - origin[axis]) / size).floor();
    if (0..points.len()).any(|i| (0..2).any(|axis| square(i, axis).abs() > MOST)) {
        return Err(Error::data("squares", format!("a side of {size} is too small for these coordinates; pass more")));
    }
    let key = |i: usize| {
        let section = sections.map_or(0, |l| l.codes()[i]);
        let z = points.point(i).get(2).map_or(0, |z| z.to_bits());
        (section, z, square(i, 1) as i64, square(i, 0) as i64)
    };
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.par_sort_by_cached_key(|&i| (key(i), i));
    let mut members: Vec<Vec<usize>> = order.chunk_by(|&a, &b| key(a) == key(b)).map(<[usize]>::to_vec).collect();
    members.sort_unstable_by_key(|m| m[0]);
    let centre = |m: &Vec<usize>| {
        let mut centre = points.point(m[0]).to_vec();
        (0..2).for_each(|axis| centre[axis] = origin[axis] + (square(m[0], axis) + 0.5) * size);
        centre
    };
    let centres = Coords::new(points.dim(), members.iter().flat_map(centre).collect())?;
    Ok(Bins { members, centres })
}

/// Spacing and lowest corner of the square lattice that points lie on; `None` where all are at one place.
fn lattice(points: &Coords) -> Option<(f64, [f64; 2])> {
    let mut spacing = f64::INFINITY;
    let mut lowest = [0.0; 2];
    for (axis, low) in lowest.iter_mut().enumerate() {
        let mut x: Vec<f64> = (0..points.len()).map(|i| points.point(i)[axis]).collect();
        x.sort_unstable_by(f64::total_cmp);
        let (first, last) = (*x.first()?, *x.last()?);
        *low = first;
        let gaps = x.windows(2).map(|w| w[1] - w[0]).filter(|&g| g > SAME * (last - first));
        spacing = gaps.fold(spacing, f64::min);
    }
    spacing.is_finite().then(|| (spacing, lowest.map(|x| x - 0.5 * spacing)))
}

/// The commonest category of each square; the first of equally common ones, none where no member has one.
fn commonest(labels: &Labels, members: &[Vec<usize>]) -> Result<Labels> {
    let one = |m: &Vec<usize>| {
        let mut codes: Vec<i32> = m.iter().map(|&i| labels.codes()[i]).filter(|&c| c >= 0).collect();
        codes.sort_unstable();
        // `max_by_key` keeps the last of equals.
        codes.chunk_by(|a, b| a == b).rev().max_by_key(|c| c.len()).map_or(-1, |c| c[0])
    };
    Labels::new(members.iter().map(one).collect(), labels.categories().to_vec(), labels.ordered())
}

impl Step for BinParams {
    const ID: &'static str = "pp.bin";
    const SUMMARY: &'static str = "Joins observations into coarser squares and sums their counts.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::X, Slot::obsm(&self.spatial_key)];
        slots.extend(self.layers.iter().map(|l| Slot::Layer(l.clone())));
        slots.extend(self.keys.iter().chain(&self.library_key).map(|k| Slot::obs(k)));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::ObsAxis, Slot::X, Slot::obsm(&self.spatial_key), Slot::obs("n_obs")];
        slots.extend(self.layers.iter().map(|l| Slot::Layer(l.clone())));
        slots.extend(self.keys.iter().map(|k| Slot::obs(k)));
        slots
    }

    fn validate(&self) -> Result<()> {
        match (self.bin_size, self.factor) {
            (Some(s), None) if s.is_finite() && s > 0.0 => Ok(()),
            (Some(s), None) => Err(Self::refuse("bin_size", s, "above 0")),
            (None, Some(0)) => Err(Self::refuse("factor", 0, "at least 1")),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(Self::refuse("bin_size", "None", "given, or factor")),
            (Some(_), Some(f)) => Err(Self::refuse("factor", f, "left out where bin_size is given")),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let matrices: Vec<Option<&str>> =
            std::iter::once(None).chain(self.layers.iter().map(|l| Some(l.as_str()))).collect();
        for &layer in &matrices {
            check_finite(adata, layer)?;
        }
        let points = adata.coords(&self.spatial_key)?;
        let slot = Slot::obsm(&self.spatial_key);
        if points.dim() < 2 || points.is_empty() {
            return Err(Error::data(slot, "squares need points with two coordinates; name another key"));
        }
        let sections = self.library_key.as_deref().map(|key| adata.labels(key)).transpose()?;
        let columns: Vec<Labels> = self.keys.iter().map(|key| adata.labels(key)).collect::<Result<_>>()?;
        if scale_of(adata.matrix(None)?) != Scale::Counts {
            ctx.warn("X holds no whole numbers; sums are made for raw counts");
        }
        let (size, origin) = match (self.bin_size, self.factor) {
            (Some(size), _) => (size, [0.0; 2]),
            (_, factor) => lattice(&points)
                .map(|(spacing, corner)| (spacing * factor.unwrap_or(1) as f64, corner))
                .ok_or_else(|| Error::data(slot, "all points are at one place; there is nothing to join"))?,
        };
        let bins = bin(&points, size, origin, sections.as_ref())?;
        let sums: Vec<Matrix> =
            matrices.iter().map(|&layer| sum_rows(adata.matrix(layer)?, &bins.members)).collect::<Result<_>>()?;
        let columns: Vec<Labels> = columns.iter().map(|l| commonest(l, &bins.members)).collect::<Result<_>>()?;

        let before = adata.n_obs();
        let first: Vec<usize> = bins.members.iter().map(|m| m[0]).collect();
        adata.keep_obs(&first);
        for (&layer, sum) in matrices.iter().zip(sums) {
            adata.set_matrix(layer, sum)?;
        }
        adata.set_obsm(&self.spatial_key, &bins.centres)?;
        for (key, column) in self.keys.iter().zip(columns) {
            adata.set_obs(key, column)?;
        }
        adata.set_obs("n_obs", Column::Int(bins.members.iter().map(|m| m.len() as i64).collect()))?;
        let outcome = [("n_bins", Value::from(first.len())), ("n_joined", Value::from(before - first.len()))];
        let size = ("bin_size".to_owned(), Value::from(size));
        Ok(outcome.into_iter().map(|(k, v)| (k.to_owned(), v)).chain([size]).collect::<Dict>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lattice_is_joined_in_whole_squares() {
        let at = |k: usize| [100.0 + 2.5 * (k % 6) as f64, 7.0 + 2.5 * (k / 6) as f64];
        let points = Coords::new(2, (0..36).flat_map(at).collect()).unwrap();
        let (spacing, corner) = lattice(&points).unwrap();
        assert_eq!((spacing, corner), (2.5, [98.75, 5.75]));
        let bins = bin(&points, 3.0 * spacing, corner, None).unwrap();
        assert_eq!(bins.members.iter().map(Vec::len).collect::<Vec<_>>(), [9; 4]);
        assert_eq!(bins.centres.point(0), [102.5, 9.5]);
    }

    #[test]
    fn sections_and_depths_stay_apart_and_a_tie_goes_to_the_first_category() {
        let points = Coords::new(3, vec![0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
        let sections = Labels::from_strings(&["a", "a", "b", "a"]);
        let bins = bin(&points, 10.0, [0.0, 0.0], Some(&sections)).unwrap();
        assert_eq!(bins.members, [vec![0, 3], vec![1], vec![2]]);
        assert_eq!(bins.centres.point(1), [5.0, 5.0, 2.0]);
        let types = Labels::new(vec![1, -1, -1, 0], vec!["x".into(), "y".into()], false).unwrap();
        assert_eq!(commonest(&types, &bins.members).unwrap().codes(), [0, -1, -1]);
    }

    #[test]
    fn a_side_that_is_too_small_is_refused() {
        let points = Coords::new(2, vec![0.0, 0.0, 1e9, 0.0]).unwrap();
        assert!(bin(&points, 1e-9, [0.0, 0.0], None).is_err());
    }
}

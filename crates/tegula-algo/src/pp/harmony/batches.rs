//! Which batch of each column an observation belongs to.

use tegula_core::{AnnData, Error, Labels, Result, Slot};

use crate::pp::combat::present;

/// The batches of one or several columns. A batch of a column is a level; levels are numbered through all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Batches {
    /// The group of observations alike that each belongs to.
    group: Vec<u32>,
    /// First level of each column, and the number of all.
    first: Vec<usize>,
    /// Observations of each level.
    sizes: Vec<f64>,
    /// Observations that share all their levels, and these levels.
    alike: Vec<(Vec<u32>, Vec<u32>)>,
}

impl Batches {
    /// Batches from labels, a column each.
    ///
    /// # Errors
    /// [`Error::Data`] where an observation has no label or a column tells nothing apart; [`Error::Shape`] where columns
    /// differ in length.
    pub fn new(columns: &[Labels]) -> Result<Self> {
        let n = columns.first().map_or(0, Labels::len);
        let codes = columns.iter().map(|labels| {
            if labels.len() != n {
                return Err(Error::shape("batches", format!("({})", labels.len()), format!("({n})")));
            }
            let codes: Option<Vec<usize>> = labels.codes().iter().map(|&c| usize::try_from(c).ok()).collect();
            let codes = codes.ok_or_else(|| Error::data("batches", "some observations have none; drop them first"))?;
            let n_levels = codes.iter().max().map_or(0, |m| m + 1);
            Ok((codes, n_levels))
        });
        Self::of(&codes.collect::<Result<Vec<_>>>()?)
    }

    /// The batches in columns of `obs`.
    pub(super) fn stored(adata: &AnnData, keys: &[String]) -> Result<Self> {
        let column = |key: &String| {
            let (codes, names) = present(adata, key, &adata.labels(key)?)?;
            if names.len() < 2 {
                return Err(Error::data(Slot::obs(key), "holds only one batch; name a column with at least two"));
            }
            Ok((codes, names.len()))
        };
        Self::of(&keys.iter().map(column).collect::<Result<Vec<_>>>()?)
    }

    fn of(columns: &[(Vec<usize>, usize)]) -> Result<Self> {
        let n = columns.first().map_or(0, |c| c.0.len());
        if n == 0 {
            return Err(Error::data("batches", "there are none; name a column"));
        }
        let mut first = vec![0];
        for (c, (_, levels)) in columns.iter().enumerate() {
            first.push(first[c] + levels);
        }
        let levels: Vec<u32> =
            (0..n).flat_map(|i| columns.iter().zip(&first).map(move |(c, f)| (c.0[i] + f) as u32)).collect();
        let mut sizes = vec![0.0; first[columns.len()]];
        for &b in &levels {
            sizes[b as usize] += 1.0;
        }
        let width = columns.len();
        let of_row = |i: u32| &levels[i as usize * width..(i as usize + 1) * width];
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by(|&a, &b| of_row(a).cmp(of_row(b)));
        let parts = order.chunk_by(|&a, &b| of_row(a) == of_row(b));
        let alike: Vec<_> = parts.map(|part| (of_row(part[0]).to_vec(), part.to_vec())).collect();
        let mut group = vec![0; n];
        for (g, (_, members)) in alike.iter().enumerate() {
            for &i in members {
                group[i as usize] = g as u32;
            }
        }
        Ok(Self { group, first, sizes, alike })
    }

    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.group.len()
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.first.len() - 1
    }

    /// Number of batches in all columns together.
    pub fn n_levels(&self) -> usize {
        self.sizes.len()
    }

    /// Number of observations of a level.
    pub(super) fn size(&self, level: usize) -> f64 {
        self.sizes[level]
    }

    /// The column of a level.
    pub(super) fn column_of(&self, level: usize) -> usize {
        self.first.partition_point(|&f| f <= level) - 1
    }

    /// The group of [`Batches::alike`] that an observation belongs to.
    pub(super) fn group(&self, i: usize) -> usize {
        self.group[i] as usize
    }

    /// The levels of an observation.
    pub(super) fn of_obs(&self, i: usize) -> &[u32] {
        &self.alike[self.group(i)].0
    }

    /// The observations that share all their levels: these levels, and the observations.
    pub(super) fn alike(&self) -> &[(Vec<u32>, Vec<u32>)] {
        &self.alike
    }
}

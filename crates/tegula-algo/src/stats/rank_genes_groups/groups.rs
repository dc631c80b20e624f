//! Which observations are compared with which.

use tegula_core::{Error, Labels, Result};

use super::RankGenesGroupsParams;

/// The observations in buckets: one per group, the last one for all others.
pub(super) struct Groups {
    /// Category of each group.
    pub(super) categories: Vec<usize>,
    /// Bucket of each observation.
    pub(super) bucket: Vec<u32>,
    /// Observations in each bucket.
    pub(super) sizes: Vec<usize>,
    /// The group that the others are compared with; `None` for all the rest.
    pub(super) reference: Option<usize>,
}

impl Groups {
    pub(super) fn new(labels: &Labels, params: &RankGenesGroupsParams) -> Result<Self> {
        let names = labels.categories();
        let column = format!("obs[\"{}\"]", params.groupby);
        let find = |name: &str| {
            let at = names.iter().position(|c| c == name);
            at.ok_or_else(|| Error::data(&column, format!("has no category `{name}`; it has {}", names.join(", "))))
        };
        let count = labels.counts();
        let reference = if params.reference == "rest" { None } else { Some(find(&params.reference)?) };
        let mut categories: Vec<usize> = match &params.groups[..] {
            [] => (0..names.len()).filter(|&c| count[c] > 0).collect(),
            [all] if all == "all" && !names.contains(all) => (0..names.len()).filter(|&c| count[c] > 0).collect(),
            some => some.iter().map(|name| find(name)).collect::<Result<_>>()?,
        };
        if let Some(r) = reference.filter(|r| !categories.contains(r)) {
            categories.push(r);
        }
        let mut to = vec![categories.len() as u32; names.len()];
        for (k, &c) in categories.iter().enumerate() {
            if count[c] < 2 {
                let reason = format!("`{}` has {} observations; a group needs 2: name the others", names[c], count[c]);
                return Err(Error::data(&column, reason));
            }
            if to[c] as usize != categories.len() {
                return Err(Error::data(&column, format!("`{}` is named twice in groups; name it once", names[c])));
            }
            to[c] = k as u32;
        }
        let other = categories.len() as u32;
        let bucket: Vec<u32> = labels.codes().iter().map(|&c| usize::try_from(c).map_or(other, |c| to[c])).collect();
        let mut sizes = vec![0; categories.len() + 1];
        for &b in &bucket {
            sizes[b as usize] += 1;
        }
        let reference = reference.and_then(|r| categories.iter().position(|&c| c == r));
        let tested = categories.len() - usize::from(reference.is_some());
        if tested == 0 || (reference.is_none() && sizes[0] == bucket.len()) {
            let reason = "holds one group only, there is nothing to compare it with; name another column";
            return Err(Error::data(&column, reason));
        }
        Ok(Self { categories, bucket, sizes, reference })
    }

    /// Number of groups, the reference included.
    pub(super) fn len(&self) -> usize {
        self.categories.len()
    }

    /// Observations that group `k` is compared with.
    pub(super) fn size_of_rest(&self, k: usize) -> usize {
        self.reference.map_or_else(|| self.bucket.len() - self.sizes[k], |r| self.sizes[r])
    }
}

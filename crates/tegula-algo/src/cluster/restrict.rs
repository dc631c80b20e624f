//! Clustering some categories of an earlier result further, as scanpy's `restrict_to` does.

use std::cmp::Ordering;

use tegula_core::{Error, Graph, Labels, Result};

use super::partition::Partition;

/// The observations of some categories.
pub(super) struct Restriction {
    parent: Labels,
    prefix: String,
    rows: Vec<usize>,
}

impl Restriction {
    /// The observations whose label is one of `groups`; `name` is the method and the column, for messages.
    pub(super) fn of(parent: Labels, groups: &[String], name: (&str, &str)) -> Result<Self> {
        let mut wanted = vec![false; parent.categories().len()];
        for group in groups {
            let Some(at) = parent.categories().iter().position(|c| c == group) else {
                let must = format!("among the categories of obs[\"{}\"]: {}", name.1, parent.categories().join(", "));
                return Err(Error::param(name.0, "restrict_to_groups", group, must));
            };
            wanted[at] = true;
        }
        let inside = |&i: &usize| usize::try_from(parent.codes()[i]).is_ok_and(|c| wanted[c]);
        let rows = (0..parent.len()).filter(inside).collect();
        Ok(Self { parent, prefix: format!("{},", groups.join("-")), rows })
    }

    /// The observations, ascending.
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The part of the graph between them.
    pub(super) fn graph(&self, graph: &Graph) -> Result<Graph> {
        Graph::from_csr(&graph.csr().select_rows(&self.rows).select_cols(&self.rows))
    }

    /// The earlier categories, with `"parent,0"`, `"parent,1"`, … for the observations that were clustered further
    /// (`"a-b,0"` for two parents). Sorted as people count.
    pub(super) fn renamed(&self, found: &Partition) -> Labels {
        let n_old = self.parent.categories().len();
        let names = self.parent.categories().iter().cloned();
        let names: Vec<String> = names.chain((0..found.n_clusters).map(|c| format!("{}{c}", self.prefix))).collect();
        let mut codes = self.parent.codes().to_vec();
        for (&i, &c) in self.rows.iter().zip(&found.membership) {
            codes[i] = (n_old + c as usize) as i32;
        }
        let mut used = vec![false; names.len()];
        codes.iter().filter_map(|&c| usize::try_from(c).ok()).for_each(|c| used[c] = true);
        let mut order: Vec<usize> = (0..names.len()).filter(|&c| used[c]).collect();
        order.sort_by(|&a, &b| natural(&names[a], &names[b]));
        // A new name may be that of an old category: both are one then, as they are in scanpy.
        order.dedup_by(|b, a| names[*a] == names[*b]);
        let rank = |name: &str| order.partition_point(|&c| natural(&names[c], name) == Ordering::Less) as i32;
        let rank: Vec<i32> = names.iter().map(|name| rank(name)).collect();
        let codes = codes.iter().map(|&c| usize::try_from(c).map_or(-1, |c| rank[c])).collect();
        let sorted = order.iter().map(|&c| names[c].clone()).collect();
        Labels::new(codes, sorted, false).unwrap_or_else(|_| unreachable!("codes are ranks among the names"))
    }
}

/// Compares texts as people count: `"2"` before `"10"`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    while let (Some(p), Some(q)) = (x.chars().next(), y.chars().next()) {
        let digits = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (i, j) = (digits(x), digits(y));
        let (order, i, j) = if i > 0 && j > 0 {
            let (m, n) = (x[..i].trim_start_matches('0'), y[..j].trim_start_matches('0'));
            (m.len().cmp(&n.len()).then_with(|| m.cmp(n)), i, j)
        } else {
            (p.cmp(&q), p.len_utf8(), q.len_utf8())
        };
        if order != Ordering::Equal {
            return order;
        }
        (x, y) = (&x[i..], &y[j..]);
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_stand_beside_the_old_ones() {
        let parent = Labels::new(vec![0, 1, 2, 1, -1, 1], ["10", "2", "3"].map(str::to_owned).to_vec(), false).unwrap();
        let part = Restriction::of(parent, &["2".to_owned()], ("tl.leiden", "leiden")).unwrap();
        assert_eq!(part.rows(), [1, 3, 5]);
        let found =
            Partition { membership: vec![0, 1, 0], n_clusters: 2, quality: 0.0, resolution: 1.0, n_iterations: 1 };
        let labels = part.renamed(&found);
        assert_eq!(labels.categories(), ["2,0", "2,1", "3", "10"]);
        assert_eq!(labels.codes(), [3, 0, 2, 1, -1, 0]);
    }

    #[test]
    fn a_category_that_is_not_there_is_named() {
        let parent = Labels::from_strings(&["a", "b"]);
        let e = Restriction::of(parent, &["c".to_owned()], ("tl.leiden", "domain")).err().unwrap();
        let said = "`restrict_to_groups` of `tl.leiden` is c; it must be among the categories of obs[\"domain\"]: a, b";
        assert_eq!(e.to_string(), said);
    }

    #[test]
    fn texts_sort_as_people_count() {
        let mut names = ["10", "2", "2,10", "2,9", "b", "a10", "a9", "02", "é1", "1-2,0"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["1-2,0", "02", "2", "2,9", "2,10", "10", "a9", "a10", "b", "é1"]);
    }
}

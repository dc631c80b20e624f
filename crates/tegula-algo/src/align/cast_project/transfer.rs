//! Labels brought from one section to another.

use tegula_core::{Csr, Labels};

/// A label of the source on the target.
pub(super) struct Transferred {
    /// The column it comes from.
    pub(super) key: String,
    pub(super) projected: Labels,
    pub(super) confidence: Vec<f64>,
    /// Where the target has labels too.
    pub(super) confusion: Option<Confusion>,
}

/// How often each pair of own and projected label occurs.
pub(super) struct Confusion {
    /// The labels that occur.
    pub(super) names: Vec<String>,
    /// Rows: the target's own; columns: the projected.
    pub(super) counts: Vec<i64>,
}

/// For every row of `shares` the label (−1: none) with the largest share, ties to the first, and that share; NaN where
/// nothing labelled has any.
pub(super) fn transfer(shares: &Csr, labels: &[i32]) -> (Vec<i32>, Vec<f64>) {
    let one = |i: usize| {
        let (sources, values) = shares.row(i);
        let votes = sources.iter().zip(values).map(|(&s, &w)| (labels[s as usize], f64::from(w)));
        let mut votes: Vec<(i32, f64)> = votes.filter(|v| v.0 >= 0).collect();
        // Stable, so that the sums do not depend on the order of equals.
        votes.sort_by_key(|v| v.0);
        let sums = votes.chunk_by(|a, b| a.0 == b.0).map(|g| (g[0].0, g.iter().map(|v| v.1).sum::<f64>()));
        let winner = sums.reduce(|a, b| if b.1 > a.1 { b } else { a });
        winner.map_or((-1, f64::NAN), |(label, share)| (label, share.min(1.0)))
    };
    (0..shares.n_rows()).map(one).unzip()
}

/// The table of own and projected labels; `None` where nothing has both.
pub(super) fn confusion(own: &[i32], projected: &[i32], categories: &[String]) -> Option<Confusion> {
    let pairs = || own.iter().zip(projected).filter(|e| *e.0 >= 0 && *e.1 >= 0);
    let mut present: Vec<i32> = pairs().flat_map(|(&a, &b)| [a, b]).collect();
    present.sort_unstable();
    present.dedup();
    if present.is_empty() {
        return None;
    }
    let place = |c: &i32| present.partition_point(|p| p < c);
    let mut counts = vec![0; present.len() * present.len()];
    pairs().for_each(|(a, b)| counts[place(a) * present.len() + place(b)] += 1);
    Some(Confusion { names: present.iter().map(|&c| categories[c as usize].clone()).collect(), counts })
}

impl Confusion {
    /// Share of the observations whose own label is the projected one.
    pub(super) fn accuracy(&self) -> f64 {
        let agree: i64 = self.counts.iter().step_by(self.names.len() + 1).sum();
        agree as f64 / self.counts.iter().sum::<i64>().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_share_wins_and_the_unlabelled_count_against_it() {
        let shares = Csr::from_rows(
            4,
            &[
                vec![(0, 0.25), (1, 0.25), (2, 0.5)],
                vec![(0, 0.5), (2, 0.5)],
                vec![(3, 1.0)],
                vec![(2, 0.75), (3, 0.25)],
            ],
        );
        let (labels, confidence) = transfer(&shares, &[1, 1, 0, -1]);
        assert_eq!(labels, [0, 0, -1, 0], "a tie goes to the first label");
        assert_eq!(confidence[..2], [0.5, 0.5]);
        assert!(confidence[2].is_nan());
        assert_eq!(confidence[3], 0.75);
    }

    #[test]
    fn the_table_holds_what_occurs() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(String::from).into();
        let table = confusion(&[0, 0, 2, -1, 2], &[0, 2, 2, 1, -1], &names).unwrap();
        assert_eq!(
            (table.names.as_slice(), table.counts.as_slice()),
            (&["a".to_owned(), "c".into()][..], &[1, 1, 0, 1][..])
        );
        assert!((table.accuracy() - 2.0 / 3.0).abs() < 1e-15);
        assert!(confusion(&[-1], &[0], &names).is_none());
    }
}

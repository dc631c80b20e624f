//! Views of a section: which genes and edges are seen, and how much of each neighbour a layer mixes in.

use rand::RngExt;
use tegula_core::Ctx;

use super::net::Rule;
use crate::graph::Edges;
use crate::problem::Problem;
use crate::scalar::Scalar;

/// How often a view leaves out a gene or an edge, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Genes: the same of all observations.
    pub genes: f64,
    /// Edges, each direction by itself.
    pub edges: f64,
}

/// One or two views of a section, one behind the other.
#[derive(Debug, Default)]
pub struct Views<T> {
    /// Of each view, which genes are seen.
    pub genes: Vec<Vec<bool>>,
    /// To each observation, from where and how much.
    pub to: Lists<T>,
    /// From each observation, to where and how much.
    pub from: Lists<T>,
}

/// Lists of observations, each with a factor.
#[derive(Debug, Default)]
pub struct Lists<T> {
    starts: Vec<usize>,
    at: Vec<u32>,
    by: Vec<T>,
}

impl<T> Lists<T> {
    /// The `i`-th list.
    #[inline]
    pub fn list(&self, i: usize) -> (&[u32], &[T]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.at[range.clone()], &self.by[range])
    }

    fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.at.clear();
        self.by.clear();
    }

    fn len(&self, i: usize) -> usize {
        self.starts[i + 1] - self.starts[i]
    }
}

impl<T: Scalar> Views<T> {
    /// Two views with genes and edges dropped at random, every observation joined to itself; `item` numbers the pair.
    pub fn draw(&mut self, problem: &Problem<T>, n_genes: usize, drop: Dropout, rule: Rule, ctx: &Ctx<'_>, item: u64) {
        let stream = |name: &str, view: u64| ctx.rng(name, 2 * item + view);
        self.genes.resize_with(2, Vec::new);
        for (view, genes) in (0..).zip(&mut self.genes) {
            let rng = &mut stream("tl.cast_mark.genes", view);
            genes.clear();
            genes.extend((0..n_genes).map(|_| rng.random::<f64>() >= drop.genes));
        }
        let mut rngs = [0, 1].map(|view| stream("tl.cast_mark.edges", view));
        self.connect(&problem.edges, 2, true, rule, |view| rngs[view].random::<f64>() >= drop.edges);
    }

    /// One view of everything; observations are joined to themselves where `loops` says so.
    pub fn whole(&mut self, problem: &Problem<T>, n_genes: usize, loops: bool, rule: Rule) {
        self.genes = vec![vec![true; n_genes]];
        self.connect(&problem.edges, 1, loops, rule, |_| true);
    }

    /// D^-½ A D^-½ of the edges that `keeps` lets through, times 1 − α, with the degree of what leads to an observation.
    fn connect(&mut self, edges: &Edges, views: usize, loops: bool, rule: Rule, mut keeps: impl FnMut(usize) -> bool) {
        let (n, to) = (edges.n(), &mut self.to);
        to.clear();
        for view in 0..views {
            for i in 0..n {
                for &j in edges.to(i) {
                    if if j as usize == i { loops } else { keeps(view) } {
                        to.at.push((view * n) as u32 + j);
                    }
                }
                to.starts.push(to.at.len());
            }
        }
        let rows = views * n;
        let roots: Vec<f64> = (0..rows).map(|i| (to.len(i).max(1) as f64).sqrt().recip()).collect();
        let from = &mut self.from;
        from.clear();
        from.starts.resize(rows + 1, 0);
        for (i, root) in roots.iter().enumerate() {
            for &j in &to.at[to.starts[i]..to.starts[i + 1]] {
                to.by.push(T::from_f64((1.0 - rule.alpha) * root * roots[j as usize]));
                from.starts[j as usize + 1] += 1;
            }
        }
        for j in 0..rows {
            from.starts[j + 1] += from.starts[j];
        }
        from.at.resize(to.at.len(), 0);
        from.by.resize(to.at.len(), T::default());
        let mut next = from.starts.clone();
        for i in 0..rows {
            let (at, by) = to.list(i);
            for (&j, &by) in at.iter().zip(by) {
                let place = &mut next[j as usize];
                (from.at[*place], from.by[*place]) = (i as u32, by);
                *place += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Csr, Dense};

    const RULE: Rule = Rule { alpha: 0.1, lambda: 1.0, penalty: 0.0 };

    fn path() -> Problem<f64> {
        let graph = Csr::from_rows(3, &[vec![(1, 1.0)], vec![(0, 1.0), (2, 1.0)], vec![(1, 1.0)]]);
        Problem::new(&Dense::zeros(3, 2).into(), &graph, &[0, 1, 2])
    }

    #[test]
    fn a_path_of_three_by_hand() {
        let mut views = Views::default();
        views.whole(&path(), 2, false, RULE);
        assert_eq!(views.genes, [[true, true]]);
        let (at, by) = views.to.list(0);
        assert!(at == [1] && (by[0] - 0.9 / 2f64.sqrt()).abs() < 1e-12);
        views.whole(&path(), 2, true, RULE);
        let (at, by) = views.to.list(1);
        assert!(at == [0, 1, 2] && (by[0] - 0.9 / 6f64.sqrt()).abs() < 1e-12 && (by[1] - 0.3).abs() < 1e-12);
    }

    #[test]
    fn views_differ_and_drop_what_they_should() {
        let (problem, ctx, mut views) = (path(), Ctx::new(1), Views::default());
        let (mut genes, mut edges, mut same) = (0, 0, 0);
        for item in 0..2000 {
            views.draw(&problem, 2, Dropout { genes: 0.3, edges: 0.5 }, RULE, &ctx, item);
            genes += views.genes.iter().flatten().filter(|g| !**g).count();
            edges += views.to.at.len() - 6;
            same += usize::from(views.genes[0] == views.genes[1]);
            for i in 0..6 {
                let (at, _) = views.to.list(i);
                assert!(at.contains(&(i as u32)) && at.iter().all(|&j| (j < 3) == (i < 3)));
            }
        }
        assert!((2200..2600).contains(&genes) && (7700..8300).contains(&edges), "{genes} {edges}");
        assert!(same < 1200, "{same}");
    }

    #[test]
    fn lists_from_are_lists_to_turned_round() {
        let mut views = Views::default();
        views.draw(&path(), 2, Dropout { genes: 0.0, edges: 0.5 }, RULE, &Ctx::new(4), 0);
        for i in 0..6 {
            let (at, by) = views.to.list(i);
            for (&j, &by) in at.iter().zip(by) {
                let (back, factors) = views.from.list(j as usize);
                let place = back.iter().position(|&k| k as usize == i).unwrap();
                assert_eq!(factors[place], by);
            }
        }
        assert_eq!(views.to.at.len(), views.from.at.len());
    }
}

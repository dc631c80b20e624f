//! Loss and gradient against a plain dense version in `f64`, and `f32` against `f64`.

use proptest::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Matrix};
use tegula_neural::Scalar;
use tegula_neural::adam::Adam;
use tegula_neural::cast_mark::{Dropout, Net, Rule, Views, Weights, Widths};
use tegula_neural::problem::Problem;

const RULE: Rule = Rule { alpha: 0.1, lambda: 1.0, penalty: 1e-2 };

#[derive(Debug, Clone)]
struct Case {
    widths: Widths,
    x: Dense,
    graph: Csr,
    order: Vec<u32>,
    sparse: bool,
    drop: Dropout,
    seed: u64,
}

impl Case {
    fn problem<T: Scalar>(&self) -> Problem<T> {
        let x: Matrix = if self.sparse { Csr::from_dense(&self.x).into() } else { self.x.clone().into() };
        Problem::new(&x, &self.graph, &self.order)
    }

    fn weights<T: Scalar>(&self) -> Weights<T> {
        let mut weights = Weights::random(self.widths, &Ctx::new(self.seed));
        // Biases are 0 to begin with; here they shall matter.
        for l in 0..=self.widths.layers {
            let row = weights.biases.row_mut(l);
            (0..self.widths.hidden).for_each(|k| row[k] += T::from_f64(0.3 * ((k * 7 + l) as f64).sin()));
        }
        weights
    }

    fn views<T: Scalar>(&self) -> Views<T> {
        let mut views = Views::default();
        views.draw(&self.problem(), self.widths.genes, self.drop, RULE, &Ctx::new(self.seed), 3);
        views
    }
}

fn case(most: usize) -> impl Strategy<Value = Case> {
    let sizes = (4..most, 3usize..30, 1usize..30, 1usize..5, any::<bool>(), any::<u64>());
    sizes.prop_flat_map(|(n, genes, hidden, layers, sparse, seed)| {
        // Steps of a grid: of so many values from a range of `f32`, proptest's own rounding fails on one now and then.
        let value = (7u8..192).prop_map(|k| f32::from(k) / 64.0);
        let x = proptest::collection::vec(prop_oneof![1 => Just(0f32), 1 => value], n * genes);
        let edges = proptest::collection::vec((0..n as u32, 0..n as u32), 0..4 * n);
        let order = Just((0..n as u32).collect::<Vec<u32>>()).prop_shuffle();
        (x, edges, order, 0.0..0.5, 0.0..0.7).prop_map(move |(x, edges, order, gone, cut)| {
            let mut rows = vec![Vec::new(); n];
            for (i, j) in edges {
                rows[i as usize].push((j, 1.0));
                rows[j as usize].push((i, 1.0));
            }
            rows.iter_mut().for_each(tegula_core::sum_duplicates);
            Case {
                widths: Widths { genes, hidden, layers },
                x: Dense::new(n, genes, x).unwrap(),
                graph: Csr::from_rows(n, &rows),
                order,
                sparse,
                drop: Dropout { genes: gone, edges: cut },
                seed,
            }
        })
    })
}

type Table = Vec<Vec<f64>>;

fn times(a: &Table, b: &Table) -> Table {
    let row = |r: &Vec<f64>| (0..b[0].len()).map(|c| r.iter().zip(b).map(|(x, b)| x * b[c]).sum()).collect();
    a.iter().map(row).collect()
}

fn relu(m: Table, bias: &[f64]) -> Table {
    m.into_iter().map(|r| r.iter().zip(bias).map(|(v, b)| (v + b).max(0.0)).collect()).collect()
}

/// Columns with mean 0 and standard deviation 1.
fn standard(m: &Table) -> Table {
    let (n, width) = (m.len() as f64, m[0].len());
    let mut out = m.clone();
    for c in 0..width {
        let mean = m.iter().map(|r| r[c]).sum::<f64>() / n;
        let spread = (m.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let by = if spread <= 1e-12f64.max(1e-7 * mean.abs()) { 0.0 } else { 1.0 / spread };
        for r in &mut out {
            r[c] = (r[c] - mean) * by;
        }
    }
    out
}

/// The loss as the paper writes it, of which genes and edges are seen alone.
fn plain(case: &Case, views: &Views<f64>, w: &Weights<f64>) -> f64 {
    let (n, Widths { genes, hidden, layers }) = (case.order.len(), w.widths);
    let rows = |m: &tegula_neural::rows::Rows<f64>, n: usize| -> Table {
        (0..n).map(|i| m.row(i)[..hidden].to_vec()).collect()
    };
    let z: Vec<Table> = (0..2)
        .map(|view| {
            let seen = |g: usize, v: f32| if views.genes[view][g] { f64::from(v) } else { 0.0 };
            let x: Table =
                case.order.iter().map(|&i| (0..genes).map(|g| seen(g, case.x.row(i as usize)[g])).collect()).collect();
            let degree = |i: usize| (views.to.list(view * n + i).0.len().max(1) as f64).sqrt();
            let mut a = vec![vec![0.0; n]; n];
            for i in 0..n {
                for &j in views.to.list(view * n + i).0 {
                    let j = j as usize - view * n;
                    a[i][j] = 1.0 / (degree(i) * degree(j));
                }
            }
            let first = relu(times(&x, &rows(&w.first, genes)), &w.biases.row(0)[..hidden]);
            let mut h = first.clone();
            for l in 0..layers {
                let beta = (RULE.lambda / (l + 1) as f64 + 1.0).ln();
                let mut mixed = times(&a, &h);
                for (m, f) in mixed.iter_mut().zip(&first) {
                    m.iter_mut().zip(f).for_each(|(m, f)| *m = (1.0 - RULE.alpha) * *m + RULE.alpha * f);
                }
                let mut out = times(&mixed, &rows(&w.layers[l], hidden));
                for (o, m) in out.iter_mut().zip(&mixed) {
                    o.iter_mut().zip(m).for_each(|(o, m)| *o = (1.0 - beta) * m + beta * *o);
                }
                h = relu(out, &w.biases.row(l + 1)[..hidden]);
            }
            standard(&h)
        })
        .collect();
    let correlation =
        |a: &Table, b: &Table, i: usize, j: usize| a.iter().zip(b).map(|(a, b)| a[i] * b[j]).sum::<f64>() / n as f64;
    let agree: f64 = (0..hidden).map(|k| correlation(&z[0], &z[1], k, k)).sum();
    let excess = |z: &Table| {
        let square = |i, j| (f64::from(u8::from(i == j)) - correlation(z, z, i, j)).powi(2);
        (0..hidden).flat_map(|i| (0..hidden).map(move |j| square(i, j))).sum::<f64>()
    };
    RULE.penalty * (excess(&z[0]) + excess(&z[1])) - agree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn loss_and_gradient_are_those_of_a_plain_version(case in case(25)) {
        let (weights, views) = (case.weights::<f64>(), case.views::<f64>());
        let mut net = Net::new(weights.clone(), RULE);
        let loss = net.differentiate(&mut case.problem(), &views, &|| true);
        let exact = plain(&case, &views, &weights);
        prop_assert!((loss - exact).abs() < 1e-9 * (1.0 + exact.abs()), "{} for {}", loss, exact);
        let scale = net.gradient.length().max(1e-3);
        // Along one random direction per tensor, padding left alone.
        let direction = Weights::<f64>::random(case.widths, &Ctx::new(case.seed ^ 1));
        for k in 0..2 + case.widths.layers {
            let d = direction.tensors().nth(k).unwrap();
            let g = net.gradient.tensors().nth(k).unwrap();
            let along: f64 = g.data().iter().zip(d.data()).map(|(g, d)| g * d).sum();
            let at = |by: f64| {
                let mut moved = weights.clone();
                moved.tensors_mut().nth(k).unwrap().data_mut().iter_mut().zip(d.data()).for_each(|(w, d)| *w += by * d);
                plain(&case, &views, &moved)
            };
            // Where a unit turns on or off within a step, the slope on that side is wrong; where it is on in hardly any
            // observation, steps have to be small.
            let slope = |h: f64| (4.0 * at(h) - at(2.0 * h) - 3.0 * exact) / (2.0 * h);
            let slopes = [1e-6, -1e-6, 1e-7, -1e-7, 1e-8, -1e-8, 1e-9, -1e-9].map(slope);
            let near = |slope: &f64| (along - slope).abs() < 1e-4 * scale.max(along.abs());
            prop_assert!(slopes.iter().any(near), "tensor {}: {} for {:?}", k, along, slopes);
        }
    }
}

/// A fixed case, large enough for several blocks.
fn large() -> Case {
    let (n, genes) = (700usize, 40usize);
    let x = (0..n * genes).map(|k| if k * 31 % 7 < 3 { (k * 17 % 11) as f32 * 0.3 } else { 0.0 }).collect::<Vec<f32>>();
    let ring = |i: usize| [(i + 1) % n, (i + n - 1) % n, (i + 29) % n, (i + n - 29) % n];
    let rows: Vec<Vec<(u32, f32)>> = (0..n)
        .map(|i| {
            let mut row: Vec<(u32, f32)> = ring(i).map(|j| (j as u32, 1.0)).to_vec();
            row.sort_by_key(|e| e.0);
            row
        })
        .collect();
    Case {
        widths: Widths { genes, hidden: 37, layers: 4 },
        x: Dense::new(n, genes, x).unwrap(),
        graph: Csr::from_rows(n, &rows),
        order: (0..n as u32).rev().collect(),
        sparse: true,
        drop: Dropout { genes: 0.3, edges: 0.5 },
        seed: 9,
    }
}

#[test]
fn f32_is_f64_to_its_digits() {
    for sparse in [true, false] {
        let case = Case { sparse, ..large() };
        let (mut wide, mut net) = (Net::new(case.weights::<f64>(), RULE), Net::new(case.weights::<f32>(), RULE));
        let exact = wide.differentiate(&mut case.problem(), &case.views(), &|| true);
        let loss = net.differentiate(&mut case.problem(), &case.views(), &|| true);
        assert!((loss - exact).abs() < 1e-5 * exact.abs(), "{loss} for {exact}");
        let length = wide.gradient.length();
        for (k, (a, b)) in net.gradient.tensors().zip(wide.gradient.tensors()).enumerate() {
            // Rows of f32 and f64 lie differently far apart; compare them row by row.
            let row = |i: usize| a.row(i).iter().zip(b.row(i)).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>();
            let off = (0..a.n()).map(row).sum::<f64>().sqrt();
            assert!(off < 1e-4 * length, "tensor {k}: {off} of {length}");
        }
    }
}

#[test]
fn gradients_add_up_until_they_are_forgotten_and_a_step_lowers_the_loss() {
    let case = large();
    let mut net = Net::new(case.weights::<f64>(), RULE);
    let (mut problem, views) = (case.problem(), case.views());
    let loss = net.differentiate(&mut problem, &views, &|| true);
    let once = net.gradient.clone();
    net.differentiate(&mut problem, &views, &|| true);
    for (twice, once) in net.gradient.tensors().zip(once.tensors()) {
        let same = |(t, o): (&f64, &f64)| (t - 2.0 * o).abs() <= 1e-12 * (1.0 + o.abs());
        assert!(twice.data().iter().zip(once.data()).all(same));
    }
    net.forget();
    assert_eq!(net.gradient.length(), 0.0);
    let before = net.weights.clone();
    net.differentiate(&mut problem, &views, &|| true);
    net.step(Adam { lr: 1e-4, weight_decay: 0.0, clip: 0.0 });
    // The first step of Adam goes by the sign alone.
    for ((w, b), g) in net.weights.tensors().zip(before.tensors()).zip(once.tensors()) {
        for ((w, b), g) in w.data().iter().zip(b.data()).zip(g.data()) {
            let by = if g.abs() > 1e-6 { -1e-4 * g.signum() } else { w - b };
            assert!((w - b - by).abs() < 2e-6, "{w} {b} {g}");
        }
    }
    net.forget();
    let after = net.differentiate(&mut problem, &views, &|| true);
    assert!(after < loss, "{after} after {loss}");
}

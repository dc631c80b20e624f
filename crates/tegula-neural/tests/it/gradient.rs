//! The gradient against finite differences, and `f32` against `f64`.

use proptest::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Matrix};
use tegula_neural::Scalar;
use tegula_neural::graph::Edges;
use tegula_neural::input::Input;
use tegula_neural::stagate::{Net, Problem, Weights, Widths};

/// A random matrix and a random graph, directed, in which some observations may be alone.
#[derive(Debug, Clone)]
struct Case {
    widths: Widths,
    x: Dense,
    graph: Csr,
    order: Vec<u32>,
    sparse: bool,
    seed: u64,
}

impl Case {
    fn problem<T: Scalar>(&self) -> Problem<T> {
        let x: Matrix = if self.sparse { Csr::from_dense(&self.x).into() } else { self.x.clone().into() };
        Problem { input: Input::new(&x, &self.order), edges: Edges::new(&self.graph, &self.order) }
    }

    fn weights<T: Scalar>(&self) -> Weights<T> {
        Weights::random(self.widths, &Ctx::new(self.seed))
    }
}

fn case(most: usize) -> impl Strategy<Value = Case> {
    let sizes = (2..most, 1usize..40, 1usize..40, 1usize..20, any::<bool>(), any::<u64>());
    sizes.prop_flat_map(|(n, genes, hidden, latent, sparse, seed)| {
        // Steps of a grid: of so many values from a range of `f32`, proptest's own rounding fails on one now and then.
        let value = (7u8..192).prop_map(|k| f32::from(k) / 64.0);
        let x = proptest::collection::vec(prop_oneof![3 => Just(0f32), 1 => value], n * genes);
        let edges = proptest::collection::vec((0..n as u32, 0..n as u32), 0..6 * n);
        let order = Just((0..n as u32).collect::<Vec<u32>>()).prop_shuffle();
        (x, edges, order).prop_map(move |(x, edges, order)| {
            let mut rows = vec![Vec::new(); n];
            for (i, j) in edges {
                rows[i as usize].push((j, 1.0));
            }
            for row in &mut rows {
                tegula_core::sum_duplicates(row);
            }
            Case {
                widths: Widths { genes, hidden, latent },
                x: Dense::new(n, genes, x).unwrap(),
                graph: Csr::from_rows(n, &rows),
                order,
                sparse,
                seed,
            }
        })
    })
}

/// The change of the loss along `which` weights in direction `d`, by central differences.
fn slope(case: &Case, apart: bool, change: impl Fn(&mut Weights<f64>, f64)) -> f64 {
    let loss = |by: f64| {
        let mut weights = case.weights::<f64>();
        change(&mut weights, by);
        Net::new(weights, apart).differentiate(&mut case.problem(), &|| true)
    };
    let h = 1e-5;
    (8.0 * (loss(h) - loss(-h)) - (loss(2.0 * h) - loss(-2.0 * h))) / (12.0 * h)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_gradient_is_that_of_finite_differences(case in case(30), apart: bool) {
        let mut net = Net::new(case.weights::<f64>(), apart);
        net.differentiate(&mut case.problem(), &|| true);
        let scale = net.gradient.length().max(1e-3);
        // Along one random direction per tensor, padding left alone.
        let ctx = Ctx::new(case.seed ^ 1);
        let direction = Weights::<f64>::random(case.widths, &ctx);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let g = &net.gradient.encoder;
        let (mut first, mut second) = (dot(g.first.data(), direction.first.data()), dot(g.second.data(), direction.second.data()));
        if let Some((f, s)) = &net.gradient.decoder {
            // The weights share their storage: what both give to the loss adds up.
            first += dot(f.data(), direction.first.data());
            second += dot(s.data(), direction.second.data());
        }
        let attention = dot(g.attention.data(), direction.attention.data());
        let add = |to: &mut [f64], d: &[f64], by: f64| to.iter_mut().zip(d).for_each(|(t, d)| *t += by * d);
        let found = [
            (first, slope(&case, apart, |w, by| add(w.first.data_mut(), direction.first.data(), by))),
            (second, slope(&case, apart, |w, by| add(w.second.data_mut(), direction.second.data(), by))),
            (attention, slope(&case, apart, |w, by| add(w.attention.data_mut(), direction.attention.data(), by))),
        ];
        for (k, (exact, differences)) in found.into_iter().enumerate() {
            // ELU has a kink in its second derivative.
            prop_assert!((exact - differences).abs() < 2e-5 * scale.max(exact.abs()), "tensor {}: {} for {}", k, exact, differences);
        }
    }

    #[test]
    fn f32_is_f64_to_its_digits(case in case(700), apart: bool) {
        let (mut wide, mut net) = (Net::new(case.weights::<f64>(), apart), Net::new(case.weights::<f32>(), apart));
        let (exact, loss) = (wide.differentiate(&mut case.problem(), &|| true), net.differentiate(&mut case.problem(), &|| true));
        // A squared residual errs by twice the residual times its rounding, here of values up to 3.
        prop_assert!((loss - exact).abs() <= 2e-5 * (exact + exact.sqrt()) + 1e-7, "{} for {}", loss, exact);
        let length = wide.gradient.length();
        let far = |a: &[f32], b: &[f64]| a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
        let (got, want) = (&net.gradient.encoder, &wide.gradient.encoder);
        let pairs = [(&got.second, &want.second), (&got.attention, &want.attention)];
        // Rows of f32 and f64 lie differently far apart; compare them row by row.
        for (a, b) in pairs.into_iter().chain([(&got.first, &want.first)]) {
            let off = (0..a.n()).map(|i| far(a.row(i), b.row(i)).powi(2)).sum::<f64>().sqrt();
            prop_assert!(off <= 2e-4 * length + 1e-7, "{} of {}", off, length);
        }
    }
}

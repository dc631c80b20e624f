//! Tissues that never were: what is promised of their counts, positions and domains.

use tegula_algo::graph::{lattice, spatial_knn};
use tegula_algo::simulate::{DomainShape, Placement, SimulateParams, simulate};
use tegula_core::{AnnData, Csr, Ctx, Error, Graph, Matrix, Value};

use crate::graph::same_for_any_threads;

fn counts(adata: &AnnData) -> &Csr {
    let Some(Matrix::Csr(x)) = adata.x() else { panic!("sparse counts") };
    x
}

fn made(params: &SimulateParams) -> AnnData {
    simulate(params, &Ctx::new(11)).unwrap()
}

fn numbers(column: Option<&tegula_core::Column>) -> Vec<f64> {
    column.and_then(tegula_core::Column::to_f64).unwrap()
}

/// ln Γ(x) by Stirling's series, from x + 10 downwards.
fn ln_gamma(x: f64) -> f64 {
    let shift: f64 = (0..10).map(|k| (x + f64::from(k)).ln()).sum();
    let y = x + 10.0;
    (y - 0.5) * y.ln() - y + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * y) - 1.0 / (360.0 * y.powi(3)) - shift
}

/// P(k) of a negative binomial number with mean `m` and variance m + φm².
fn negative_binomial(k: usize, m: f64, phi: f64) -> f64 {
    let (r, k) = (1.0 / phi, k as f64);
    let log = ln_gamma(k + r) - ln_gamma(r) - ln_gamma(k + 1.0) + r * (r / (r + m)).ln() + k * (m / (r + m)).ln();
    log.exp()
}

#[test]
fn counts_have_the_probabilities_of_the_negative_binomial() {
    for (phi, density) in [(0.7, 0.4), (0.01, 0.2), (5.0, 0.3), (1e-6, 0.5)] {
        let params = SimulateParams {
            n_obs: 20_000,
            n_vars: 25,
            n_markers: Some(0),
            library_sigma: 0.0,
            dispersion: phi,
            density,
            ..Default::default()
        };
        let adata = made(&params);
        let by_gene = counts(&adata).transpose();
        let n = params.n_obs as f64;
        let (mut chi2, mut freedom) = (0.0, 0.0);
        for (g, &m) in numbers(adata.var().get("mean")).iter().enumerate() {
            let mut seen = vec![n - by_gene.row(g).0.len() as f64; 1];
            seen.resize(2000, 0.0);
            by_gene.row(g).1.iter().for_each(|&v| seen[v as usize] += 1.0);
            // Cells of at least 10 expected observations; the last takes the tail.
            let (mut expected, mut found, mut left) = (0.0, 0.0, n);
            let mut bins = 0.0;
            for (k, s) in seen.iter().enumerate() {
                let e = n * negative_binomial(k, m, phi);
                (expected, found, left) = (expected + e, found + s, left - e);
                if expected >= 10.0 && left >= 10.0 {
                    chi2 += (found - expected) * (found - expected) / expected;
                    (expected, found, bins) = (0.0, 0.0, bins + 1.0);
                }
            }
            let expected = expected + left.max(0.0);
            chi2 += (found - expected) * (found - expected) / expected.max(1e-9);
            freedom += bins;
        }
        // χ² is nearly normal at many degrees of freedom: 4 standard deviations.
        assert!(freedom > 50.0 && chi2 < freedom + 4.0 * (2.0f64 * freedom).sqrt(), "φ {phi}: χ² {chi2} of {freedom}");
    }
}

#[test]
fn library_sizes_scale_the_mean_and_leave_genes_independent() {
    let params = SimulateParams {
        n_obs: 20_000,
        n_vars: 20,
        n_markers: Some(0),
        library_sigma: 0.8,
        density: 0.5,
        ..Default::default()
    };
    let adata = made(&params);
    let (x, phi, n) = (counts(&adata).to_dense(), params.dispersion, params.n_obs as f64);
    let size = numbers(adata.obs().get("library_size"));
    assert!((size.iter().sum::<f64>() / n - 1.0).abs() < 4.0 * (0.64f64.exp_m1() / n).sqrt(), "of mean 1");
    let mean = numbers(adata.var().get("mean"));
    let mut rest = vec![vec![0.0; params.n_obs]; params.n_vars];
    for g in 0..params.n_vars {
        let (mut zeros, mut zeros_wanted, mut zeros_var) = (0.0, 0.0, 0.0);
        for i in 0..params.n_obs {
            let (m, v) = (size[i] * mean[g], f64::from(x.row(i)[g]));
            rest[g][i] = (v - m) / (m + phi * m * m).sqrt();
            let p = (1.0 + phi * m).powf(-1.0 / phi);
            zeros += f64::from(u8::from(v == 0.0));
            (zeros_wanted, zeros_var) = (zeros_wanted + p, zeros_var + p * (1.0 - p));
        }
        let sum: f64 = rest[g].iter().sum();
        let squares: f64 = rest[g].iter().map(|z| z * z).sum();
        let fourth: f64 = rest[g].iter().map(|z| z.powi(4)).sum();
        assert!(sum.abs() < 4.0 * n.sqrt(), "mean of gene {g}: {sum}");
        assert!((squares - n).abs() < 4.5 * fourth.sqrt(), "variance of gene {g}: {squares}");
        assert!((zeros - zeros_wanted).abs() < 4.0 * zeros_var.sqrt(), "zeros of gene {g}: {zeros} {zeros_wanted}");
    }
    for g in 1..params.n_vars {
        let together: f64 = rest[g].iter().zip(&rest[g - 1]).map(|(a, b)| a * b).sum();
        assert!(together.abs() < 4.5 * n.sqrt(), "genes {g} and the one before: {together}");
    }
}

#[test]
fn the_share_of_non_zeros_is_what_was_asked_for() {
    for density in [0.003, 0.05, 0.3, 0.9] {
        for (mean_sigma, library_sigma, fold_change) in [(1.0, 0.3, 4.0), (2.5, 0.0, 1.0), (0.0, 1.0, 0.1)] {
            let params = SimulateParams {
                n_obs: 4000,
                n_vars: 400,
                density,
                mean_sigma,
                library_sigma,
                fold_change,
                domains: DomainShape::Voronoi,
                ..Default::default()
            };
            let adata = made(&params);
            let got = counts(&adata).nnz() as f64 / (4000.0 * 400.0);
            // Library sizes of 4000 observations are not yet their mean.
            assert!((got / density - 1.0).abs() < 0.05, "{params:?}: {got}");
            assert!(counts(&adata).values().iter().all(|&v| v >= 1.0 && v.fract() == 0.0), "counts are counts");
        }
    }
}

#[test]
fn markers_are_higher_in_their_domain_by_the_fold_change() {
    let params =
        SimulateParams { n_vars: 200, n_markers: Some(15), density: 0.3, fold_change: 3.0, ..Default::default() };
    let adata = made(&params);
    let (domain, marker_of) = (adata.labels("domain").unwrap(), adata.var().get("marker_of").unwrap().to_labels());
    let (marker_of, size) = (marker_of.unwrap(), numbers(adata.obs().get("library_size")));
    let by_gene = counts(&adata).transpose();
    for d in 0..7 {
        let markers: Vec<usize> = (0..200).filter(|&g| marker_of.codes()[g] == d).collect();
        assert_eq!(markers.len(), 15);
        let (mut sums, mut sizes) = ([0.0; 2], [0.0; 2]);
        for &g in &markers {
            let (cols, vals) = by_gene.row(g);
            cols.iter()
                .zip(vals)
                .for_each(|(&i, &v)| sums[usize::from(domain.codes()[i as usize] == d)] += f64::from(v));
        }
        (0..params.n_obs).for_each(|i| sizes[usize::from(domain.codes()[i] == d)] += size[i]);
        let fold = (sums[1] / sizes[1]) / (sums[0] / sizes[0]);
        assert!((fold / 3.0 - 1.0).abs() < 0.05, "domain {d}: {fold}");
    }
}

/// In how many pieces the domain `d` lies, by the edges of a graph.
fn pieces(graph: &Graph, domain: &[i32], d: i32) -> usize {
    let mut seen = vec![false; domain.len()];
    let mut pieces = 0;
    for start in 0..domain.len() {
        if domain[start] != d || seen[start] {
            continue;
        }
        pieces += 1;
        let mut open = vec![start];
        seen[start] = true;
        while let Some(i) = open.pop() {
            for &j in graph.neighbors(i) {
                if domain[j as usize] == d && !std::mem::replace(&mut seen[j as usize], true) {
                    open.push(j as usize);
                }
            }
        }
    }
    pieces
}

#[test]
fn domains_lie_in_one_piece_and_noise_blurs_their_borders() {
    for domains in [DomainShape::Layered, DomainShape::Voronoi] {
        let params = SimulateParams { n_obs: 3600, n_vars: 30, domains, ..Default::default() };
        let adata = made(&params);
        let truth = adata.labels("domain").unwrap();
        let graph = Graph::from_csr(&tegula_algo::graph::grid(&adata.coords("spatial").unwrap(), 4).unwrap()).unwrap();
        for d in 0..7 {
            assert_eq!(pieces(&graph, truth.codes(), d), 1, "{domains:?}: domain {d}");
            let size = truth.codes().iter().filter(|&&c| c == d).count();
            let least = if domains == DomainShape::Layered { 3600 / 7 } else { 60 };
            assert!(size >= least, "{domains:?}: {size} observations in domain {d}");
        }
        let blurred = made(&SimulateParams { border_noise: 1.5, ..params });
        let moved = blurred.labels("domain").unwrap().codes().iter().zip(truth.codes()).filter(|(a, b)| a != b).count();
        assert!((100..1200).contains(&moved), "{domains:?}: {moved} of 3600 changed sides");
    }
}

#[test]
fn observations_lie_where_they_were_asked_to() {
    for (placement, wanted) in
        [(Placement::Grid, Some("square")), (Placement::Hex, Some("hex")), (Placement::Random, None)]
    {
        let adata = made(&SimulateParams { n_obs: 301, n_vars: 20, placement, ..Default::default() });
        let coords = adata.coords("spatial").unwrap();
        assert_eq!(lattice(&coords).map(|l| l.kind.name()), wanted);
        let far = coords.data().iter().copied().fold(0.0, f64::max);
        assert!((15.5..20.0).contains(&far), "{placement:?}: {far}");
        if placement != Placement::Random {
            let near = spatial_knn(&coords, 1).unwrap();
            assert!((0..301).all(|i| (near.distances(i)[0] - 1.0).abs() < 1e-12));
        }
    }
}

#[test]
fn sections_lie_side_by_side_and_above_each_other() {
    for placement in [Placement::Grid, Placement::Hex, Placement::Random] {
        let params =
            SimulateParams { n_obs: 500, n_vars: 20, n_sections: 3, n_domains: 4, placement, ..Default::default() };
        let adata = made(&params);
        let section = adata.labels("section").unwrap();
        let of = |s: i32| section.codes().iter().filter(|&&c| c == s).count();
        assert_eq!((of(0), of(1), of(2)), (167, 167, 166));
        let (flat, stacked) = (adata.coords("spatial").unwrap(), adata.coords("spatial_3d").unwrap());
        let near = spatial_knn(&flat, 6).unwrap();
        for i in 0..500 {
            assert!(near.neighbors(i).iter().all(|&j| section.codes()[j as usize] == section.codes()[i]));
            assert_eq!(stacked.point(i)[2], f64::from(section.codes()[i]));
            assert!(stacked.point(i)[0] < 16.0, "in register");
            assert_eq!(stacked.point(i)[1], flat.point(i)[1]);
        }
        let domain = adata.labels("domain").unwrap();
        for s in 0..3 {
            let mut there: Vec<i32> =
                (0..500).filter(|&i| section.codes()[i] == s).map(|i| domain.codes()[i]).collect();
            there.sort_unstable();
            there.dedup();
            assert_eq!(there, [0, 1, 2, 3]);
        }
    }
}

#[test]
fn the_result_depends_on_the_seed_alone() {
    let params = SimulateParams {
        // More than are drawn at once.
        n_obs: 9000,
        n_vars: 2000,
        density: 0.5,
        n_sections: 2,
        domains: DomainShape::Voronoi,
        placement: Placement::Random,
        border_noise: 0.5,
        ..Default::default()
    };
    let all = |seed| {
        let a = simulate(&params, &Ctx::new(seed)).unwrap();
        (a.x().cloned(), a.obs().clone(), a.var().clone(), a.obsm().clone())
    };
    let one = same_for_any_threads(|| all(5));
    let small = SimulateParams { n_obs: 60, n_vars: 20, ..params.clone() };
    let of = |seed| simulate(&small, &Ctx::new(seed)).unwrap().x().cloned();
    assert_ne!(of(5), of(6));
    assert!(one.0.is_some());
}

#[test]
fn what_was_asked_for_is_noted() {
    let adata = made(&SimulateParams { n_obs: 50, n_vars: 20, density: 0.25, ..Default::default() });
    let noted = adata.uns()["simulate"].as_dict().unwrap();
    assert_eq!(noted["seed"], Value::Int(11));
    let params = noted["params"].as_dict().unwrap();
    assert_eq!((params["density"].as_f64(), params["placement"].as_str()), (Some(0.25), Some("grid")));
    assert!(!adata.obsm().contains_key("spatial_3d"));
    assert_eq!((adata.obs().index()[49].as_str(), adata.var().index()[19].as_str()), ("obs_49", "gene_19"));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let bad = |change: fn(&mut SimulateParams), name: &str| {
        let mut params = SimulateParams { n_obs: 100, n_vars: 50, ..Default::default() };
        change(&mut params);
        match simulate(&params, &Ctx::default()) {
            Err(Error::Param { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    };
    bad(|p| p.n_obs = 0, "n_obs");
    bad(|p| p.n_obs = usize::MAX, "n_obs");
    bad(|p| p.n_vars = 0, "n_vars");
    bad(|p| p.n_domains = 0, "n_domains");
    bad(|p| p.n_sections = 15, "n_domains");
    bad(|p| p.n_sections = 0, "n_sections");
    bad(|p| p.n_markers = Some(8), "n_markers");
    bad(|p| p.n_markers = Some(usize::MAX), "n_markers");
    bad(|p| p.density = 0.0, "density");
    bad(|p| p.density = 1.0, "density");
    bad(|p| p.density = f64::NAN, "density");
    bad(|p| (p.density, p.mean_sigma) = (0.999, 4.0), "density");
    bad(|p| p.fold_change = 0.0, "fold_change");
    bad(|p| p.dispersion = 0.0, "dispersion");
    bad(|p| p.mean_sigma = -1.0, "mean_sigma");
    bad(|p| p.library_sigma = f64::INFINITY, "library_sigma");
    bad(|p| p.border_noise = f64::NAN, "border_noise");
}

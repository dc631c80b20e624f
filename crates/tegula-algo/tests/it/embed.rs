//! Embeddings against the reference's numbers.

use std::path::{Path, PathBuf};

use tegula_algo::embed::{Balance, Exact, Points, Terms};
use tegula_algo::linalg::panel::Real;
use tegula_core::Ctx;

use crate::scc::npy;

/// A folder of reference data, if it is on this machine.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("TEGULA_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no data at {}", folder.display());
    None
}

fn golden_terms<T: Real>(folder: &Path) -> Terms<T> {
    let (d, x) = npy(&folder.join("X_raw.npy"));
    let (_, s) = npy(&folder.join("pixels.npy"));
    let (x, s) = (Points::scaled(d, x).unwrap(), Points::centred(2, s, "positions").unwrap());
    Terms::new(&x, Some(&s), 50.0, Balance { alpha: 1.0, beta: 1.0 }, &Ctx::default()).unwrap()
}

/// The largest difference to the reference, as a share of its largest number.
fn distance(found: impl Fn(usize, usize) -> f64, (width, expected): &(usize, Vec<f64>)) -> f64 {
    let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let differences = expected.iter().enumerate().map(|(k, v)| (v - found(k / width, k % width)).abs());
    differences.fold(0.0, f64::max) / largest
}

const BALANCES: [(&str, f64, f64); 4] =
    [("a0_b0", 0.0, 0.0), ("a9_b4", 9.0, 4.0), ("a9_b2.25", 9.0, 2.25), ("a10_b5", 10.0, 5.0)];

fn check_golden<T: Real>(tolerance: f64) {
    let Some(folder) = data("golden/spasne") else { return };
    let terms = golden_terms::<T>(&folder);
    for (name, pairs) in [
        ("P_local", &terms.local),
        ("P_global", terms.global.as_ref().unwrap()),
        ("P_space", terms.spatial.as_ref().unwrap()),
    ] {
        let mut expected = npy(&folder.join(format!("{name}.npy")));
        // The reference keeps something for a point and itself, which has no force.
        (0..200).for_each(|i| expected.1[i * 201] = 0.0);
        let off = distance(|i, j| pairs.get(i, j).to_f64(), &expected);
        assert!(off < tolerance, "{name}: {off}");
    }
    let (_, y) = npy(&folder.join("Y.npy"));
    for (name, alpha, beta) in BALANCES {
        let mut gradient = vec![0.0; y.len()];
        Exact::<T, 2>::new(&terms, Balance { alpha, beta }, 1.0).gradient(&y, &mut gradient);
        let off = distance(|i, d| gradient[2 * i + d], &npy(&folder.join(format!("grad_{name}.npy"))));
        assert!(off < tolerance, "{name}: {off}");
    }
}

/// 200 spots of the paper's breast cancer set; P, Pg, Ps and gradients of the compiled reference (`theta` 0).
#[test]
fn terms_and_gradients_are_those_of_the_reference() {
    check_golden::<f64>(1e-10);
    check_golden::<f32>(1e-5);
}

#[test]
fn divergences_are_those_of_the_reference() {
    let Some(folder) = data("golden/spasne") else { return };
    let (_, y) = npy(&folder.join("Y.npy"));
    let terms = golden_terms::<f64>(&folder);
    let found = terms.divergences(&y, 2);
    // costs.csv: the three terms, and their sum for α = 9, β = 4.
    for (found, expected) in [
        (found.local, 1.358_447_851_255_736_5),
        (found.global, 0.378_459_793_487_069_73),
        (found.spatial, 0.558_263_206_803_586_7),
        (found.total(Balance { alpha: 9.0, beta: 4.0 }), 6.997_638_819_853_713),
    ] {
        assert!((found - expected).abs() < 1e-7, "{found} {expected}");
    }
}

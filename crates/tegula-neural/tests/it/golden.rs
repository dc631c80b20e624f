//! The reference network in PyTorch Geometric (`golden/stagate`: 150 cells, 60 genes, hidden 16 and 8, in `f64`), step by
//! step: it keeps gradients and moments of the decoder's weights apart from the encoder's, which share their storage.

use std::path::{Path, PathBuf};

use tegula_core::{Csr, Dense};
use tegula_neural::adam::Adam;
use tegula_neural::graph::Edges;
use tegula_neural::input::Input;
use tegula_neural::rows::Rows;
use tegula_neural::stagate::{Net, Problem, Weights, Widths};

/// The folder of reference data, or a word on standard error that there is none.
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

/// Rows, columns and values of an array file; Fortran's order is turned.
pub(crate) fn npy(path: &Path) -> (usize, usize, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + header_len]).into_owned();
    let shape = header.split("'shape': (").nth(1).and_then(|s| s.split(')').next()).unwrap();
    let shape: Vec<usize> = shape.split(',').filter_map(|v| v.trim().parse().ok()).collect();
    let body = bytes[10 + header_len..].chunks_exact(8);
    let values: Vec<f64> = if header.contains("<f8") {
        body.map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    } else {
        body.map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
    };
    let (n, m) = (values.len() / shape[shape.len() - 1], shape[shape.len() - 1]);
    if header.contains("'fortran_order': True") {
        return (n, m, (0..n * m).map(|k| values[k % m * n + k / m]).collect());
    }
    (n, m, values)
}

fn numbers(path: &Path) -> Vec<f64> {
    std::fs::read_to_string(path).unwrap().lines().map(|l| l.trim().parse().unwrap()).collect()
}

const WIDTHS: Widths = Widths { genes: 60, hidden: 16, latent: 8 };

fn put(to: &mut Rows<f64>, from: &(usize, usize, Vec<f64>)) {
    for i in 0..from.0 {
        to.row_mut(i)[..from.1].copy_from_slice(&from.2[i * from.1..(i + 1) * from.1]);
    }
}

fn weights(folder: &Path, stage: &str) -> Weights<f64> {
    let read = |name: &str| npy(&folder.join(format!("{stage}_{name}.npy")));
    let mut weights = Weights::zeros(WIDTHS);
    put(&mut weights.first, &read("conv1.lin_src"));
    put(&mut weights.second, &read("conv2.lin_src"));
    weights.attention.row_mut(0).copy_from_slice(&read("conv1.att_src").2);
    weights.attention.row_mut(1).copy_from_slice(&read("conv1.att_dst").2);
    weights
}

fn problem(folder: &Path) -> Problem<f64> {
    let (n, m, x) = npy(&folder.join("X.npy"));
    let x = Csr::from_dense(&Dense::new(n, m, x.into_iter().map(|v| v as f32).collect::<Vec<_>>()).unwrap());
    let (_, e, ends) = npy(&folder.join("edge_index.npy"));
    let mut rows = vec![Vec::new(); n];
    for k in 0..e {
        rows[ends[k] as usize].push((ends[e + k] as u32, 1.0));
    }
    let order: Vec<u32> = (0..n as u32).collect();
    Problem { input: Input::new(&x.into(), &order), edges: Edges::new(&Csr::from_rows(n, &rows), &order) }
}

/// The largest difference, relative to the largest of the expected values.
fn off(got: impl Fn(usize, usize) -> f64, expected: &(usize, usize, Vec<f64>)) -> f64 {
    let (n, m, v) = expected;
    let largest = v.iter().fold(0f64, |a, b| a.max(b.abs()));
    (0..n * m).map(|k| (got(k / m, k % m) - v[k]).abs()).fold(0f64, f64::max) / largest
}

const ADAM: Adam = Adam { lr: 1e-3, weight_decay: 1e-4, clip: 5.0 };

#[test]
fn gradients_are_those_of_the_reference() {
    let Some(folder) = data("golden/stagate") else { return };
    let (mut problem, losses) = (problem(&folder), numbers(&folder.join("loss.csv")));
    let mut net = Net::new(weights(&folder, "init"), true);
    let loss = net.differentiate(&mut problem, &|| true);
    assert!((loss / losses[0] - 1.0).abs() < 1e-7, "{loss} for {}", losses[0]);
    let length = numbers(&folder.join("gradnorm_preclip.csv"))[0];
    assert!((net.gradient.length() / length - 1.0).abs() < 1e-6, "{} for {length}", net.gradient.length());
    let read = |name: &str| npy(&folder.join(format!("grad0_{name}.npy")));
    let encoder = &net.gradient.encoder;
    let (first, second) = net.gradient.decoder.as_ref().unwrap();
    let wrong = [
        ("conv1.lin_src", off(|i, j| encoder.first.row(i)[j], &read("conv1.lin_src"))),
        ("conv1.att_src", off(|_, j| encoder.attention.row(0)[j], &read("conv1.att_src"))),
        ("conv1.att_dst", off(|_, j| encoder.attention.row(1)[j], &read("conv1.att_dst"))),
        ("conv2.lin_src", off(|i, j| encoder.second.row(i)[j], &read("conv2.lin_src"))),
        ("conv3.lin_src", off(|i, j| second.row(j)[i], &read("conv3.lin_src"))),
        ("conv4.lin_src", off(|i, j| first.row(j)[i], &read("conv4.lin_src"))),
    ];
    assert!(wrong.iter().all(|w| w.1 < 1e-6), "{wrong:?}");
    // The gradient of tied weights is the sum of both.
    let mut tied = Net::new(weights(&folder, "init"), false);
    assert_eq!(tied.differentiate(&mut self::problem(&folder), &|| true), loss);
    let sum = (60, 16, (0..960).map(|k| encoder.first.row(k / 16)[k % 16] + first.row(k / 16)[k % 16]).collect());
    assert!(off(|i, j| tied.gradient.encoder.first.row(i)[j], &sum) < 1e-12);
    let sum = (16, 8, (0..128).map(|k| encoder.second.row(k / 8)[k % 8] + second.row(k / 8)[k % 8]).collect());
    assert!(off(|i, j| tied.gradient.encoder.second.row(i)[j], &sum) < 1e-12);
}

#[test]
fn two_hundred_epochs_follow_the_reference() {
    let Some(folder) = data("golden/stagate") else { return };
    let (mut problem, losses) = (problem(&folder), numbers(&folder.join("loss.csv")));
    let lengths = numbers(&folder.join("gradnorm_preclip.csv"));
    let mut net = Net::new(weights(&folder, "init"), true);
    let same = |net: &Net<f64>, stage: &str| {
        let expected = weights(&folder, stage);
        let rows = |m: &Rows<f64>, n: usize| (n, m.width(), (0..n).flat_map(|i| m.row(i).to_vec()).collect());
        let of = |got: &Rows<f64>, want: &Rows<f64>, n: usize| off(|i, j| got.row(i)[j], &rows(want, n));
        let (got, want) = (&net.weights, &expected);
        of(&got.first, &want.first, 60).max(of(&got.second, &want.second, 16)).max(of(
            &got.attention,
            &want.attention,
            2,
        ))
    };
    assert_eq!(losses.len(), 200);
    for (epoch, (expected, length)) in losses.iter().zip(&lengths).enumerate() {
        let loss = net.differentiate(&mut problem, &|| true);
        assert!((loss / expected - 1.0).abs() < 1e-4, "epoch {epoch}: {loss} for {expected}");
        assert!((net.gradient.length() / length - 1.0).abs() < 1e-3, "epoch {epoch}");
        net.step(ADAM);
        if epoch == 0 {
            assert!(same(&net, "step1") < 1e-6, "{}", same(&net, "step1"));
        }
    }
    assert!(same(&net, "final200") < 1e-4, "{}", same(&net, "final200"));
    let z = net.embed(&mut problem, &|| true);
    let expected = npy(&folder.join("z_final200.npy"));
    assert!(off(|i, j| z.row(i)[j], &expected) < 1e-4);
}

#[test]
fn embedding_and_reconstruction_are_those_of_the_reference() {
    let Some(folder) = data("golden/stagate") else { return };
    let mut problem = problem(&folder);
    let mut net = Net::new(weights(&folder, "init"), false);
    let z = net.embed(&mut problem, &|| true);
    assert!(off(|i, j| z.row(i)[j], &npy(&folder.join("z0.npy"))) < 1e-6);
    let genes: Vec<u32> = (0..60).collect();
    let mut out = vec![0f64; 150 * 60];
    net.reconstruct(&problem, &genes, |i, row| {
        out[i * 60..(i + 1) * 60].copy_from_slice(&row[..60]);
        Ok(())
    })
    .unwrap();
    assert!(off(|i, j| out[i * 60 + j], &npy(&folder.join("out0.npy"))) < 1e-6);
}

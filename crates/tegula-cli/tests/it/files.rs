//! Small files to run on.

use std::path::{Path, PathBuf};

use tegula::core::{AnnData, Coords, Csr, Dense, Frame, Labels};
use tegula::io;

/// Two groups of observations, left and right, with genes of their own. `change` may spoil it.
pub(crate) fn small(dir: &Path, name: &str, change: impl FnOnce(&mut AnnData)) -> PathBuf {
    let mut adata = two_groups(80, 12);
    change(&mut adata);
    write(dir, name, &adata)
}

pub(crate) fn write(dir: &Path, name: &str, adata: &AnnData) -> PathBuf {
    let path = dir.join(name);
    io::write_h5ad(adata, &path, &io::WriteOptions::default()).unwrap();
    path
}

/// `n` observations on a grid of ten columns; the genes' counts tell left from right.
pub(crate) fn two_groups(n: usize, genes: usize) -> AnnData {
    let left = |i: usize| i % 10 < 5;
    let count = |i: usize, g: usize| {
        let noise = ((i * 7919 + g * 104_729) % 13) as f32 / 6.0;
        if g.is_multiple_of(2) == left(i) { 6.0 + noise.floor() } else { noise.floor() }
    };
    let data: Vec<f32> = (0..n).flat_map(|i| (0..genes).map(move |g| count(i, g))).collect();
    let x = Csr::from_dense(&Dense::new(n, genes, data).unwrap());
    let obs = Frame::new((0..n).map(|i| format!("spot{i}")).collect());
    let var = Frame::new((0..genes).map(|g| format!("gene{g}")).collect());
    let mut adata = AnnData::new(Some(x.into()), obs, var).unwrap();
    let xy = (0..n).flat_map(|i| [(i % 10) as f64, (i / 10) as f64]).collect();
    adata.set_obsm("spatial", &Coords::new(2, xy).unwrap()).unwrap();
    let sides: Vec<u32> = (0..n).map(|i| u32::from(!left(i))).collect();
    adata.set_obs("side", Labels::from_clusters(&sides)).unwrap();
    adata
}

/// A folder as Cell Ranger 2 writes it: one cell, two genes of one symbol.
pub(crate) fn counts_of_one_cell(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("matrix.mtx", "%%MatrixMarket matrix coordinate integer general\n2 1 1\n2 1 7\n");
    write("genes.tsv", "ENSG1\tA\nENSG2\tA\n");
    write("barcodes.tsv", "AAAC-1\n");
}

//! Times the training on arrays that others read too, and compares groups of the embedding with labels.
//!
//! ```text
//! cargo run --release -p tegula-neural --example cast_mark -- EPOCHS SEED FOLDER...
//! ```
//!
//! Each folder is a section as `benches/peers/stagate.py` describes it; sections share their first genes.
#![allow(clippy::print_stdout, reason = "what it is for")]

#[path = "measure/measure.rs"]
mod measure;

use std::path::Path;

use measure::{Stamps, peak, read};
use tegula_algo::cluster::{KmeansParams, kmeans};
use tegula_algo::graph::{voronoi, within_sections};
use tegula_algo::metrics::ari;
use tegula_core::{Coords, Csr, Ctx, Dense, Labels, Matrix, Result};
use tegula_neural::cast_mark::{CastMarkParams, Fit, fit};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize| args[k].parse::<u64>().unwrap_or(0);
    let parts = args[2..].iter().map(|folder| read(Path::new(folder))).collect::<Result<Vec<_>>>()?;
    let genes = parts.iter().map(|p| p.0.n_cols()).min().unwrap_or(0);
    let (mut rows, mut coords, mut sections) = (Vec::new(), Vec::new(), Vec::new());
    for (k, (x, at, ..)) in parts.iter().enumerate() {
        for i in 0..x.n_rows() {
            let mut row = Vec::new();
            x.for_row(i, |j, v| {
                if j < genes {
                    row.push((j as u32, v));
                }
            });
            rows.push(row);
        }
        coords.extend_from_slice(at.data());
        sections.extend(std::iter::repeat_n(k as u32, x.n_rows()));
    }
    let (x, coords) = (Matrix::from(Csr::from_rows(genes, &rows)), Coords::new(2, coords)?);
    let sections = Labels::from_clusters(&sections);
    let graph = within_sections(&coords, &sections, voronoi)?;
    let params = CastMarkParams { n_epochs: number(0) as usize, ..CastMarkParams::default() };
    let (stamps, before) = (Stamps::default(), peak());
    let ctx = Ctx::new(number(1)).with_progress(&stamps);
    let trained = fit(&Fit { x: &x, graph: &graph, coords: &coords, sections: &sections }, None, &params, &ctx)?;
    let (wall, cpu) = stamps.medians();
    let losses = &trained.curve.losses;
    print!(
        "{} x {genes}, {} edges: {wall:.4} s per epoch, CPU {cpu:.4} s, loss {:.4} -> {:.4}, peak {:.0} MiB ({before:.0} before)",
        x.n_rows(),
        graph.nnz(),
        losses.first().unwrap_or(&0.0),
        losses.last().unwrap_or(&0.0),
        peak()
    );
    let mut from = 0;
    for (part, _, labels, _) in &parts {
        let rows: Vec<usize> = (from..from + part.n_rows()).collect();
        from += part.n_rows();
        let z: Dense = trained.embedding.select_rows(&rows);
        let params = KmeansParams { n_clusters: labels.categories().len(), n_init: 10, ..KmeansParams::default() };
        let found = kmeans(&z, &params, &Ctx::new(0))?;
        print!(", ARI {:.4}", ari(labels, &Labels::from_clusters(&found.membership))?);
    }
    println!();
    Ok(())
}

//! How long 100,000 observations take, per format: `cargo run --release -p tegula-plot --example hundred_thousand`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use tegula_core::{AnnData, Column, Coords, Ctx, Frame, Labels, Result};
use tegula_plot::{Format, SpatialParams, spatial};

fn main() -> Result<()> {
    const WIDE: usize = 400;
    const N: usize = 100_000;
    let point = |i: usize| {
        let (row, col) = (i / WIDE, i % WIDE);
        [col as f64 + 0.5 * (row % 2) as f64, row as f64 * 0.866]
    };
    let band = |i: usize| ((point(i)[1] / 12.0 + (point(i)[0] / 40.0).sin()).max(0.0) as u32) % 20;
    let mut adata = AnnData::new(None, Frame::with_range_index(N), Frame::default())?;
    adata.set_obsm("spatial", &Coords::new(2, (0..N).flat_map(point).collect())?)?;
    adata.set_obs("domain", Labels::from_clusters(&(0..N).map(band).collect::<Vec<_>>()))?;
    adata.set_obs("depth", Column::Float((0..N).map(|i| point(i)[1]).collect()))?;

    for key in ["domain", "depth"] {
        let params = SpatialParams { color: vec![key.into()], ..SpatialParams::default() };
        let start = Instant::now();
        let figure = spatial(&adata, &params, &Ctx::default())?;
        println!("{key}: figure {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
        for format in [Format::Png, Format::Svg, Format::Pdf] {
            let start = Instant::now();
            let bytes = figure.encode(format)?.len();
            println!("  {format:?}: {:.1} ms, {} kB", start.elapsed().as_secs_f64() * 1e3, bytes / 1000);
        }
    }
    Ok(())
}

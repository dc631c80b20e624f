//! A small made-up tissue: stripes, each with genes of its own.

use rand::RngExt;
use tegula::core::{AnnData, Column, Coords, Csr, Ctx, Dense, Frame, Labels};

/// A tissue of `side × side` spots on a jittered grid with three stripes; `genes` genes, a third of them for each stripe.
pub(crate) fn tissue(side: usize, genes: usize) -> AnnData {
    let mut rng = Ctx::new(1).rng("tissue", 0);
    let n = side * side;
    let (mut counts, mut xy, mut stripe) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..n {
        let (x, y) = ((i % side) as f64, (i / side) as f64);
        xy.extend([x + 0.2 * rng.random::<f64>(), y + 0.2 * rng.random::<f64>()]);
        let domain = (3 * (i % side) / side) as u32;
        stripe.push(domain);
        for g in 0..genes {
            let mean = if g as u32 % 3 == domain { 4.0 } else { 0.8 };
            // A geometric draw with that mean: counts with many zeros, as in real data.
            let p: f64 = mean / (1.0 + mean);
            let draw = (rng.random::<f64>().max(1e-12).ln() / p.ln()).floor();
            counts.push(draw as f32);
        }
    }
    let x = Csr::from_dense(&Dense::new(n, genes, counts).unwrap());
    let obs = Frame::new((0..n).map(|i| format!("spot{i}")).collect());
    let var = Frame::new((0..genes).map(|g| format!("gene{g}")).collect());
    let mut adata = AnnData::new(Some(x.into()), obs, var).unwrap();
    adata.set_obsm("spatial", &Coords::new(2, xy).unwrap()).unwrap();
    adata.set_obs("stripe", Labels::from_clusters(&stripe)).unwrap();
    adata.set_obs("area", Column::Float(vec![1.0; n])).unwrap();
    adata
}

//! What is stored beside the embedding: rebuilt expression, the graph as a table.

use tegula_core::{AnnData, Column, Coords, Csr, Ctx, Dense, Error, Frame, Result, Step};

use super::StagateParams;
use super::fit::Trained;

/// Values that a rebuilt matrix may have: 16 GB.
const MOST: usize = 4_000_000_000;

/// Rebuilt expression, not below 0.
pub(super) enum Rebuilt {
    /// Of all variables.
    Layer(Dense),
    /// Of some.
    Table(Frame),
}

/// Which of the genes the network knows are to be rebuilt.
pub(super) fn wanted(params: &StagateParams, n_obs: usize, genes: &[String]) -> Result<Vec<u32>> {
    let place = |name: &String| {
        let at = genes.iter().position(|g| g == name).map(|k| k as u32);
        let must =
            "names of genes the network is trained on (highly variable ones only, unless use_highly_variable is false)";
        at.ok_or_else(|| StagateParams::refuse("reconstruction_genes", format!("`{name}`"), must))
    };
    let chosen: Vec<u32> = match &params.reconstruction_genes[..] {
        [] => (0..genes.len() as u32).collect(),
        names => names.iter().map(place).collect::<Result<_>>()?,
    };
    if params.save_reconstruction && chosen.len().saturating_mul(n_obs) > MOST {
        let must = format!("false, or reconstruction_genes fewer: {n_obs} × {} numbers take over 16 GB", chosen.len());
        return Err(StagateParams::refuse("save_reconstruction", true, &must));
    }
    Ok(chosen)
}

/// Rebuilds the chosen genes; a layer where those are all variables in their order.
pub(super) fn rebuild(
    adata: &AnnData,
    trained: &mut Trained,
    chosen: &[u32],
    genes: &[String],
    whole: bool,
    ctx: &Ctx<'_>,
) -> Result<Rebuilt> {
    let (n, m) = (adata.n_obs(), chosen.len());
    let Trained { net, problem, order, .. } = trained;
    let clipped = |row: &[f32]| row[..m].iter().map(|v| v.max(0.0)).collect::<Vec<f32>>();
    if whole {
        let mut layer = vec![0f32; n * m];
        net.reconstruct(problem, chosen, |i, row| {
            layer[order[i] as usize * m..][..m].copy_from_slice(&clipped(row));
            going(i, ctx)
        })?;
        return Ok(Rebuilt::Layer(Dense::new(n, m, layer)?));
    }
    let mut columns = vec![vec![0f32; n]; m];
    net.reconstruct(problem, chosen, |i, row| {
        for (column, value) in columns.iter_mut().zip(clipped(row)) {
            column[order[i] as usize] = value;
        }
        going(i, ctx)
    })?;
    let mut table = Frame::new(adata.obs().index().to_vec());
    for (&g, column) in chosen.iter().zip(columns) {
        table.insert(&genes[g as usize], Column::Float32(column))?;
    }
    Ok(Rebuilt::Table(table))
}

/// Looks now and then whether the user gave up.
fn going(i: usize, ctx: &Ctx<'_>) -> Result<()> {
    if i.is_multiple_of(256) { ctx.tick(StagateParams::ID, 0) } else { Ok(()) }
}

/// The edges as STAGATE's table: names of both ends, and how far they are apart.
pub(super) fn spatial_net(adata: &AnnData, graph: &Csr, coords: &Coords) -> Result<Frame> {
    let names = adata.obs().index();
    let edges = || (0..graph.n_rows()).flat_map(|i| graph.row(i).0.iter().map(move |&j| (i, j as usize)));
    if graph.n_rows() != coords.len() {
        return Err(Error::shape("positions", format!("({})", coords.len()), format!("({})", graph.n_rows())));
    }
    let mut table = Frame::with_range_index(graph.nnz());
    table.insert("Cell1", Column::Str(edges().map(|(i, _)| names[i].clone()).collect()))?;
    table.insert("Cell2", Column::Str(edges().map(|(_, j)| names[j].clone()).collect()))?;
    table.insert("Distance", Column::Float(edges().map(|(i, j)| coords.distance2(i, j).sqrt()).collect()))?;
    Ok(table)
}

//! Spatially constrained clustering against the reference's graph and quality.

use std::path::{Path, PathBuf};

use serde_json::json;
use tegula_algo::cluster::METHODS;
use tegula_algo::cluster::scc::{ClusterMethod, SccParams, scc, scc_graph};
use tegula_core::{AnnData, Coords, Ctx, Dense, Error, Frame, Graph};

use crate::data::data;
use crate::graph::same_for_any_threads;

/// The folder of reference results for spatially constrained clustering, if it is on this machine.
pub(crate) fn golden() -> Option<PathBuf> {
    data("golden/scc")
}

/// The numbers of a two-dimensional .npy file and its width.
pub(crate) fn npy(path: &Path) -> (usize, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + header_len]).into_owned();
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split("'shape': (").nth(1).and_then(|s| s.split(')').next()).unwrap();
    let width = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let body = &bytes[10 + header_len..];
    let values = if header.contains("<f4") {
        body.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
    } else {
        assert!(header.contains("<f8"), "{header}");
        body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    (width, values)
}

/// Whole numbers, one line after the other.
pub(crate) fn lines(path: &Path) -> Vec<Vec<u32>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|l| l.split(',').map(|v| v.trim().parse().unwrap()).collect()).collect()
}

fn features(folder: &Path) -> Dense {
    let (d, v) = npy(&folder.join("pcs.npy"));
    Dense::new(v.len() / d, d, v.into_iter().map(|x| x as f32).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn positions(folder: &Path) -> Coords {
    let (dim, v) = npy(&folder.join("spatial.npy"));
    Coords::new(dim, v).unwrap()
}

/// STARmap visual cortex, 1207 cells, 30 components; the reference's 30 and 8 neighbours count the cell itself.
#[test]
fn the_joint_graph_is_that_of_the_reference() {
    let Some(folder) = golden() else { return };
    let (features, coords) = (features(&folder), positions(&folder));
    let graph = same_for_any_threads(|| scc_graph(&features, &coords, 29, 7, &Ctx::default()).unwrap());
    let mut edges = Vec::new();
    for e in lines(&folder.join("scc_s8_directed_edges.csv")) {
        edges.push((e[0], e[1], 1.0));
        edges.push((e[1], e[0], 1.0));
    }
    assert_eq!(edges.len(), 2 * 42_314);
    assert_eq!(graph, Graph::from_edges(features.n_rows(), &edges).unwrap());
}

/// Mean RB quality of the reference over its seeds (`quality.json`), as a share of all weight.
#[test]
fn quality_reaches_the_reference() {
    let Some(folder) = golden() else { return };
    let (features, coords) = (features(&folder), positions(&folder));
    for (method, resolution, mean) in [
        (ClusterMethod::Louvain, 1.0, 48_654.936),
        (ClusterMethod::Leiden, 1.0, 48_756.342),
        (ClusterMethod::Louvain, 2.0, 36_597.446),
        (ClusterMethod::Leiden, 2.0, 36_863.258),
    ] {
        let params = SccParams { e_neigh: 29, s_neigh: 7, resolution, cluster_method: method, ..SccParams::default() };
        let seeds = if method == ClusterMethod::Louvain { 20 } else { 10 };
        let quality: f64 =
            (0..seeds).map(|seed| scc(&features, &coords, &params, &Ctx::new(seed)).unwrap().0.quality).sum();
        let (ours, reference) = (quality / seeds as f64, mean / (2.0 * 42_314.0));
        eprintln!("{method:?} at {resolution}: {ours:.6} against {reference:.6}");
        assert!(ours >= reference, "{method:?} at {resolution}: {ours} against {reference}");
    }
}

/// Two patches that differ in expression, 60 observations on a strip.
pub(crate) fn two_patches() -> AnnData {
    let mut adata = AnnData::new(None, Frame::with_range_index(60), Frame::default()).unwrap();
    let value = |i: usize| [if i < 30 { 0.0 } else { 9.0 } + ((i * 7) % 5) as f32 / 10.0, ((i * 3) % 7) as f32 / 10.0];
    adata.set_obsm("X_pca", Dense::new(60, 2, (0..60).flat_map(value).collect::<Vec<_>>()).unwrap()).unwrap();
    let at = |i: usize| [(i / 3) as f64, (i % 3) as f64];
    adata.set_obsm("spatial", &Coords::new(2, (0..60).flat_map(at).collect()).unwrap()).unwrap();
    adata
}

fn run(adata: &mut AnnData, params: serde_json::Value) -> tegula_core::Result<()> {
    let method = METHODS.iter().find(|m| m.id() == "tl.scc").expect("tl.scc is registered");
    method.step(params)?.run(adata, &Ctx::default()).map(|_| ())
}

#[test]
fn the_step_finds_two_patches_and_keeps_its_graph() {
    for method in ["leiden", "louvain"] {
        let mut adata = two_patches();
        run(&mut adata, json!({"e_neigh": 10, "n_clusters": 2, "cluster_method": method})).unwrap();
        let found = adata.labels("scc").unwrap();
        assert!((0..60).all(|i| (found.get(i) == found.get(0)) == (i < 30)), "{found:?}");
        assert!(adata.graph("scc_connectivities", "").unwrap().is_symmetric());
        assert!(adata.uns()["scc"].as_dict().unwrap()["quality"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn stored_neighbours_give_the_same_domains_as_a_search() {
    let mut adata = two_patches();
    let e = run(&mut adata, json!({"e_neigh": 10, "neighbors_key": "neighbors"})).unwrap_err();
    assert!(matches!(e, Error::Missing { .. }) && e.to_string().contains("run pp.neighbors first"), "{e}");
    let neighbors = tegula_algo::graph::METHODS.iter().find(|m| m.id() == "pp.neighbors").unwrap();
    neighbors.step(json!({"n_neighbors": 10})).unwrap().run(&mut adata, &Ctx::default()).unwrap();
    let made = |adata: &AnnData| (adata.labels("scc").unwrap(), adata.graph("scc_connectivities", "").unwrap());
    run(&mut adata, json!({"e_neigh": 10})).unwrap();
    let searched = made(&adata);
    run(&mut adata, json!({"e_neigh": 10, "neighbors_key": "neighbors", "pca_key": "none"})).unwrap();
    assert_eq!(searched, made(&adata));
    run(&mut adata, json!({"e_neigh": 7, "neighbors_key": "neighbors"})).unwrap();
    assert!(made(&adata).1.n_edges() < searched.1.n_edges(), "the nearest of those stored");
    let e = run(&mut adata, json!({"e_neigh": 11, "neighbors_key": "neighbors"})).unwrap_err().to_string();
    assert!(e.starts_with("obsp[\"distances\"]: holds fewer than 11 neighbours"), "{e}");
}

#[test]
fn the_step_says_what_is_wrong_and_stores_nothing() {
    let mut adata = two_patches();
    let e = run(&mut adata, json!({"e_neigh": 60})).unwrap_err();
    assert_eq!(e.to_string(), "`e_neigh` of `tl.scc` is 60; it must be at most 59: there are 60 observations");
    assert!(matches!(run(&mut adata, json!({"s_neigh": 0})), Err(Error::Param { .. })));
    assert!(matches!(run(&mut adata, json!({"pca_key": "none"})), Err(Error::Missing { .. })));
    assert!(matches!(run(&mut adata, json!({"n_pcs": 3})), Err(Error::Param { .. })));
    assert!(adata.obs().get("scc").is_none() && adata.uns().is_empty());
}

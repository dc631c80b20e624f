//! The table of neighbourhoods and resolutions.

use serde_json::json;
use tegula_algo::cluster::METHODS;
use tegula_algo::cluster::scc::{SccParams, scc, scc_graph};
use tegula_algo::cluster::{SweepParams, leiden, sweep};
use tegula_algo::metrics::{chaos, pas, silhouette};
use tegula_core::{AnnData, Ctx, Error, Labels, Value};

use crate::graph::same_for_any_threads;
use crate::scc::two_patches;

fn params() -> SweepParams {
    SweepParams {
        s_neigh: vec![8, 4],
        e_neigh: vec![5, 10],
        resolution: vec![0.3, 3.0],
        n_runs: 6,
        ..Default::default()
    }
}

fn truth() -> Labels {
    Labels::from_clusters(&(0..60).map(|i| u32::from(i >= 30)).collect::<Vec<_>>())
}

#[test]
fn every_cell_is_there_and_its_numbers_are_those_of_its_graph() {
    let adata = two_patches();
    let (features, coords) = (adata.embedding("X_pca", "").unwrap(), adata.coords("spatial").unwrap());
    let params = SweepParams { silhouette: true, ..params() };
    let found = same_for_any_threads(|| sweep(&features, &coords, Some(&truth()), &params, &Ctx::new(2)).unwrap());
    let cells: Vec<_> = found.rows.iter().map(|r| (r.s_neigh, r.e_neigh, r.resolution)).collect();
    assert_eq!(
        cells,
        [(8, 5, 0.3), (8, 5, 3.0), (8, 10, 0.3), (8, 10, 3.0), (4, 5, 0.3), (4, 5, 3.0), (4, 10, 0.3), (4, 10, 3.0)]
    );
    // At the low resolution the two patches are what every run finds: all columns can be computed by hand.
    for row in found.rows.iter().filter(|r| r.resolution == 0.3) {
        assert_eq!((row.n_clusters, row.stability, row.ari), (2, 1.0, Some(1.0)));
        assert_eq!(row.chaos, chaos(&coords, &truth()).unwrap());
        assert_eq!(row.pas, pas(&coords, &truth()).unwrap());
        assert_eq!(row.silhouette, Some(silhouette(&features, &truth(), &Ctx::default()).unwrap()));
        // The graph cut from the largest neighbourhoods is the graph of the smaller ones.
        let graph = scc_graph(&features, &coords, row.e_neigh, row.s_neigh, &Ctx::default()).unwrap();
        let low = tegula_algo::cluster::LeidenParams { resolution: 0.3, ..Default::default() };
        let same = leiden(&graph, &low, &Ctx::new(0)).unwrap();
        assert!((row.quality - same.quality).abs() < 1e-12, "{} {}", row.quality, same.quality);
        let split: Vec<u32> = (0..60).map(|i| u32::from(i >= 30)).collect();
        assert!((row.modularity - tegula_algo::metrics::modularity(&graph, &split, 1.0)).abs() < 1e-12);
    }
    assert!(found.rows.iter().any(|r| r.stability < 1.0), "and something there is less stable");
    assert_eq!(found.rows[found.recommended].n_clusters, 2);
}

#[test]
fn a_number_of_domains_makes_the_cells_comparable() {
    let adata = two_patches();
    let (features, coords) = (adata.embedding("X_pca", "").unwrap(), adata.coords("spatial").unwrap());
    let params = SweepParams { n_clusters: Some(3), ..params() };
    let found = sweep(&features, &coords, None, &params, &Ctx::new(0)).unwrap();
    assert_eq!(found.rows.len(), 4, "the resolution is searched, not tried");
    assert!(found.rows.iter().all(|r| r.n_clusters == 3 && r.ari.is_none() && r.silhouette.is_none()));
    // What is recommended can be had from tl.scc.
    let row = &found.rows[found.recommended];
    let again = SccParams { s_neigh: row.s_neigh, e_neigh: row.e_neigh, n_clusters: Some(3), ..SccParams::default() };
    assert_eq!(scc(&features, &coords, &again, &Ctx::new(0)).unwrap().0.n_clusters, 3);
}

fn step(adata: &mut AnnData, params: serde_json::Value) -> tegula_core::Result<tegula_core::Dict> {
    let method = METHODS.iter().find(|m| m.id() == "tl.sweep").expect("tl.sweep is registered");
    method.step(params)?.run(adata, &Ctx::default())
}

#[test]
fn the_step_writes_a_table_and_a_recommendation() {
    let mut adata = two_patches();
    adata.set_obs("layer", truth()).unwrap();
    let small =
        json!({"s_neigh": [4, 8], "e_neigh": [10], "resolution": [0.3, 1.0], "n_runs": 2, "labels_key": "layer"});
    let outcome = step(&mut adata, small).unwrap();
    assert_eq!(outcome["n_cells"], Value::from(4usize));
    let noted = adata.uns()["sweep"].as_dict().unwrap();
    let Value::Frame(table) = &noted["table"] else { panic!("{noted:?}") };
    let columns: Vec<&str> = table.columns().keys().map(String::as_str).collect();
    let wanted = "s_neigh e_neigh resolution n_clusters stability quality modularity chaos pas ari";
    assert_eq!(columns, wanted.split(' ').collect::<Vec<_>>());
    assert_eq!(table.n_rows(), 4);
    let row = outcome["row"].as_f64().unwrap() as usize;
    let of = |name: &str| table.get(name).unwrap().to_f64().unwrap()[row];
    let recommended = noted["recommended"].as_dict().unwrap();
    for name in ["s_neigh", "e_neigh", "resolution", "n_clusters", "stability"] {
        assert_eq!(recommended[name].as_f64(), Some(of(name)), "{name}");
    }
}

#[test]
fn what_cannot_be_tried_is_refused_and_nothing_is_stored() {
    let mut adata = two_patches();
    for bad in [
        json!({"s_neigh": []}),
        json!({"e_neigh": [5, 0]}),
        json!({"resolution": []}),
        json!({"resolution": [-1.0]}),
        json!({"n_runs": 0}),
        json!({"n_clusters": 0}),
        json!({"key_added": ""}),
        json!({"e_neigh": [5, 60]}),
        json!({"n_clusters": 61}),
    ] {
        let e = step(&mut adata, bad.clone());
        assert!(matches!(e, Err(Error::Param { .. })), "{bad}: {e:?}");
    }
    assert!(matches!(step(&mut adata, json!({"labels_key": "none"})), Err(Error::Missing { .. })));
    assert!(adata.uns().is_empty());
}

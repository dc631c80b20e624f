//! Smoothing and naming of labels.

use serde_json::json;
use tegula_algo::smooth::smooth;
use tegula_algo::{annotate, smooth as room};
use tegula_core::{AnnData, Array, Coords, Ctx, Error, Frame, Labels, Method};

use crate::graph::same_for_any_threads;
use crate::scc::{golden, lines, positions};

fn run(room: &[&dyn Method], adata: &mut AnnData, params: serde_json::Value) -> tegula_core::Result<()> {
    room[0].step(params)?.run(adata, &Ctx::default()).map(|_| ())
}

#[test]
fn smoothed_labels_are_those_of_the_reference() {
    let Some(folder) = golden() else { return };
    let read = |name: &str| -> Vec<u32> { lines(&folder.join(name)).into_iter().map(|l| l[0]).collect() };
    let labels = Labels::from_clusters(&read("louvain_scc_s8_res2_seed42.csv"));
    let coords = positions(&folder);
    let smoothed = same_for_any_threads(|| smooth(&labels, &coords, 10).unwrap());
    let expected: Vec<i32> = read("smooth10_of_louvain_res2.csv").into_iter().map(|c| c as i32).collect();
    assert_eq!(smoothed.codes(), expected);
}

/// Observations in a row at 0, 1, 2.1, 3.3, …: the left one is always the nearer.
fn row(labels: Labels) -> AnnData {
    let n = labels.len();
    let mut adata = AnnData::new(None, Frame::with_range_index(n), Frame::default()).unwrap();
    let at = |i: usize| [i as f64 + 0.05 * (i * i) as f64, 0.0];
    adata.set_obsm("spatial", &Coords::new(2, (0..n).flat_map(at).collect()).unwrap()).unwrap();
    adata.set_obs("scc", labels).unwrap();
    adata
}

#[test]
fn a_tie_goes_to_the_label_with_the_nearest_member() {
    let mut adata = row(Labels::from_clusters(&[0, 2, 1, 1]));
    run(room::METHODS, &mut adata, json!({"n_neighbors": 2})).unwrap();
    assert_eq!(adata.labels("scc_smooth").unwrap().codes(), &[2, 0, 2, 1]);
}

#[test]
fn the_unlabelled_stay_so_and_have_no_vote() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    let adata = row(Labels::new(vec![-1, 0, -1, 1, 1], names, false).unwrap());
    let smoothed = smooth(&adata.labels("scc").unwrap(), &adata.coords("spatial").unwrap(), 2).unwrap();
    assert_eq!(smoothed.codes(), &[-1, 0, -1, 1, 1]);
}

#[test]
fn colours_follow_and_too_many_neighbours_are_refused() {
    let mut adata = row(Labels::from_clusters(&[0, 1, 1]));
    adata.set_uns("scc_colors", Array::strings(vec!["#000000".into(), "#ffffff".into()]));
    run(room::METHODS, &mut adata, json!({"n_neighbors": 2, "key_added": "s"})).unwrap();
    assert_eq!(adata.uns()["s_colors"], adata.uns()["scc_colors"]);
    assert!(matches!(run(room::METHODS, &mut adata, json!({"n_neighbors": 3})), Err(Error::Param { .. })));
    assert!(matches!(
        run(room::METHODS, &mut adata, json!({"key": "no", "n_neighbors": 1})),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn clusters_get_names_and_a_map_that_does_not_fit_is_refused() {
    let mut adata = row(Labels::new(vec![0, 1, 2, -1], vec!["0".into(), "1".into(), "2".into()], false).unwrap());
    run(annotate::METHODS, &mut adata, json!({"map": ["0=white, dorsal,1=TEG", "2=TEG"]})).unwrap();
    let named = adata.labels("scc_anno").unwrap();
    assert_eq!(named.categories(), ["TEG", "white, dorsal"]);
    assert_eq!(named.codes(), &[1, 0, 0, -1]);
    let mut fails = |map: &[&str], says: &str| {
        let e = run(annotate::METHODS, &mut adata, json!({ "map": map })).unwrap_err();
        assert!(e.to_string().contains(says), "{e}");
    };
    fails(&["0=a,1=b"], "no name for cluster 2");
    fails(&["0=a,1=b,2=c,7=d"], "there is no cluster 7; the clusters are 0, 1, 2");
    fails(&["0=a,0=b"], "one name per cluster");
    fails(&["zero"], "`cluster=name` pairs");
    fails(&[], "`cluster=name` pairs");
    run(annotate::METHODS, &mut adata, json!({"map": ["0=a"], "default": "rest", "key_added": "x"})).unwrap();
    assert_eq!(adata.labels("x").unwrap().codes(), &[0, 1, 1, -1]);
}

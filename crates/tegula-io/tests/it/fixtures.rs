//! Files as other tools wrote them.

use tegula_core::{AnnData, ArrayData, Column, Matrix, Slot, Value};
use tegula_io::{WriteOptions, read_h5ad, write_h5ad};

use crate::data::{assert_same, shared};

#[test]
fn every_labelled_set_survives_being_encoded_anew() {
    let names = [
        "breast_cancer_4layers",
        "dlpfc_151673",
        "dlpfc_151674",
        "her2st_A1",
        "her2st_A2",
        "her2st_B1",
        "merfish_poa_a1_m0.29",
        "merfish_poa_a1_p0.26_p0.21",
        "merfish_poa_a7_p0.16",
        "osmfish",
        "seqfish_embryo2",
        "slideseqv2_hippo_subset",
        "starmap_by3_1207",
        "starmap_mpfc_BZ5",
        "starmap_mpfc_BZ9",
    ];
    for name in names {
        let Some(path) = shared(&format!("labelled/{name}.h5ad")) else { continue };
        let mut a = read_h5ad(&path).unwrap();
        assert!(a.has(&Slot::obsm("spatial")), "{name}");
        a.set_origin(None);
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.h5ad");
        write_h5ad(&a, &out, &WriteOptions { gzip: Some(1), ..Default::default() }).unwrap();
        assert_same(&read_h5ad(&out).unwrap(), &a);
    }
}

#[test]
fn the_oldest_layout_is_understood() {
    let Some(path) = shared("fixtures/anndata_archives/v0.5.0/adata.h5ad") else { return };
    let a = read_h5ad(path).unwrap();
    assert_eq!((a.n_obs(), a.n_vars()), (700, 765));
    assert!(matches!(a.obs().get("louvain"), Some(Column::Labels(l)) if l.categories().len() == 11));
    assert!(matches!(a.var().get("highly_variable"), Some(Column::Bool(_))));
    assert_eq!(a.obsm()["X_pca"].shape_text(), "(700, 50)");
    assert!(matches!(&a.raw().unwrap().x, Matrix::Csr(m) if m.nnz() == 174_400));
    assert!(a.uns().get("louvain_categories").is_none());
}

#[test]
fn a_file_without_x_is_read() {
    let Some(path) = shared("fixtures/anndata_archives/v0.11.4/adata.h5ad") else { return };
    let a = read_h5ad(path).unwrap();
    assert_eq!((a.n_obs(), a.n_vars(), a.x().is_none()), (10, 20, true));
}

#[test]
fn structured_arrays_are_read_and_carried_over() {
    let Some(path) = shared("fixtures/anndata_archives/v0.5.0/adata.h5ad") else { return };
    let mut a = read_h5ad(path).unwrap();
    let names = |a: &AnnData| match &a.uns()["rank_genes_groups"].as_dict().unwrap()["names"] {
        Value::Records(r) => r.clone(),
        other => panic!("{other:?}"),
    };
    let read = names(&a);
    assert!(read.len() >= 10 && read.fields().values().all(|v| matches!(v, ArrayData::Str(_))), "{read:?}");
    a.set_uns("new", 1usize);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.h5ad");
    write_h5ad(&a, &out, &WriteOptions::default()).unwrap();
    assert_eq!(names(&read_h5ad(&out).unwrap()), read);
    // Encoded anew, as variable-length texts.
    let ranked = a.uns()["rank_genes_groups"].clone();
    a.set_uns("rank_genes_groups", ranked);
    write_h5ad(&a, &out, &WriteOptions::default()).unwrap();
    assert_eq!(names(&read_h5ad(&out).unwrap()), read);
}

//! Files as instruments and other programs wrote them, recognised by content. Expected numbers: scanpy 1.11.5, squidpy
//! 1.6, anndata 0.12 on the same files (`tests/python/test_formats.py` compares everything).

use std::path::Path;

use tegula_core::{AnnData, Column, Matrix, Value};
use tegula_io::{FORMATS, ReadOptions, Reading, read_with};

use crate::data::shared;

fn read(path: &Path) -> Reading {
    read_with(path, &ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn total(a: &AnnData) -> f64 {
    a.x().map_or(0.0, |x| x.values().iter().map(|&v| f64::from(v)).sum())
}

fn csr(a: &AnnData) -> usize {
    match a.x() {
        Some(Matrix::Csr(m)) => m.nnz(),
        other => panic!("not sparse: {other:?}"),
    }
}

#[test]
fn every_format_is_in_the_documentation() {
    let text = include_str!("../../../../docs/formats.md");
    for f in FORMATS {
        assert!(text.contains(&format!("`{}`", f.name)), "docs/formats.md does not name `{}`", f.name);
        assert!(text.contains(f.title), "docs/formats.md does not name {}", f.title);
    }
}

#[test]
fn options_that_a_format_does_not_know_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    tegula_io::atomic::write(&path, b"cell,A\na,1\n").unwrap();
    let known = ReadOptions { genes_in_rows: true, ..ReadOptions::default() };
    assert_eq!(read_with(&path, &known).unwrap().adata.obs().index(), ["A"]);
    let named = || Some("x".to_owned());
    for (name, options) in [
        ("bin_size", ReadOptions { bin_size: Some(50), ..ReadOptions::default() }),
        ("label_column", ReadOptions { label_column: named(), ..ReadOptions::default() }),
        ("genome", ReadOptions { genome: named(), ..ReadOptions::default() }),
        ("table", ReadOptions { table: named(), ..ReadOptions::default() }),
    ] {
        let e = read_with(&path, &options).unwrap_err().to_string();
        assert!(e.contains(name) && e.contains("says nothing about table of expression (csv, tsv), only about"), "{e}");
    }
}

#[test]
fn fixtures_are_recognised_for_what_they_are() {
    for (path, format, shape) in [
        ("fixtures/scanpy/10x_data/1.2.0/filtered_gene_bc_matrices_h5.h5", "10x_h5", (12, 343)),
        ("fixtures/scanpy/10x_data/3.0.0/filtered_feature_bc_matrix.h5", "10x_h5", (1107, 507)),
        ("fixtures/scanpy/visium_data/2.1.0/raw_probe_bc_matrix.h5", "10x_h5", (4987, 1000)),
        ("fixtures/scanpy/10x_data/1.2.0/filtered_gene_bc_matrices/hg19_chr21", "10x_mtx", (12, 343)),
        ("fixtures/scanpy/10x_data/3.0.0/filtered_feature_bc_matrix", "10x_mtx", (1107, 507)),
        ("fixtures/scanpy/10x_data/int-ids", "10x_mtx", (5, 6)),
        ("fixtures/seurat/cr2_mtx", "10x_mtx", (80, 240)),
        ("fixtures/seurat/cr3.0", "10x_mtx", (5, 3)),
        ("fixtures/scanpy/visium_data/1.0.0", "visium", (100, 100)),
        ("fixtures/squidpy_visium", "visium", (100, 100)),
        ("fixtures/seurat/visium", "visium", (2695, 100)),
        ("fixtures/SpatialExperiment/10xVisium/section1", "visium", (50, 50)),
        ("fixtures/loom/osmFISH_SScortex_mouse_all_cells.loom", "loom", (6471, 33)),
        ("fixtures/scanpy/10x-10k-subset.zarr", "zarr", (10000, 1000)),
        ("fixtures/scanpy/10x_pbmc68k_reduced.zarr.zip", "zarr", (700, 765)),
        ("fixtures/anndata_archives/v0.11.4/adata.zarr.zip", "zarr", (10, 20)),
        ("fixtures/anndata_archives/v0.11.4/adata.h5ad", "h5ad", (10, 20)),
    ] {
        let Some(p) = shared(path) else { continue };
        let r = read(&p);
        assert_eq!((r.format, (r.adata.n_obs(), r.adata.n_vars())), (format, shape), "{path}");
    }
}

#[test]
fn a_zarr_store_holds_what_the_h5ad_of_the_same_data_holds() {
    for version in ["v0.7.0", "v0.7.8", "v0.11.4"] {
        let folder = format!("fixtures/anndata_archives/{version}");
        let Some(zarr) = shared(&format!("{folder}/adata.zarr.zip")) else { continue };
        let (z, h) = (read(&zarr).adata, read(&shared(&format!("{folder}/adata.h5ad")).unwrap()).adata);
        assert_eq!((z.n_obs(), z.n_vars()), (h.n_obs(), h.n_vars()), "{version}");
        assert_eq!(z.obs().columns().len(), h.obs().columns().len(), "{version}");
        assert_eq!(z.obsm().keys().collect::<Vec<_>>(), h.obsm().keys().collect::<Vec<_>>(), "{version}");
    }
}

#[test]
fn several_genomes_are_refused_with_their_names_and_read_by_name() {
    let Some(p) = shared("fixtures/scanpy/10x_data/1.2.0/multiple_genomes.h5") else { return };
    let e = read_with(&p, &ReadOptions::default()).unwrap_err().to_string();
    assert!(e.ends_with("holds several genomes; choose one with `genome`: another_genome, hg19_chr21"), "{e}");
    let genome = |name: &str| ReadOptions { genome: Some(name.into()), ..Default::default() };
    assert_eq!(read_with(&p, &genome("hg19_chr21")).unwrap().adata.n_obs(), 12);
    let e = read_with(&p, &genome("mm10")).unwrap_err().to_string();
    assert!(e.ends_with("`mm10` is not in the file; it has another_genome, hg19_chr21"), "{e}");
}

#[test]
fn a_visium_folder_has_the_slots_of_scanpy() {
    let Some(p) = shared("fixtures/scanpy/visium_data/1.0.0") else { return };
    let Reading { adata, notes, .. } = read(&p);
    assert_eq!(adata.coords("spatial").unwrap().len(), 100);
    assert_eq!(csr(&adata), 656);
    for key in ["in_tissue", "array_row", "array_col"] {
        assert!(matches!(adata.obs().get(key), Some(Column::Int(_))), "{key}");
    }
    let spatial = adata.uns()["spatial"].as_dict().unwrap();
    let section = spatial["custom"].as_dict().unwrap();
    assert_eq!(section.keys().collect::<Vec<_>>(), ["images", "scalefactors", "metadata"]);
    let images = section["images"].as_dict().unwrap();
    assert_eq!(images.keys().collect::<Vec<_>>(), ["hires", "lowres"]);
    assert!(
        matches!(&images["hires"], Value::Array(a) if a.shape().len() == 3 && a.data().to_f64().unwrap().iter().all(|v| (0.0..=1.0).contains(v)))
    );
    assert!(section["scalefactors"].as_dict().unwrap()["tissue_hires_scalef"].as_f64().unwrap() > 0.0);
    assert_eq!(section["metadata"].as_dict().unwrap()["chemistry_description"].as_str(), Some("Single Cell 3' v3"));
    assert!(notes.is_empty(), "{notes:?}");
    let plain = read_with(&p, &ReadOptions { images: false, library_id: Some("s1".into()), ..Default::default() })
        .unwrap()
        .adata;
    let section = plain.uns()["spatial"].as_dict().unwrap()["s1"].as_dict().unwrap();
    assert!(section["images"].as_dict().unwrap().is_empty());
}

#[test]
fn barcodes_without_a_position_stay_and_are_told_of_or_are_left_out() {
    let Some(p) = shared("fixtures/SpatialExperiment/10xVisium/section2") else { return };
    let raw = ReadOptions { raw: true, ..Default::default() };
    let kept = read_with(&p, &raw).unwrap();
    let placed = read_with(&p, &ReadOptions { drop_unplaced: true, ..raw }).unwrap();
    let note = kept.notes.iter().find(|n| n.contains("have no position")).unwrap_or_else(|| panic!("{:?}", kept.notes));
    assert!(note.contains("tissue_positions_list.csv"), "{note}");
    assert!(kept.adata.coords("spatial").unwrap_err().to_string().contains("has the position NaN"));
    assert!(placed.adata.n_obs() < kept.adata.n_obs());
    assert_eq!(placed.adata.coords("spatial").unwrap().len(), placed.adata.n_obs());
}

#[test]
fn positions_in_parquet_are_read() {
    let Some(p) = shared("fixtures/seurat/visium_hd/binned_outputs/square_016um/spatial/tissue_positions.parquet")
    else {
        return;
    };
    // pyarrow 21: pq.read_table(...).to_pandas()
    let t = tegula_io::read_parquet(p).unwrap();
    assert_eq!(t.n_rows(), 1248);
    assert!(matches!(t.get("barcode"), Some(Column::Str(v)) if v.iter().max().unwrap() == "TTGTTCTAGATACGCT-1"));
    let x = t.get("pxl_col_in_fullres").unwrap().to_f64().unwrap();
    assert_eq!(x.iter().copied().fold(f64::INFINITY, f64::min), -830.967_288_747_788_6);
    assert_eq!(x.iter().copied().fold(0.0, f64::max), 23_655.636_433_777_254);
    assert!(matches!(t.get("in_tissue"), Some(Column::Int(_))));
}

#[test]
fn a_real_gem_is_summed_in_bins() {
    let Some(p) = shared("stereoseq/SS200000135TL_D1_bin1_small.gem.gz") else { return };
    // pandas 2.3 on the same file: sum and rows of MIDCounts; groupby(x // 60, y // 60).ngroups; groupby with geneID.
    let bin = |n| read_with(&p, &ReadOptions { bin_size: Some(n), ..Default::default() }).unwrap().adata;
    let (one, sixty) = (bin(1), bin(60));
    assert_eq!((one.n_vars(), csr(&one)), (10_631, 77_634));
    assert_eq!(total(&one), total(&sixty));
    assert_eq!(sixty.obs().get("area"), Some(&Column::Int(vec![3600; sixty.n_obs()])));
    let r = read(&p);
    assert!(r.format == "gem" && r.notes[0].contains("bins of 50 × 50"), "{:?}", r.notes);
}

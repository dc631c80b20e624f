//! Bad input: a clear message with the way out, the right exit code, no file harmed.

use std::fs;
use std::path::Path;

use tegula::core::{AnnData, Array, ArrayData, Coords, Dense, Frame};

use crate::door::run_in;
use crate::files::{counts_of_one_cell, small, two_groups, write};

/// Runs the pipeline on a file and asserts how it fails; the input must be the same afterwards.
#[track_caller]
fn run_fails(dir: &Path, input: &str, code: i32, words: &[&str]) {
    let before = fs::read(dir.join(input)).ok();
    run_in(dir, &["run", input, "-o", "out", "-q"]).fails(code, words);
    assert_eq!(before, fs::read(dir.join(input)).ok(), "the input was changed");
    assert!(!dir.join("out/result.h5ad").exists(), "a result was written");
}

#[test]
fn a_missing_file() {
    let dir = tempfile::tempdir().unwrap();
    run_fails(dir.path(), "nowhere.h5ad", 1, &["`nowhere.h5ad`", "no such file"]);
}

#[test]
fn a_folder_and_a_text_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder.h5ad")).unwrap();
    run_in(dir.path(), &["run", "folder.h5ad", "-o", "out"]).fails(1, &["`folder.h5ad`", "folder"]);
    fs::write(dir.path().join("text.h5ad"), "not a table").unwrap();
    run_fails(dir.path(), "text.h5ad", 1, &["`text.h5ad`", "HDF5"]);
}

#[test]
fn a_file_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(small(dir.path(), "in.h5ad", |_| ())).unwrap();
    for part in 1..10 {
        fs::write(dir.path().join("cut.h5ad"), &whole[..whole.len() * part / 10]).unwrap();
        run_fails(dir.path(), "cut.h5ad", 1, &["`cut.h5ad`"]);
    }
}

#[test]
fn no_positions() {
    let dir = tempfile::tempdir().unwrap();
    let full = two_groups(80, 12);
    write(dir.path(), "in.h5ad", &AnnData::new(full.x().cloned(), full.obs().clone(), full.var().clone()).unwrap());
    run_fails(dir.path(), "in.h5ad", 1, &["obsm[\"spatial\"] is missing", "--spatial-key"]);
}

#[test]
fn positions_that_are_not_numbers() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |a| {
        let mut xy = vec![1.0; 160];
        xy[7] = f64::NAN;
        a.set_obsm("spatial", Array::new(vec![80, 2], ArrayData::F64(xy.into())).unwrap()).unwrap();
    });
    run_fails(dir.path(), "in.h5ad", 1, &["obsm[\"spatial\"]", "observation 3", "NaN"]);
}

#[test]
fn nan_and_negative_counts() {
    let dir = tempfile::tempdir().unwrap();
    for (bad, word) in [(f32::NAN, "NaN"), (-1.5, "negative")] {
        small(dir.path(), "in.h5ad", |a| {
            let mut x = a.x().unwrap().clone();
            x.values_mut()[5] = bad;
            a.set_x(x).unwrap();
        });
        let ran = run_in(dir.path(), &["pp", "normalize", "in.h5ad", "-o", "o.h5ad"]);
        ran.fails(1, &["X", word]);
        assert!(!dir.path().join("o.h5ad").exists());
    }
}

#[test]
fn an_empty_matrix_and_one_observation() {
    let dir = tempfile::tempdir().unwrap();
    let with_n = |n: usize| {
        let mut a = AnnData::new(
            Some(Dense::new(n, 3, vec![1.0; 3 * n]).unwrap().into()),
            Frame::with_range_index(n),
            Frame::with_range_index(3),
        )
        .unwrap();
        a.set_obsm("spatial", &Coords::new(2, vec![0.0; 2 * n]).unwrap()).unwrap();
        a
    };
    write(dir.path(), "none.h5ad", &with_n(0));
    run_fails(dir.path(), "none.h5ad", 1, &["X", "empty"]);
    write(dir.path(), "one.h5ad", &with_n(1));
    run_fails(dir.path(), "one.h5ad", 1, &["1 observation"]);
}

#[test]
fn nothing_but_zeros() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |a| a.set_x(Dense::zeros(80, 12)).unwrap());
    run_fails(dir.path(), "in.h5ad", 1, &["no gene passes the filter"]);
}

#[test]
fn some_empty_genes_and_cells_are_dropped_and_said() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |a| {
        let mut x = match a.x().unwrap() {
            tegula::core::Matrix::Csr(m) => m.to_dense(),
            tegula::core::Matrix::Dense(m) => m.clone(),
        };
        for k in 0..12 {
            x.data_mut()[k] = 0.0; // the first cell
        }
        for i in 0..80 {
            x.data_mut()[i * 12 + 3] = 0.0; // the fourth gene
        }
        a.set_x(x).unwrap();
    });
    let ran = run_in(dir.path(), &["run", "in.h5ad", "-o", "out", "--e-neigh", "10"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let info = run_in(dir.path(), &["info", "out/result.h5ad"]).ok();
    assert!(info.contains("79 observations × 11 variables"), "{info}");
}

#[test]
fn all_in_one_place_is_no_reason_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |a| a.set_obsm("spatial", &Coords::new(2, vec![3.0; 160]).unwrap()).unwrap());
    let ran = run_in(dir.path(), &["run", "in.h5ad", "-o", "out", "--e-neigh", "10"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn more_neighbours_than_there_are() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    run_in(dir.path(), &["run", "in.h5ad", "-o", "out", "--s-neigh", "80"]).fails(2, &["`s_neigh`", "79"]);
    run_in(dir.path(), &["run", "in.h5ad", "-o", "out", "--e-neigh", "0"]).fails(2, &["neigh"]);
    run_in(dir.path(), &["run", "in.h5ad", "-o", "out", "--n-comps", "500"])
        .fails(2, &["`n_comps`", "below the smaller side of the matrix (80 observations × 12 genes)"]);
}

#[test]
fn an_unknown_column_gene_or_step() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    let run = |args: &[&str]| run_in(dir.path(), args);
    run(&["run", "in.h5ad", "-o", "out", "--labels", "layer"]).fails(1, &["obs[\"layer\"] is missing", "side"]);
    run(&["metrics", "in.h5ad", "--pred", "scc"]).fails(1, &["obs[\"scc\"] is missing", "side"]);
    run(&["pl", "spatial", "in.h5ad", "-o", "f.png", "--color", "gene99"]).fails(1, &["gene99", "gene9"]);
    run(&["pl", "spatial", "in.h5ad", "-o", "f.gif", "--color", "side"]).fails(2, &["png", "svg", "pdf"]);
    run(&["tl", "leiden", "in.h5ad", "-o", "o.h5ad"]).fails(1, &["connectivities", "pp.neighbors"]);
    run(&["tl", "scc", "in.h5ad", "-o", "o.h5ad"]).fails(1, &["X_pca", "pca"]);
    run(&["tl", "leidn", "in.h5ad", "-o", "o.h5ad"]).fails(2, &["leiden"]);
    run(&["tl", "smooth", "in.h5ad", "-o", "o.h5ad", "--key", "side", "--n-neighbors", "x"])
        .fails(2, &["whole number"]);
    run(&["tl", "annotate", "in.h5ad", "-o", "o.h5ad", "--key", "side", "--map", "0=a"])
        .fails(2, &["no name for cluster 1", "default"]);
}

#[test]
fn results_do_not_go_among_the_files_of_an_instrument() {
    let dir = tempfile::tempdir().unwrap();
    let tables = dir.path().join("tables");
    counts_of_one_cell(&tables);
    run_in(dir.path(), &["run", "tables", "-o", "./tables"]).fails(2, &["--output `./tables`", "this is the input"]);
    assert_eq!(fs::read_dir(&tables).unwrap().count(), 3, "something was written");
    let file = ["run", "tables", "-o", "tables/matrix.mtx"];
    run_in(dir.path(), &file).fails(2, &["tables/matrix.mtx", "this is a file; name a folder"]);
}

#[test]
fn the_input_is_not_overwritten_unless_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = small(dir.path(), "in.h5ad", |_| ());
    let before = fs::read(&path).unwrap();
    run_in(dir.path(), &["pp", "log1p", "in.h5ad", "-o", "./in.h5ad"]).fails(2, &["--in-place"]);
    run_in(dir.path(), &["pp", "log1p", "in.h5ad"]).fails(2, &["--output"]);
    assert_eq!(before, fs::read(&path).unwrap());
    run_in(dir.path(), &["pp", "log1p", "in.h5ad", "--in-place"]).ok();
    assert_ne!(before, fs::read(&path).unwrap());
    let leftovers = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(leftovers, 1, "only the file itself remains");
}

/// A write that fails half way: a limit on file sizes stands for the full disk.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = small(dir.path(), "in.h5ad", |_| ());
    let before = fs::read(&path).unwrap();
    // `ulimit -f` counts blocks of 512 bytes; SIGXFSZ is ignored so that the write itself fails.
    let script =
        format!("trap '' XFSZ; ulimit -f 4; exec {} pp log1p in.h5ad --in-place", env!("CARGO_BIN_EXE_tegula"));
    let ran = std::process::Command::new("sh").current_dir(dir.path()).args(["-c", &script]).output().unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{err}");
    assert!(err.contains("error: `") && !err.contains("panicked"), "{err}");
    assert_eq!(before, fs::read(&path).unwrap(), "the old file is harmed");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a half file is left");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    run_in(dir.path(), &["run", "in.h5ad", "-o", "/proc/tegula"]).fails(1, &["`/proc/tegula"]);
    run_in(dir.path(), &["pp", "log1p", "in.h5ad", "-o", "no/such/folder/o.h5ad"]).fails(1, &["no/such/folder"]);
}

#[test]
fn what_needs_more_memory_than_it_may_take_is_refused_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    let scale = ["pp", "scale", "in.h5ad", "-o", "out.h5ad", "--max-memory"];
    let run = |size: &str| run_in(dir.path(), &[&scale[..], &[size]].concat());
    run("1K").fails(1, &["`pp.scale` needs about 3.8 KiB", "1.0 KiB", "fewer observations"]);
    assert!(!dir.path().join("out.h5ad").exists());
    run("lots").fails(2, &["`lots` is no size", "8G"]);
    run("1M").ok();
}

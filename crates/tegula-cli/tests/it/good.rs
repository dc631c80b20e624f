//! What the command does when all is well.

use crate::door::run_in;
use crate::files::{counts_of_one_cell, small};

#[test]
fn run_writes_everything_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    let args = ["run", "in.h5ad", "-o", "out", "--labels", "side", "--json", "--n-clusters", "2", "--e-neigh", "10"];
    let ran = run_in(dir.path(), &args);
    assert!(ran.err.contains("positions: obsm[\"spatial\"]") && ran.err.contains("ARI"), "{}", ran.err);
    let metrics: serde_json::Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(metrics["labels"]["scc_smooth"]["ari"], 1.0);
    for file in ["result.h5ad", "metrics.json", "recipe.toml", "figures/scc.png", "figures/sweep.png"] {
        assert!(dir.path().join("out").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    // The recipe that a run leaves is the recipe that its file tells of, and it runs.
    let recipe = run_in(dir.path(), &["recipe", "out/result.h5ad"]).ok();
    assert_eq!(recipe, std::fs::read_to_string(dir.path().join("out/recipe.toml")).unwrap());
    run_in(dir.path(), &["run", "in.h5ad", "-o", "again", "--recipe", "out/recipe.toml", "-q"]).ok();
}

#[test]
fn steps_chain_from_file_to_file() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    let run = |args: &[&str]| run_in(dir.path(), args).ok();
    run(&["pp", "normalize", "in.h5ad", "-o", "a.h5ad"]);
    run(&["pp", "log1p", "a.h5ad", "--in-place"]);
    run(&["pp", "pca", "a.h5ad", "-o", "b.h5ad", "--n-comps", "5"]);
    let scc = ["tl", "scc", "b.h5ad", "-o", "c.h5ad", "--s-neigh", "8", "--e-neigh", "10", "--resolution", "2"];
    run(&[&scc[..], &["--cluster-method", "louvain", "--key-added", "scc", "--pca-key", "X_pca"]].concat());
    run(&["tl", "smooth", "c.h5ad", "-o", "d.h5ad", "--key", "scc"]);
    std::fs::write(dir.path().join("names.csv"), "0,left\n1,right\n").unwrap();
    run(&["tl", "annotate", "d.h5ad", "-o", "e.h5ad", "--key", "scc", "--map", "names.csv", "--default", "other"]);
    let found = run(&["metrics", "e.h5ad", "--truth", "side", "--pred", "scc,scc_smooth", "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&found).unwrap()["labels"]["scc"]["ari"].is_number());
    let info = run(&["info", "e.h5ad"]);
    assert!(info.contains("80 observations × 12 variables") && info.contains("scc_anno"), "{info}");
    for figure in ["f.png", "f.svg", "f.pdf"] {
        run(&["pl", "spatial", "e.h5ad", "-o", figure, "--color", "scc,gene1"]);
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    for threads in ["1", "2", "8"] {
        run_in(dir.path(), &["run", "in.h5ad", "-o", threads, "--threads", threads, "-q"]).ok();
    }
    let bytes = |t: &str, file: &str| std::fs::read(dir.path().join(t).join(file)).unwrap();
    for file in ["result.h5ad", "metrics.json", "recipe.toml", "figures/domains.png"] {
        assert_eq!(bytes("1", file), bytes("2", file), "{file}");
        assert_eq!(bytes("1", file), bytes("8", file), "{file}");
    }
}

#[test]
fn the_command_tells_what_it_can_do() {
    let dir = tempfile::tempdir().unwrap();
    let list = run_in(dir.path(), &["methods"]).ok();
    assert!(list.contains("tl.scc") && list.contains("pl.spatial"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&run_in(dir.path(), &["methods", "--json"]).ok()).unwrap();
    let scc = json.as_array().unwrap().iter().find(|m| m["id"] == "tl.scc").unwrap();
    assert_eq!(scc["schema"]["properties"]["s_neigh"]["default"], 6);
    assert!(run_in(dir.path(), &["completions", "bash"]).ok().contains("_tegula"));
    assert!(run_in(dir.path(), &["man"]).ok().contains(".TH"));
    assert!(run_in(dir.path(), &["tl", "scc", "--help"]).ok().contains("--s-neigh"));
}

#[test]
fn tables_of_text_become_h5ad() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.csv"), ",g1,g2\na,1,0\nb,0,2\n").unwrap();
    std::fs::write(dir.path().join("meta.csv"), ",x_pixel,y_pixel,kind\nb,3,4,p\na,1,2,p\n").unwrap();
    let args = ["convert", "data.csv", "--obs", "meta.csv", "-o", "out.h5ad"];
    let ran = run_in(dir.path(), &args);
    assert!(ran.err.contains("note: positions are the columns `x_pixel` and `y_pixel` of `meta.csv`"), "{}", ran.err);
    let adata = tegula::io::read(dir.path().join("out.h5ad")).unwrap();
    assert_eq!(adata.coords("spatial").unwrap().data(), [1.0, 2.0, 3.0, 4.0]);
    let fails = |more: &[&str], words: &[&str]| run_in(dir.path(), &[&args[..], more].concat()).fails(2, words);
    fails(&["--coords", "x_pixel"], &["--coords", "2 or 3"]);
    fails(&["--coords", "x_pixel,z"], &["x_pixel, z", "obs has x_pixel, y_pixel, kind"]);
    run_in(dir.path(), &["convert", "out.h5ad", "-o", "out.h5ad"]).fails(2, &["this is the input"]);
}

#[test]
fn what_a_reader_noticed_is_told_unless_quiet_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    counts_of_one_cell(&dir.path().join("tables"));
    let convert = |flags: &[&str]| run_in(dir.path(), &[&["convert", "tables", "-o", "out.h5ad"], flags].concat());
    assert!(convert(&[]).err.contains("note: 1 of 2 names of variables were there before"));
    let quiet = convert(&["-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (0, ""));
}

#[test]
fn the_name_of_the_output_tells_its_format() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "in.h5ad", |_| ());
    let go = |args: &[&str]| run_in(dir.path(), args);
    go(&["convert", "in.h5ad", "-o", "obs.csv"]).ok();
    let table = std::fs::read_to_string(dir.path().join("obs.csv")).unwrap();
    assert_eq!(table.lines().next(), Some(",side"), "{table}");
    go(&["convert", "in.h5ad", "-o", "xy.tsv", "--slot", "obsm/spatial"]).ok();
    go(&["convert", "in.h5ad", "-o", "tenx", "--to", "10x_mtx"]).ok();
    go(&["pp", "log1p", "in.h5ad", "-o", "logs.zarr"]).ok();
    for output in ["tenx", "logs.zarr"] {
        assert!(go(&["info", output]).ok().contains("80 observations × 12 variables"));
    }
    go(&["pp", "log1p", "in.h5ad", "-o", "logs"]).fails(2, &["`logs` tells no format", ".h5ad"]);
    go(&["convert", "in.h5ad", "-o", "out.h5ad", "--slot", "obs"]).fails(2, &["goes with tables"]);
}

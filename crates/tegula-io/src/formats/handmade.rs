//! HDF5 files of instruments, made by hand, cut short and damaged: refused or read, never a panic.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tegula_core::Error;
use tempfile::TempDir;

use super::{ReadOptions, read_with};
use crate::atomic::{self, AtomicFile};
use crate::store::writer::AttrData;
use crate::store::{Attr, Cells, Target, Type, Writer};

type Tree<'a> = &'a dyn Fn(&mut Writer<AtomicFile>) -> u64;

fn file(dir: &TempDir, name: &str, tree: Tree<'_>) -> PathBuf {
    let path = dir.path().join(name);
    let mut w = Writer::new(AtomicFile::create(&path).unwrap(), &path, Some(1)).unwrap();
    let root = tree(&mut w);
    w.finish(root).unwrap().commit().unwrap();
    path
}

fn group(w: &mut Writer<AtomicFile>, children: &[(&str, u64)]) -> u64 {
    let children: Vec<(String, u64)> = children.iter().map(|(k, at)| ((*k).to_owned(), *at)).collect();
    w.group(&children, &[]).unwrap()
}

fn numbers(w: &mut Writer<AtomicFile>, shape: &[usize], v: &[i32]) -> u64 {
    w.array(&Type::I32, shape, Cells::I32(v), &[]).unwrap()
}

/// Records of whole numbers, the first field perhaps a text of eight bytes.
fn records(w: &mut Writer<AtomicFile>, text: Option<&str>, fields: &[&str], rows: &[(&str, &[u32])]) -> u64 {
    let head = if text.is_some() { 8 } else { 0 };
    let mut kinds: Vec<(String, u64, Type)> = Vec::new();
    if let Some(name) = text {
        kinds.push((name.into(), 0, Type::Text { size: 8, padding: 1, utf8: false }));
    }
    kinds.extend(fields.iter().enumerate().map(|(k, f)| ((*f).to_owned(), head as u64 + 4 * k as u64, Type::U32)));
    let size = head + 4 * fields.len();
    let mut bytes = Vec::new();
    for (name, values) in rows {
        let mut own = name.as_bytes().to_vec();
        own.resize(head, 0);
        bytes.extend(own);
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
    let t = Type::Compound { size: size as u32, fields: kinds };
    w.array(&t, &[rows.len()], Cells::Bytes(&bytes), &[]).unwrap()
}

fn tenx(dir: &TempDir) -> PathBuf {
    file(dir, "tenx", &|w| {
        let texts = |w: &mut Writer<AtomicFile>, v: &[&str]| w.texts(&[v.len()], v, &[]).unwrap();
        let (id, name) = (texts(w, &["E1", "E2"]), texts(w, &["Actb", "Mbp"]));
        let kind = texts(w, &["Gene Expression"; 2]);
        let genome = texts(w, &["mm10"; 2]);
        let features = group(w, &[("feature_type", kind), ("genome", genome), ("id", id), ("name", name)]);
        let barcodes = texts(w, &["AA-1", "AC-1", "AG-1"]);
        let data = numbers(w, &[3], &[4, 2, 9]);
        let (indices, indptr) = (numbers(w, &[3], &[0, 1, 1]), numbers(w, &[4], &[0, 1, 2, 3]));
        let shape = numbers(w, &[2], &[2, 3]);
        let matrix = group(
            w,
            &[
                ("barcodes", barcodes),
                ("data", data),
                ("features", features),
                ("indices", indices),
                ("indptr", indptr),
                ("shape", shape),
            ],
        );
        group(w, &[("matrix", matrix)])
    })
}

fn loom(dir: &TempDir) -> PathBuf {
    file(dir, "loom", &|w| {
        let matrix = numbers(w, &[2, 3], &[1, 0, 2, 0, 3, 0]);
        let genes = w.texts(&[2], &["Actb", "Mbp"], &[]).unwrap();
        let cells = w.texts(&[3], &["a", "b", "c"], &[]).unwrap();
        let (row, column) = (group(w, &[("Gene", genes)]), group(w, &[("CellID", cells)]));
        let (layers, attrs) = (group(w, &[]), group(w, &[]));
        group(w, &[("attrs", attrs), ("col_attrs", column), ("layers", layers), ("matrix", matrix), ("row_attrs", row)])
    })
}

fn gef(dir: &TempDir) -> PathBuf {
    gef_of(dir, &[("Actb", &[0, 2]), ("Mbp", &[2, 1])])
}

/// Three counts of these genes, of which each says where its own begin and how many they are.
fn gef_of(dir: &TempDir, genes: &[(&str, &[u32])]) -> PathBuf {
    file(dir, "gef", &|w| {
        let expression =
            records(w, None, &["x", "y", "count"], &[("", &[1, 2, 3]), ("", &[90, 2, 1]), ("", &[5, 9, 4])]);
        let gene = records(w, Some("gene"), &["offset", "count"], genes);
        let bin = group(w, &[("expression", expression), ("gene", gene)]);
        let all = group(w, &[("bin1", bin)]);
        group(w, &[("geneExp", all)])
    })
}

fn cells(dir: &TempDir) -> PathBuf {
    file(dir, "cells", &|w| {
        let fields = ["id", "x", "y", "offset", "geneCount", "area"];
        let cell = records(w, None, &fields, &[("", &[7, 10, 20, 0, 2, 40]), ("", &[8, 30, 25, 2, 1, 12])]);
        let gene = records(w, Some("gene"), &["offset", "cellCount"], &[("Actb", &[0, 1]), ("Mbp", &[1, 2])]);
        let counts = records(w, None, &["geneID", "count"], &[("", &[0, 4]), ("", &[1, 1]), ("", &[1, 1])]);
        let bin = group(w, &[("cell", cell), ("cellExp", counts), ("gene", gene)]);
        group(w, &[("cellBin", bin)])
    })
}

/// Makes a file of a format in a folder.
type Make = fn(&TempDir) -> PathBuf;

const FILES: [(&str, Make); 4] = [("10x_h5", tenx), ("loom", loom), ("gef", gef), ("gef", cells)];

#[test]
fn files_made_by_hand_are_read_whole_and_never_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    for (format, make) in FILES {
        let path = make(&dir);
        let whole = read_with(&path, &ReadOptions::default()).unwrap();
        assert_eq!((whole.format, whole.adata.n_vars()), (format, 2));
        let bytes = std::fs::read(&path).unwrap();
        for k in 0..20 {
            atomic::write(&path, &bytes[..bytes.len() * k / 20]).unwrap();
            let e = read_with(&path, &ReadOptions::default()).err();
            assert!(matches!(e, Some(Error::Format { .. })), "{format} cut at {k}/20: {e:?}");
        }
    }
}

#[test]
fn every_count_of_a_gef_belongs_to_one_gene() {
    let dir = tempfile::tempdir().unwrap();
    let wrong: [(&[u32], &str); 3] =
        [(&[1, 2], "genes share"), (&[2, 2], "lie beyond"), (&[2, 0], "some counts belong to no gene")];
    for (second, reason) in wrong {
        let path = gef_of(&dir, &[("Actb", &[0, 2]), ("Mbp", second)]);
        let e = read_with(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(e.contains(reason), "{e}");
    }
}

/// A matrix whose shape is stated as far more than there is.
#[test]
fn shapes_beyond_the_file_are_refused_before_memory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let huge = 1usize << 40;
    let claim =
        |w: &mut Writer<AtomicFile>, shape: &[usize]| w.contiguous(&Type::F32, Some(shape), 0, 64, &[]).unwrap();
    let path = file(&dir, "loom", &|w| {
        let matrix = claim(w, &[2, huge]);
        let (row, column) = (group(w, &[]), group(w, &[]));
        group(w, &[("col_attrs", column), ("matrix", matrix), ("row_attrs", row)])
    });
    let e = read_with(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(e.contains("`matrix`") && e.contains("does not fit the file"), "{e}");
    let path = file(&dir, "loom", &|w| {
        let matrix = w.contiguous(&Type::F32, Some(&[0, huge]), 0, 0, &[]).unwrap();
        let (row, column) = (group(w, &[]), group(w, &[]));
        group(w, &[("col_attrs", column), ("matrix", matrix), ("row_attrs", row)])
    });
    let e = read_with(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(e.contains("`matrix`") && e.contains("does not fit the file"), "{e}");
    // By columns, a matrix says nowhere but in its shape how many rows it has.
    let turned = |w: &mut Writer<AtomicFile>| {
        let (data, indices) = (numbers(w, &[1], &[4]), numbers(w, &[1], &[0]));
        let indptr = numbers(w, &[2], &[0, 1]);
        let mut attrs = Attr::encoding("csc_matrix", "0.1.0");
        attrs.push(Attr("shape".into(), AttrData::Sizes(vec![1 << 31, 1])));
        let children = [("data".into(), data), ("indices".into(), indices), ("indptr".into(), indptr)];
        w.group(&children, &attrs).unwrap()
    };
    let dense = |w: &mut Writer<AtomicFile>| claim(w, &[huge, huge]);
    let matrices: [Tree<'_>; 2] = [&turned, &dense];
    for x in matrices {
        let path = h5ad(&dir, x);
        let e = read_with(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(e.contains("`X`") && e.contains("does not fit"), "{e}");
    }
}

/// One observation and one variable, with this as `X`.
fn h5ad(dir: &TempDir, x: Tree<'_>) -> PathBuf {
    file(dir, "h5ad", &|w| {
        let x = x(w);
        let names = w.texts(&[1], &["a"], &[]).unwrap();
        let mut attrs = Attr::encoding("dataframe", "0.2.0");
        attrs.push(Attr::text("_index", "_index"));
        let table = |w: &mut Writer<AtomicFile>| w.group(&[("_index".into(), names)], &attrs).unwrap();
        let (obs, var) = (table(w), table(w));
        group(w, &[("X", x), ("obs", obs), ("var", var)])
    })
}

fn damaged(path: &Path, bytes: &[u8], flips: &[(prop::sample::Index, u8)]) {
    let mut bytes = bytes.to_vec();
    for (at, value) in flips {
        let k = at.index(bytes.len());
        bytes[k] = *value;
    }
    atomic::write(path, &bytes).unwrap();
    let _ = read_with(path, &ReadOptions::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flipped_bytes_never_harm(
        which in 0..FILES.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = FILES[which].1(&dir);
        let bytes = std::fs::read(&path).unwrap();
        damaged(&path, &bytes, &flips);
    }
}

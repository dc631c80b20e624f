//! Matrices of 10x Genomics in HDF5: Cell Ranger 1-9, Space Ranger, Xenium, probe matrices.

use std::path::Path;

use tegula_core::{AnnData, Column, Csr, Error, Frame, Result};

use super::names::{examples, texts, unique, variables};
use super::{Format, Notes, ReadOptions, Reading, read_as};
use crate::h5ad::in_file;
use crate::store::{Branch, Node, Store};

/// The type of features that are genes.
pub(super) const GENE_EXPRESSION: &str = "Gene Expression";

pub(crate) const FORMAT: Format = Format {
    name: "10x_h5",
    title: "10x HDF5",
    looks_for: "a group `matrix` with `barcodes` and `features` (v3), or a group per genome with `genes` (v2)",
    is: |source| source.hdf5().is_some_and(|(_, root)| is_v3(root) || genomes(root).next().is_some()),
    read: |source, options, notes| match source.hdf5() {
        Some((store, root)) => matrix(store, root, options, notes),
        None => Err(Error::format(&source.path, "", "this is not an HDF5 file")),
    },
};

/// Reads a matrix of Cell Ranger or Space Ranger (`filtered_feature_bc_matrix.h5`), as scanpy's `read_10x_h5`.
///
/// ```
/// let err = tegula_io::read_10x_h5("no/such.h5", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_10x_h5(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

fn is_v3(root: &Branch) -> bool {
    root.group("matrix").is_some_and(|m| m.data("barcodes").is_some() && m.group("features").is_some())
}

/// The genomes of a file of version 2.
fn genomes(root: &Branch) -> impl Iterator<Item = &Branch> {
    let genome =
        |node: &'_ Node| matches!(node, Node::Group(g) if g.data("barcodes").is_some() && g.data("genes").is_some());
    root.children
        .values()
        .filter(move |n| genome(n))
        .filter_map(|n| if let Node::Group(g) = n { Some(g) } else { None })
}

/// The matrix in an open file.
pub(super) fn matrix(store: &Store, root: &Branch, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let group = match root.group("matrix").filter(|_| is_v3(root)) {
        Some(m) => m,
        None => genome(store, root, options)?,
    };
    let names = |key: &str| texts_at(store, group, key);
    let obs_names = unique(names("barcodes")?, "observations", notes);
    let mut obs = Frame::new(obs_names);
    if let Some(filtered) = group.data("filtered_barcodes") {
        obs.insert("filtered_barcodes", Column::Bool(store.numbers(filtered)?))
            .map_err(|e| in_file(store, "filtered_barcodes", e))?;
    }
    let mut var = features(store, group, options, notes)?;
    let x = counts(store, group, obs.n_rows(), var.n_rows())?;
    var = var.named(None);
    let mut adata = AnnData::new(Some(x.into()), obs, var).map_err(|e| in_file(store, &group.path, e))?;
    keep(&mut adata, is_v3(root), options, notes)?;
    Ok(adata)
}

fn genome<'a>(store: &Store, root: &'a Branch, options: &ReadOptions) -> Result<&'a Branch> {
    let all: Vec<&Branch> = genomes(root).collect();
    let listed = || all.iter().map(|g| g.path.as_str()).collect::<Vec<_>>().join(", ");
    match (&options.genome, &all[..]) {
        (None, [one]) => Ok(one),
        (None, []) => Err(store.bad("", "holds no matrix; make the file again")),
        (None, _) => {
            let at = format!("`{}`", store.path.display());
            Err(Error::config(at, format!("holds several genomes; choose one with `genome`: {}", listed())))
        }
        (Some(name), _) => all
            .iter()
            .copied()
            .find(|g| g.path == *name)
            .ok_or_else(|| Error::config("genome", format!("`{name}` is not in the file; it has {}", listed()))),
    }
}

fn texts_at(store: &Store, group: &Branch, key: &str) -> Result<Vec<String>> {
    let leaf = group.data(key).ok_or_else(|| store.bad(&group.path, format!("has no `{key}`; make the file again")))?;
    if leaf.dtype.as_ref().is_some_and(crate::store::Type::is_text) {
        return store.texts(leaf);
    }
    // Ids of genes may be whole numbers.
    Ok(store.numbers::<i64>(leaf)?.iter().map(ToString::to_string).collect())
}

/// The variables with everything the file says about them.
fn features(store: &Store, group: &Branch, options: &ReadOptions, notes: &mut Notes) -> Result<Frame> {
    let Some(listed) = group.group("features") else {
        let (ids, symbols) = (texts_at(store, group, "genes")?, texts_at(store, group, "gene_names")?);
        return variables(ids, symbols, options, notes).map_err(|e| in_file(store, &group.path, e));
    };
    let (ids, symbols) = (texts_at(store, listed, "id")?, texts_at(store, listed, "name")?);
    let probes = listed.data("gene_id").is_some();
    let genes = if probes { texts_at(store, listed, "gene_id")? } else { ids.clone() };
    let wrong = |e: Error| in_file(store, &listed.path, e);
    let mut var = variables(genes, symbols, options, notes).map_err(wrong)?;
    let mut add = |key: &str, column: Column| var.insert(key, column).map_err(wrong);
    if probes {
        add("probe_ids", Column::Str(ids))?;
    }
    add("feature_types", texts(texts_at(store, listed, "feature_type")?))?;
    for (key, node) in &listed.children {
        let Node::Data(leaf) = node else { continue };
        if ["name", "feature_type", "id", "gene_id", "_all_tag_keys"].contains(&key.as_str()) {
            continue;
        }
        match &leaf.dtype {
            Some(t) if t.is_bool() => add(key, Column::Bool(store.numbers(leaf)?))?,
            Some(t) if t.is_text() => add(key, texts(store.texts(leaf)?))?,
            _ => {}
        }
    }
    Ok(var)
}

/// Barcodes × features: the file keeps features × barcodes by columns, which is the same.
fn counts(store: &Store, group: &Branch, n_obs: usize, n_vars: usize) -> Result<Csr> {
    let bad = |reason: String| store.bad(&group.path, reason);
    let part = |key: &str| {
        let leaf = group.data(key).ok_or_else(|| bad(format!("has no `{key}`; make the file again")))?;
        if leaf.shape.len() == 1 { Ok(leaf) } else { Err(bad(format!("`{key}` is not a list; make the file again"))) }
    };
    let shape = store.numbers::<usize>(part("shape")?)?;
    if shape != [n_vars, n_obs] {
        let stated = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
        let reason =
            format!("states {stated} (features × barcodes), but names {n_vars} and {n_obs}; make the file again");
        return Err(bad(reason));
    }
    let indptr = store.numbers::<usize>(part("indptr")?)?;
    let indices = store.numbers::<u32>(part("indices")?)?;
    let values = store.numbers::<f32>(part("data")?)?;
    Csr::canonical(n_obs, n_vars, indptr, indices, values).map_err(|e| in_file(store, &group.path, e))
}

/// Keeps the genome and the type of features asked for.
pub(super) fn keep(adata: &mut AnnData, choose_genome: bool, options: &ReadOptions, notes: &mut Notes) -> Result<()> {
    let texts = |key: &str| adata.var().get(key).and_then(Column::to_labels);
    let mut kept: Vec<usize> = (0..adata.n_vars()).collect();
    if let Some(genome) = options.genome.as_deref().filter(|_| choose_genome) {
        let labels = texts("genome");
        let of = |j: usize| labels.as_ref().and_then(|l| l.get(j));
        kept.retain(|&j| of(j) == Some(genome));
        if kept.is_empty() {
            let known = labels.as_ref().map_or(&[][..], |l| l.categories());
            return Err(Error::config("genome", format!("`{genome}` is not in the file; it has {}", examples(known))));
        }
    }
    if options.gex_only
        && let Some(types) = texts("feature_types")
    {
        let before = kept.len();
        kept.retain(|&j| types.get(j) == Some(GENE_EXPRESSION));
        if kept.is_empty() {
            notes.push(format!("no feature is of the type `{GENE_EXPRESSION}`: all are kept"));
            kept = (0..adata.n_vars()).collect();
        } else if kept.len() < before {
            notes
                .push(format!("{} features of other types than `{GENE_EXPRESSION}` are left out", before - kept.len()));
        }
    }
    if kept.len() < adata.n_vars() {
        adata.keep_var(&kept);
    }
    Ok(())
}

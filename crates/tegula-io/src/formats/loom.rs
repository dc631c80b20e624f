//! Loom: HDF5 with genes in rows, from loompy, velocyto, and others.

use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Column, Csr, Dense, Error, Frame, Matrix, Result, keys};

use super::names::{texts, unique};
use super::{Format, Notes, ReadOptions, Reading, read_as};
use crate::h5ad::in_file;
use crate::store::{Branch, Leaf, Node, Store, Type};

/// Names of attributes that name observations, best first.
const CELLS: [&str; 4] = ["CellID", "obs_names", "cell_id", "barcode"];
/// Names of attributes that name variables, best first.
const GENES: [&str; 4] = ["Gene", "var_names", "gene", "gene_name"];
/// Pairs of attributes of observations that hold positions, best first.
const POSITIONS: [(&str, &str); 4] = [("X", "Y"), ("x", "y"), ("_X", "_Y"), ("spatial_x", "spatial_y")];

pub(crate) const FORMAT: Format = Format {
    name: "loom",
    title: "loom",
    looks_for: "`matrix`, `row_attrs` and `col_attrs` in an HDF5 file",
    is: |source| {
        source.hdf5().is_some_and(|(_, root)| {
            root.data("matrix").is_some() && root.group("row_attrs").is_some() && root.group("col_attrs").is_some()
        })
    },
    read: |source, options, notes| match source.hdf5() {
        Some((store, root)) => loom(store, root, options, notes),
        None => Err(Error::format(&source.path, "", "this is not an HDF5 file")),
    },
};

/// Reads a loom file as anndata's `read_loom`: variables from its rows, observations from its columns.
///
/// Attributes `X` and `Y` of observations (or `x` and `y`) also become `obsm["spatial"]`.
///
/// ```
/// let err = tegula_io::read_loom("no/such.loom", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_loom(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// Observations that may be numbered without a byte of the file for each.
const FREE_NAMES: usize = 1 << 20;

fn loom(store: &Store, root: &Branch, _: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let missing = |key: &str| store.bad(key, "is missing; make the file again");
    let matrix = root.data("matrix").ok_or_else(|| missing("matrix"))?;
    let [n_vars, n_obs] = matrix.shape[..] else {
        return Err(store.bad("matrix", "is not a matrix; make the file again"));
    };
    // An axis that is not named costs nothing in the file, but a name per observation here.
    if n_obs.max(n_vars) > store.len().max(FREE_NAMES) {
        return Err(store.damaged("matrix", "its size does not fit the file"));
    }
    let x = turned(store, matrix)?;
    let attrs = |key: &str| root.group(key).ok_or_else(|| missing(key));
    let mut arrays = Vec::new();
    let obs = table(store, attrs("col_attrs")?, n_obs, (&CELLS, "observations"), Some(&mut arrays), notes)?;
    let var = table(store, attrs("row_attrs")?, n_vars, (&GENES, "variables"), None, notes)?;
    let mut adata = AnnData::new(Some(x), obs, var).map_err(|e| in_file(store, "matrix", e))?;
    if let Some(layers) = root.group("layers") {
        for (key, node) in &layers.children {
            if let Node::Data(l) = node
                && l.shape == matrix.shape
            {
                adata.set_matrix(Some(key), turned(store, l)?)?;
            }
        }
    }
    for (key, array) in arrays {
        adata.set_obsm(&key, array)?;
    }
    let column = |key: &str| adata.obs().get(key).and_then(Column::to_f64);
    let pair = POSITIONS.iter().find_map(|(x, y)| Some((column(x)?, column(y)?)));
    if let Some((x, y)) = pair.filter(|_| !adata.obsm().contains_key(keys::SPATIAL)) {
        let xy: Vec<f64> = x.into_iter().zip(y).flat_map(|(x, y)| [x, y]).collect();
        adata.set_obsm(keys::SPATIAL, Array::new(vec![n_obs, 2], ArrayData::F64(xy.into()))?)?;
    }
    Ok(adata)
}

/// The matrix with observations in rows: sparse, as counts are.
fn turned(store: &Store, leaf: &Leaf) -> Result<Matrix> {
    let values = store.numbers::<f32>(leaf)?;
    let by_gene = Dense::new(leaf.shape[0], leaf.shape[1], values).map_err(|e| in_file(store, &leaf.path, e))?;
    Ok(Csr::from_dense(&by_gene).transpose().into())
}

/// One axis: lists become columns, matrices go to `arrays`.
fn table(
    store: &Store,
    group: &Branch,
    n: usize,
    (index, what): (&[&str], &str),
    mut arrays: Option<&mut Vec<(String, Array)>>,
    notes: &mut Notes,
) -> Result<Frame> {
    let text = |l: &&Leaf| l.shape == [n] && l.dtype.as_ref().is_some_and(Type::is_text);
    let key = index.iter().copied().find(|k| group.data(k).is_some_and(|l| l.shape == [n]));
    let names = match key.and_then(|k| group.data(k)) {
        Some(l) if text(&l) => store.texts(l)?,
        Some(l) => store.numbers::<i64>(l)?.iter().map(ToString::to_string).collect(),
        None => {
            notes.push(format!(
                "the file does not name its {what} (looked for {}): they are numbered",
                index.join(", ")
            ));
            (0..n).map(|i| i.to_string()).collect()
        }
    };
    let mut out = Frame::new(unique(names, what, notes));
    for (name, node) in &group.children {
        let Node::Data(l) = node else { continue };
        if Some(name.as_str()) == key {
            continue;
        }
        match (&l.dtype, &l.shape[..]) {
            (Some(t), &[k]) if k == n => match t {
                t if t.is_text() => out.insert(name, texts(store.texts(l)?))?,
                t if t.is_bool() => out.insert(name, Column::Bool(store.numbers(l)?))?,
                Type::Int { .. } => out.insert(name, Column::Int(store.numbers(l)?))?,
                Type::Float { .. } => out.insert(name, Column::Float(store.numbers(l)?))?,
                _ => notes.push(format!("`{}` is of a kind that is not read and left out", l.path)),
            },
            (Some(Type::Int { .. } | Type::Float { .. }), &[k, m]) if k == n && arrays.is_some() => {
                let array = Array::new(vec![k, m], ArrayData::F64(store.numbers::<f64>(l)?.into()))?;
                if let Some(arrays) = arrays.as_deref_mut() {
                    arrays.push((name.clone(), array));
                }
            }
            _ => notes.push(format!("`{}` is of a kind that is not read and left out", l.path)),
        }
    }
    Ok(out)
}

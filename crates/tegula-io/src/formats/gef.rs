//! Stereo-seq GEF: what SAW keeps in HDF5, in square bins (`geneExp`) or in cells (`cellBin`).

use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Column, Csr, Error, Frame, Result, keys};

use super::gem::{BIN_SIZE, Entry, Positions, Sums, Tally, assemble};
use super::names::{symbols_or_ids, unique};
use super::{Format, Notes, ReadOptions, Reading, read_as};
use crate::h5ad::in_file;
use crate::store::{Branch, Leaf, Store, Type};

pub(crate) const FORMAT: Format = Format {
    name: "gef",
    title: "Stereo-seq GEF",
    looks_for: "a group `geneExp` (square bins) or `cellBin` (cells) in an HDF5 file",
    is: |source| {
        source.hdf5().is_some_and(|(_, root)| {
            root.group("cellBin").is_some_and(|c| c.data("cellExp").is_some())
                || root.group("geneExp").is_some_and(|g| g.children.keys().any(|k| k.starts_with("bin")))
        })
    },
    read: |source, options, notes| match source.hdf5() {
        Some((store, root)) => match root.group("cellBin") {
            Some(group) => cells(store, group, options, notes),
            None => bins(store, root, options, notes),
        },
        None => Err(Error::format(&source.path, "", "this is not an HDF5 file")),
    },
};

/// Reads a GEF file of Stereo-seq: square bins of [`ReadOptions::bin_size`] spots as [`read_gem`](crate::read_gem)
/// gives them, or the cells of a cell-bin file.
///
/// ```
/// let err = tegula_io::read_gef("no/such.gef", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_gef(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// A table stored as records.
struct Records<'a> {
    store: &'a Store,
    leaf: &'a Leaf,
    fields: &'a [(String, u64, Type)],
    raw: Vec<u8>,
    size: usize,
}

impl<'a> Records<'a> {
    fn open(store: &'a Store, group: &'a Branch, name: &str) -> Result<Self> {
        let bad = |reason: &str| store.bad(&group.path, format!("`{name}` {reason}; make the file again"));
        let leaf = group.data(name).ok_or_else(|| bad("is missing"))?;
        match &leaf.dtype {
            Some(Type::Compound { fields, size }) if leaf.shape.len() == 1 && *size > 0 => {
                Ok(Self { store, leaf, fields, raw: store.raw(leaf)?, size: *size as usize })
            }
            _ => Err(bad("is not a table")),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|f| f.0 == name)
    }

    fn field(&self, names: &[&str]) -> Result<&'a (String, u64, Type)> {
        let found = names.iter().find_map(|n| self.fields.iter().find(|f| f.0 == *n));
        let known = || self.fields.iter().map(|f| f.0.as_str()).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| {
            self.store
                .bad(&self.leaf.path, format!("has no field `{}` among {}; make the file again", names[0], known()))
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<u32>> {
        let (_, at, t) = self.field(&[name])?;
        self.store.field(self.leaf, t, &self.raw, *at as usize, self.size)
    }

    fn texts(&self, names: &[&str]) -> Result<Vec<String>> {
        let (_, at, t) = self.field(names)?;
        self.store.texts_in(&self.leaf.path, t, &self.raw, *at as usize, self.size)
    }

    /// Ids and symbols of genes.
    fn genes(&self) -> Result<Vec<(String, Option<String>)>> {
        let ids = self.texts(&["geneID", "gene", "geneName"])?;
        let names = if self.has("geneID") && self.has("geneName") { Some(self.texts(&["geneName"])?) } else { None };
        Ok(match names {
            Some(names) => ids.into_iter().zip(names.into_iter().map(Some)).collect(),
            None => ids.into_iter().map(|id| (id, None)).collect(),
        })
    }
}

fn bins(store: &Store, root: &Branch, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let missing = || store.bad("geneExp", "is missing; make the file again");
    let all = root.group("geneExp").ok_or_else(missing)?;
    let mut sizes: Vec<u32> =
        all.children.keys().filter_map(|k| k.strip_prefix("bin")?.parse().ok()).filter(|&n| n > 0).collect();
    sizes.sort_unstable();
    let bin = match options.bin_size {
        Some(0) => return Err(Error::config("bin_size", "is 0; a bin has at least 1 spot along its side")),
        Some(n) => n,
        None => {
            notes.push(format!(
                "summed in bins of {BIN_SIZE} × {BIN_SIZE} spots; choose another `bin_size` for finer or coarser ones"
            ));
            BIN_SIZE
        }
    };
    let Some(&from) = sizes.iter().rev().find(|&&s| bin.is_multiple_of(s)) else {
        let listed = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Error::config("bin_size", format!("{bin} cannot be summed from the bins in the file: {listed}")));
    };
    let group = all.group(&format!("bin{from}")).ok_or_else(missing)?;
    let (gene, expression) = (Records::open(store, group, "gene")?, Records::open(store, group, "expression")?);
    let (x, y) = (expression.numbers("x")?, expression.numbers("y")?);
    let counts = expression.numbers("count")?;
    let exons = match group.data("exon") {
        Some(l) if l.len() == Some(counts.len()) => Some(store.numbers::<u32>(l)?),
        _ => None,
    };
    let owner = owners(store, &gene, counts.len())?;
    let at = |k: usize| u64::from(x[k] / bin) << 32 | u64::from(y[k] / bin);
    let genes = gene.genes()?;
    let (ids, positions) = (gene.has("geneID") && gene.has("geneName"), Positions::Bins(bin));
    if let Some(exons) = exons {
        let mut tally = Tally::<2>::default();
        tally.add((0..counts.len()).map(|k| Entry { at: at(k), gene: owner[k], counts: [counts[k], exons[k]] }));
        let sums = Sums { genes, entries: tally.finish(), layers: vec!["spliced"], ids };
        return assemble(sums, &positions, options, notes);
    }
    let mut tally = Tally::<1>::default();
    tally.add((0..counts.len()).map(|k| Entry { at: at(k), gene: owner[k], counts: [counts[k]] }));
    let sums = Sums { genes, entries: tally.finish(), layers: Vec::new(), ids };
    assemble(sums, &positions, options, notes)
}

/// The gene of each count: genes list where theirs begin and how many they are.
fn owners(store: &Store, gene: &Records<'_>, n: usize) -> Result<Vec<u32>> {
    let bad = |reason: &str| store.bad(&gene.leaf.path, format!("{reason}; make the file again"));
    let (mut owner, mut left) = (vec![u32::MAX; n], n);
    for (g, (start, count)) in gene.numbers("offset")?.into_iter().zip(gene.numbers("count")?).enumerate() {
        let range = start as usize..(start as usize).saturating_add(count as usize);
        let own = owner.get_mut(range).ok_or_else(|| bad("a gene's counts lie beyond the end"))?;
        left = left.checked_sub(own.len()).ok_or_else(|| bad("genes share their counts"))?;
        own.fill(g as u32);
    }
    if owner.contains(&u32::MAX) { Err(bad("some counts belong to no gene")) } else { Ok(owner) }
}

fn cells(store: &Store, group: &Branch, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    if options.bin_size.is_some() {
        return Err(Error::config("bin_size", "goes with bins; this file holds cells: leave it out"));
    }
    let cell = Records::open(store, group, "cell")?;
    let (gene, counts) = (Records::open(store, group, "gene")?, Records::open(store, group, "cellExp")?);
    let numbers = if cell.has("id") { cell.numbers("id")? } else { (0..cell.leaf.shape[0] as u32).collect() };
    let names: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let n = names.len();
    let mut obs = Frame::new(unique(names, "observations", notes));
    for field in ["area", "dnbCount", "cellTypeID", "clusterID"] {
        if cell.has(field) {
            obs.insert(field, Column::Int(cell.numbers(field)?.into_iter().map(i64::from).collect()))?;
        }
    }
    let genes = gene.genes()?;
    let n_vars = genes.len();
    let (ids, symbols): (Vec<String>, Vec<Option<String>>) = genes.into_iter().unzip();
    let symbols = symbols.into_iter().collect::<Option<Vec<String>>>().filter(|_| n_vars > 0);
    let var = symbols_or_ids(ids, symbols, options, notes)?;
    // Cells list where theirs begin and of how many genes they have any.
    let (start, len) = (cell.numbers("offset")?, cell.numbers("geneCount")?);
    let (columns, values) = (counts.numbers("geneID")?, counts.numbers("count")?);
    let (mut indptr, mut indices, mut data) = (vec![0usize], Vec::new(), Vec::new());
    for (&start, &len) in start.iter().zip(&len) {
        let range = start as usize..(start as usize).saturating_add(len as usize);
        let (Some(own), Some(counted)) = (columns.get(range.clone()), values.get(range)) else {
            return Err(store.bad(&cell.leaf.path, "a cell's counts lie beyond the end; make the file again"));
        };
        if data.len() + own.len() > columns.len() {
            return Err(store.bad(&cell.leaf.path, "cells share their counts; make the file again"));
        }
        indices.extend_from_slice(own);
        data.extend(counted.iter().map(|&c| c as f32));
        indptr.push(indices.len());
    }
    let x = Csr::canonical(n, n_vars, indptr, indices, data).map_err(|e| in_file(store, "cellBin/cellExp", e))?;
    let mut adata = AnnData::new(Some(x.into()), obs, var)?;
    let position = |name: &str| -> Result<Vec<f64>> {
        let (_, at, t) = cell.field(&[name])?;
        store.field(cell.leaf, t, &cell.raw, *at as usize, cell.size)
    };
    let xy = position("x")?.into_iter().zip(position("y")?).flat_map(|(x, y)| [x, y]).collect::<Vec<f64>>();
    adata.set_obsm(keys::SPATIAL, Array::new(vec![n, 2], ArrayData::F64(xy.into()))?)?;
    if let Some(border) = group.data("cellBorder").filter(|b| b.shape.first() == Some(&n)) {
        let corners = Array::new(border.shape.clone(), ArrayData::I32(store.numbers::<i32>(border)?.into()))?;
        adata.set_obsm("cell_border", corners)?;
    }
    Ok(adata)
}

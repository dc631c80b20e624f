//! Imaging and bead technologies that write a table of counts beside a table of cells.

use std::collections::HashSet;
use std::path::Path;

use tegula_core::{AnnData, Column, Error, Frame, Matrix, Result, Value};

use super::counts::{Counts, Rows, read_counts};
use super::names::{several, unique};
use super::positions::{join, matched, positions};
use super::{Format, Notes, ReadOptions, Reading, Source, read_as};
use crate::table::{read_keyed, read_table};

/// Further positions: where they go, and from which columns.
type More = (&'static str, [&'static str; 2]);
/// Variables that are controls: where they go, and how they are told.
type Controls = (&'static str, fn(&str) -> bool);

/// Where a technology keeps what.
struct Layout {
    /// What the name of the table of counts has in it, in lower case, best first.
    counts: &'static [&'static str],
    /// What the name of the table of cells has in it.
    cells: &'static [&'static str],
    /// Whether the table of counts has a row per gene.
    genes_in_rows: bool,
    /// Columns that together name an observation, in either table; the first column where there are none.
    keys: &'static [&'static str],
    /// Columns with the positions, best first.
    xy: &'static [[&'static str; 2]],
    more: &'static [More],
    controls: Option<Controls>,
    /// Whether rows of counts that the table of cells lacks are background.
    inner: bool,
}

const MERSCOPE_LAYOUT: Layout = Layout {
    counts: &["cell_by_gene"],
    cells: &["cell_metadata"],
    genes_in_rows: false,
    keys: &[],
    xy: &[["center_x", "center_y"]],
    more: &[],
    controls: Some(("blank_genes", |n| n.contains("Blank"))),
    inner: false,
};
const COSMX_LAYOUT: Layout = Layout {
    counts: &["exprmat_file"],
    cells: &["metadata_file"],
    genes_in_rows: false,
    keys: &["cell_ID", "fov"],
    xy: &[["CenterX_global_px", "CenterY_global_px"], ["CenterX_local_px", "CenterY_local_px"]],
    more: &[("spatial_local", ["CenterX_local_px", "CenterY_local_px"])],
    controls: None,
    inner: true,
};
const SLIDESEQ_LAYOUT: Layout = Layout {
    counts: &["digital_expression", "mappeddge", "expression"],
    cells: &["beadlocation", "bead_location"],
    genes_in_rows: true,
    keys: &[],
    xy: &[["xcoord", "ycoord"], ["x", "y"]],
    more: &[],
    controls: None,
    inner: false,
};
const SEQFISH_LAYOUT: Layout = Layout {
    counts: &["cxg", "svz_counts", "ob_counts"],
    cells: &["cellcoordinates", "cellcentroids"],
    genes_in_rows: false,
    keys: &["label"],
    xy: &[["center_x", "center_y"], ["X", "Y"]],
    more: &[],
    controls: None,
    inner: false,
};
const STARMAP_LAYOUT: Layout = Layout {
    counts: &["raw_expression", "processed_expression", "cell_by_gene"],
    cells: &["spatial"],
    genes_in_rows: true,
    keys: &[],
    xy: &[["X", "Y"], ["x", "y"]],
    more: &[],
    controls: None,
    inner: false,
};

macro_rules! formats {
    ($($format:ident, $layout:ident, $read:ident, $name:literal, $title:literal, $looks:literal, $doc:literal;)*) => {$(
        pub(crate) const $format: Format = Format {
            name: $name,
            title: $title,
            looks_for: $looks,
            is: |source| $layout.tables(source).iter().all(|names| !names.is_empty()),
            read: |source, options, notes| $layout.read(source, options, notes),
        };

        #[doc = $doc]
        ///
        /// # Errors
        /// As [`read_with`](crate::read_with).
        pub fn $read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
            read_as(&$format, path.as_ref(), options)
        }
    )*};
}

formats! {
    MERSCOPE, MERSCOPE_LAYOUT, read_merscope, "merscope", "MERSCOPE (Vizgen) folder",
    "`…cell_by_gene….csv` beside `…cell_metadata….csv`",
    "Reads MERSCOPE's tables with the slots of squidpy's `read.vizgen`: blanks go to `obsm[\"blank_genes\"]`.";
    COSMX, COSMX_LAYOUT, read_cosmx, "cosmx", "CosMx (NanoString) folder",
    "`…exprMat_file.csv` beside `…metadata_file.csv` (each also .gz)",
    "Reads the tables of `CosMx`; observations are named `{cell_ID}_{fov}` as by squidpy's `read.nanostring`. Unlike there \
     `obsm[\"spatial\"]` holds the place on the slide, so that neighbours across fields of view are neighbours; the \
     place in the field of view goes to `obsm[\"spatial_local\"]`.";
    SLIDESEQ, SLIDESEQ_LAYOUT, read_slideseq, "slideseq", "Slide-seq folder",
    "`…BeadLocations….csv` or `…bead_locations.csv` beside `…digital_expression.txt` or `…expression….csv` (each also .gz)",
    "Reads Slide-seq's table of genes × beads and the places of the beads.";
    SEQFISH, SEQFISH_LAYOUT, read_seqfish, "seqfish", "seqFISH folder",
    "`…CxG….csv` beside `…CellCoordinates….csv`, or `…counts.csv` beside `…cellcentroids.csv`",
    "Reads the tables of seqFISH (Spatial Genomics), or those published with seqFISH+.";
    STARMAP, STARMAP_LAYOUT, read_starmap, "starmap", "STARmap folder",
    "`…raw_expression….csv` (genes in rows) beside `…spatial….csv` with `X` and `Y`",
    "Reads STARmap's tables in the layout of the Single Cell Portal.";
}

/// The tables of text in whose names a word is, of the first word that any has in it.
fn tables<'a>(source: &'a Source, words: &[&str]) -> Vec<&'a str> {
    let plain = |n: &str| n.to_lowercase().trim_end_matches(".gz").to_owned();
    let is_text = |n: &str| [".csv", ".txt", ".tsv"].iter().any(|end| n.ends_with(end));
    let with = |word: &&str| {
        let has = |n: &&str| is_text(&plain(n)) && plain(n).contains(word);
        source.names().iter().map(String::as_str).filter(has).collect::<Vec<_>>()
    };
    let mut found = words.iter().map(with).find(|names| !names.is_empty()).unwrap_or_default();
    // The same, gzipped and not.
    found.dedup_by_key(|n| plain(n));
    found
}

impl Layout {
    /// The tables of counts, and those of cells.
    fn tables<'a>(&self, source: &'a Source) -> [Vec<&'a str>; 2] {
        let (counts, mut cells) = (tables(source, self.counts), tables(source, self.cells));
        cells.retain(|n| !counts.contains(n));
        [counts, cells]
    }

    fn read(&self, source: &Source, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
        let one = |names: &[&str]| match names {
            [one] => Ok(source.path.join(one)),
            [] => Err(Error::format(&source.path, "", "its tables are missing; copy the whole folder")),
            names => Err(several(&source.path, "sections", names, "put the tables of each into a folder of its own")),
        };
        let [counts, cells] = self.tables(source);
        let (counts, cells) = (one(&counts)?, one(&cells)?);
        let mut table = match read_keyed(&cells, self.keys) {
            // Older files name nothing.
            Err(Error::Format { at, .. }) if self.keys.len() == 1 && at == "line 1" => read_table(&cells)?,
            other => other?,
        };
        table = without_types(table)?;
        let rows = if self.keys.is_empty() { Rows::First } else { Rows::By(self.keys) };
        let Counts { rows, columns, mut x, .. } = read_counts(&counts, &rows, &[])?;
        let (mut obs, mut var) = (rows, columns);
        if self.genes_in_rows {
            (obs, var, x) = (var, obs, x.transpose());
        }
        let unnamed = obs.iter().enumerate().all(|(i, n)| *n == i.to_string());
        if unnamed && obs.len() == table.n_rows() {
            // Neither table names its cells: they are in the same order.
            table = table.with_index(obs.clone())?;
        }
        let (obs, var) = (unique(obs, "observations", notes), unique(var, "variables", notes));
        let mut adata = AnnData::new(Some(x.into()), Frame::new(obs), Frame::new(var))?;
        if self.inner {
            let known: HashSet<&str> = table.index().iter().map(String::as_str).collect();
            let kept: Vec<usize> =
                (0..adata.n_obs()).filter(|&i| known.contains(adata.obs().index()[i].as_str())).collect();
            if !kept.is_empty() && kept.len() < adata.n_obs() {
                notes.push(format!("{} rows of counts belong to no cell and are left out", adata.n_obs() - kept.len()));
                adata.keep_obs(&kept);
            }
        }
        let numeric = |pair: &&[&str; 2]| pair.iter().all(|c| table.get(c).and_then(Column::to_f64).is_some());
        let xy = self.xy.iter().find(numeric);
        let Some(xy) = xy else {
            let there: Vec<&str> = table.columns().keys().map(String::as_str).collect();
            let wanted: Vec<String> = self.xy.iter().map(|p| p.join(", ")).collect();
            let reason = format!("has no positions (looked for {}; there are {})", wanted.join("; "), there.join(", "));
            return Err(Error::format(&cells, "", format!("{reason}; copy or make the file again")));
        };
        let more: Vec<(&str, [&str; 2])> = self.more.iter().filter(|(_, p)| p != xy && numeric(&p)).copied().collect();
        for (key, pair) in &more {
            let rows = matched(adata.obs().index(), &table);
            adata.set_obsm(key, positions(&table, pair, &rows, &cells)?)?;
        }
        more.iter().flat_map(|(_, pair)| pair).for_each(|c| drop(table.remove(c)));
        join(&mut adata, &table, xy, &cells, options, notes)?;
        if let Some((key, is)) = self.controls {
            set_apart(&mut adata, key, is)?;
        }
        Ok(adata)
    }
}

/// Moves variables that are controls to `obsm[key]`, a table as squidpy makes it.
fn set_apart(adata: &mut AnnData, key: &str, is: fn(&str) -> bool) -> Result<()> {
    let (controls, genes): (Vec<usize>, Vec<usize>) = (0..adata.n_vars()).partition(|&j| is(&adata.var().index()[j]));
    if controls.is_empty() || genes.is_empty() {
        return Ok(());
    }
    let mut table = Frame::new(adata.obs().index().to_vec());
    if let Some(x) = adata.x() {
        for &j in &controls {
            table.insert(&adata.var().index()[j], Column::Float32(Matrix::column(x, j)))?;
        }
    }
    adata.set_obsm(key, Value::Frame(table))?;
    adata.keep_var(&genes);
    Ok(())
}

/// The Single Cell Portal writes the types of columns as the first row.
fn without_types(table: Frame) -> Result<Frame> {
    if table.index().first().is_none_or(|n| n != "TYPE") {
        return Ok(table);
    }
    let rows: Vec<usize> = (1..table.n_rows()).collect();
    let mut out = Frame::new(rows.iter().map(|&i| table.index()[i].clone()).collect());
    for (name, column) in table.columns() {
        let texts = match column.to_labels() {
            Some(l) => rows.iter().map(|&i| l.get(i).unwrap_or_default().to_owned()).collect(),
            None => continue,
        };
        out.insert(name, crate::table::typed(texts))?;
    }
    Ok(out)
}

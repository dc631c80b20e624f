//! The heading of a GEM file: comments, then the names of the columns, in any of the namings of SAW.

use std::path::Path;

use tegula_core::{Error, Result};

use super::super::ReadOptions;
use super::super::pieces::Piece;

const GENE: [&str; 3] = ["geneID", "geneId", "gene"];
const NAME: [&str; 1] = ["geneName"];
const TOTAL: [&str; 6] = ["MIDCount", "MIDCounts", "UMICount", "UMICounts", "values", "count"];
/// Layers with the columns that fill them, as spateo names them.
const LAYERS: [(&str, [&str; 3]); 2] =
    [("spliced", ["ExonCount", "EXONIC", "spliced"]), ("unspliced", ["IntronCount", "INTRONIC", "unspliced"])];

/// Which column holds what.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    /// Names of the columns.
    names: Vec<String>,
    /// Number of lines up to and with the names.
    lines: usize,
    /// Spots along the side of a bin that the file says it was summed in.
    pub(super) bin_size: u32,
    pub(super) width: usize,
    pub(super) gene: usize,
    pub(super) name: Option<usize>,
    pub(super) x: usize,
    pub(super) y: usize,
    /// Totals, then the layers.
    pub(super) counts: Vec<usize>,
    layers: Vec<&'static str>,
}

impl Head {
    /// The heading among the first lines of a text; `None` where there is none.
    pub(super) fn find<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut bin_size = 1;
        for (k, line) in lines.enumerate() {
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(n) = comment.strip_prefix("BinSize=") {
                    bin_size = n.trim().parse().unwrap_or(1).max(1);
                }
                continue;
            }
            let names: Vec<String> = line.split('\t').map(|n| n.trim().to_owned()).collect();
            let any = |known: &[&str]| names.iter().position(|n| known.contains(&n.as_str()));
            let (gene, x, y, total) = (any(&GENE)?, any(&["x"])?, any(&["y"])?, any(&TOTAL)?);
            let mut counts = vec![total];
            let mut layers = Vec::new();
            for (layer, columns) in LAYERS {
                if let Some(c) = any(&columns) {
                    counts.push(c);
                    layers.push(layer);
                }
            }
            let (width, name) = (names.len(), any(&NAME));
            return Some(Self { width, lines: k + 1, bin_size, gene, name, x, y, counts, layers, names });
        }
        None
    }

    pub(super) fn layers(&self) -> Vec<&'static str> {
        self.layers.clone()
    }

    pub(super) fn has_names(&self) -> bool {
        self.name.is_some()
    }

    /// Takes the heading off the first piece of the file.
    pub(super) fn skip(&self, piece: &mut Piece) {
        for _ in 0..self.lines {
            piece.take_line();
        }
    }

    /// The column with the cells, if it is asked for.
    pub(super) fn cell_column(&self, path: &Path, options: &ReadOptions) -> Result<Option<usize>> {
        let Some(wanted) = &options.label_column else { return Ok(None) };
        let missing = || {
            let at = format!("label_column `{wanted}`");
            Error::config(at, format!("`{}` has the columns {}", path.display(), self.names.join(", ")))
        };
        self.names.iter().position(|n| n == wanted).map(Some).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_namings_and_comments_are_understood() {
        let old = Head::find(["geneID\tx\ty\tMIDCounts"].into_iter()).unwrap();
        assert_eq!((old.gene, old.x, old.y, &old.counts[..], old.bin_size), (0, 1, 2, &[3][..], 1));
        let lines = ["#FileFormat=GEMv0.1", "#BinSize=20", "geneID\tgeneName\tx\ty\tUMICount\tExonCount\tCellID"];
        let new = Head::find(lines.into_iter()).unwrap();
        assert_eq!(
            (new.name, &new.counts[..], new.layers(), new.bin_size),
            (Some(1), &[4, 5][..], vec!["spliced"], 20)
        );
        let both = Head::find(["geneID\tx\ty\tUMICount\tEXONIC\tINTRONIC"].into_iter()).unwrap();
        assert_eq!((both.layers(), &both.counts[..]), (vec!["spliced", "unspliced"], &[3, 4, 5][..]));
        assert_eq!(Head::find(["gene,x,y,count"].into_iter()), None);
    }
}

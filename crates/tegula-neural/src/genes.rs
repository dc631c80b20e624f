//! The genes of the data among those that weights in a file belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tegula_core::{Error, Result};

use crate::safetensors::Tensors;

/// Genes that a message names at most.
const NAMED: usize = 5;

/// For each gene its place among the `n` that the file names in its text `genes`; both have to be the same genes.
///
/// # Errors
/// [`Error::Format`] where the file does not name them; [`Error::Data`] where the genes differ or cannot be told apart.
pub(crate) fn places(file: &Tensors, n: usize, path: &Path, genes: &[String]) -> Result<Vec<usize>> {
    let names = file.text("genes").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    let names = names.filter(|names| names.len() == n);
    let names = names.ok_or_else(|| Error::format(path, "genes", "does not name a gene per row of weights"))?;
    let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(k, g)| (g.as_str(), k)).collect();
    let here: BTreeSet<&str> = genes.iter().map(String::as_str).collect();
    let absent: Vec<&str> = names.iter().map(String::as_str).filter(|g| !here.contains(g)).collect();
    let unknown: Vec<&str> = genes.iter().map(String::as_str).filter(|g| !place.contains_key(g)).collect();
    for (lack, which) in [(absent, "the data lack"), (unknown, "the weights do not know")] {
        if !lack.is_empty() {
            let (some, more) =
                (lack[..lack.len().min(NAMED)].join("`, `"), if lack.len() > NAMED { ", …" } else { "" });
            let reason = format!(
                "{which} {} of the genes (`{some}`{more}); use the genes the network was trained on ({n} in `{}`)",
                lack.len(),
                path.display()
            );
            return Err(Error::data("genes", reason));
        }
    }
    if names == genes {
        return Ok((0..n).collect());
    }
    if place.len() < n || here.len() < genes.len() {
        let reason = "some have the same name, so that weights cannot be told apart; make names unique";
        return Err(Error::data("genes", reason));
    }
    Ok(genes.iter().map(|g| place[g.as_str()]).collect())
}

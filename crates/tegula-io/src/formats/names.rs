//! Names of rows and columns.

use std::collections::{HashMap, HashSet};

use tegula_core::{Column, Frame, Labels, Result};

use super::{Notes, ReadOptions};

/// The names, those that repeat followed by `-1`, `-2`, …, as anndata makes them unique; says how many there were.
pub(crate) fn unique(mut names: Vec<String>, what: &str, notes: &mut Notes) -> Vec<String> {
    let mut seen: HashSet<&str> = HashSet::with_capacity(names.len());
    let again: Vec<usize> = (0..names.len()).filter(|&i| !seen.insert(&names[i])).collect();
    let Some(&first) = again.first() else { return names };
    notes.push(format!(
        "{} of {} names of {what} were there before (as `{}`) and are numbered: -1, -2, …",
        again.len(),
        names.len(),
        names[first]
    ));
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for i in again {
        let count = counts.entry(names[i].clone()).or_default();
        loop {
            *count += 1;
            let candidate = format!("{}-{count}", names[i]);
            if taken.insert(candidate.clone()) {
                names[i] = candidate;
                break;
            }
        }
    }
    names
}

/// Variables that have ids and symbols, named by the one and the other beside.
pub(super) fn variables(
    ids: Vec<String>,
    symbols: Vec<String>,
    options: &ReadOptions,
    notes: &mut Notes,
) -> Result<Frame> {
    let (index, key, other) =
        if options.gene_ids { (ids, "gene_symbols", symbols) } else { (symbols, "gene_ids", ids) };
    let mut var = Frame::new(unique(index, "variables", notes));
    var.insert(key, Column::Str(other))?;
    Ok(var)
}

/// Variables whose symbols, where they have any, name them unless ids are asked for; ids are then beside.
pub(super) fn symbols_or_ids(
    ids: Vec<String>,
    symbols: Option<Vec<String>>,
    options: &ReadOptions,
    notes: &mut Notes,
) -> Result<Frame> {
    match symbols {
        Some(symbols) if !options.gene_ids => variables(ids, symbols, options, notes),
        _ => Ok(Frame::new(unique(ids, "variables", notes))),
    }
}

/// A column of texts: categories where some repeat, as anndata stores them.
pub(crate) fn texts(values: Vec<String>) -> Column {
    let labels = Labels::from_strings(&values);
    if labels.categories().len() < values.len() { labels.into() } else { Column::Str(values) }
}

/// Up to three names in back-ticks, for messages.
pub(crate) fn examples<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let shown: Vec<String> = names.into_iter().take(3).map(|n| format!("`{}`", n.as_ref())).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_numbered_as_anndata_numbers_them() {
        let names = ["a", "b", "a", "a-1", "a", "b"].map(str::to_owned).to_vec();
        let mut notes = Vec::new();
        // anndata 0.12.19: anndata.utils.make_index_unique(pd.Index(["a", "b", "a", "a-1", "a", "b"]))
        assert_eq!(unique(names, "variables", &mut notes), ["a", "b", "a-2", "a-1", "a-3", "b-1"]);
        assert!(notes[0].starts_with("3 of 6 names of variables were there before (as `a`)"));
    }
}

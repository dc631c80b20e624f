//! Names of rows and columns.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use tegula_core::{AnnData, Column, Error, Frame, Labels, Result, Slot};

use super::{Notes, ReadOptions};
use crate::store::target::check_name;

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

/// Gives columns whose names cannot be keys of a file others, so that what is read can be written.
pub(super) fn name_as_keys(adata: &mut AnnData, notes: &mut Notes) -> Result<()> {
    type Set = fn(&mut AnnData, &str, Column) -> Result<()>;
    type Table = fn(&AnnData) -> &Frame;
    type Name = fn(&str) -> Slot;
    let tables: [(Table, Name, Set); 2] =
        [(AnnData::obs, Slot::obs, AnnData::set_obs), (AnnData::var, Slot::var, AnnData::set_var)];
    for (table, slot, set) in tables {
        let columns = table(adata).columns();
        let names = keys(columns.keys().map(String::as_str));
        if columns.keys().eq(&names) {
            continue;
        }
        // All of them, so that they stay in order.
        let before = columns.clone();
        before.keys().for_each(|name| drop(adata.take(&slot(name))));
        for (name, (old, column)) in names.iter().zip(before) {
            if *name != old {
                notes.push(format!("the column `{old}` is called `{name}` now: no file can hold that name"));
            }
            set(adata, name, column)?;
        }
    }
    Ok(())
}

/// Names that can be keys of a file: those given, where they can.
fn keys<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let fits = |name: &str| check_name(name).is_ok();
    let mut taken: HashSet<String> = names.clone().filter(|n| fits(n)).map(str::to_owned).collect();
    let key = |name: &str| {
        if fits(name) {
            return name.to_owned();
        }
        let plain = name.replace(['/', '\0'], "_");
        let mut key = if fits(&plain) { plain } else { "_".to_owned() };
        while !taken.insert(key.clone()) {
            key.push('_');
        }
        key
    };
    names.map(key).collect()
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

/// The error for a folder in which there are several of what one is read of: none is chosen in silence.
pub(crate) fn several<S: AsRef<str>>(
    folder: &Path,
    what: &str,
    names: impl IntoIterator<Item = S>,
    way_out: &str,
) -> Error {
    Error::format(folder, "", format!("holds several {what} ({}); {way_out}", examples(names)))
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

    #[test]
    fn names_that_are_no_keys_get_others() {
        let renamed = |names: &[&str]| keys(names.iter().copied()).join(" ");
        assert_eq!(renamed(&["a", "T/B", "..x"]), "a T_B ..x");
        assert_eq!(renamed(&["a/b", "a_b", "a/b/", "", "..", "."]), "a_b_ a_b a_b__ _ __ ___");
        assert_eq!(renamed(&["a\0b"]), "a_b");
    }
}

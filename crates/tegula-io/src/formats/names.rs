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
    let mut taken = Taken { names: names.iter().cloned().collect(), counts: HashMap::new() };
    for i in again {
        names[i] = taken.number(&names[i]);
    }
    names
}

/// Names that are taken, and how often each was numbered.
struct Taken {
    names: HashSet<String>,
    counts: HashMap<String, usize>,
}

impl Taken {
    /// Takes the name followed by the next number that is free.
    fn number(&mut self, name: &str) -> String {
        let count = self.counts.entry(name.to_owned()).or_default();
        loop {
            *count += 1;
            let candidate = format!("{name}-{count}");
            if self.names.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

/// Gives columns of `obs` and `var` whose names cannot be keys of a file others, so that what is read can be written.
pub(super) fn name_as_keys(adata: &mut AnnData, notes: &mut Notes) -> Result<()> {
    type Set = fn(&mut AnnData, &str, Column) -> Result<()>;
    type Table = fn(&AnnData) -> &Frame;
    type Name = fn(&str) -> Slot;
    let tables: [(&str, Table, Name, Set); 2] =
        [("obs", AnnData::obs, Slot::obs, AnnData::set_obs), ("var", AnnData::var, Slot::var, AnnData::set_var)];
    for (at, table, slot, set) in tables {
        let before = table(adata);
        if before.columns().keys().all(|name| check_name(name).is_ok()) {
            continue;
        }
        let after = keyed(before.clone(), at, notes)?;
        let slots: Vec<Slot> = before.columns().keys().map(|name| slot(name)).collect();
        // All of them, so that they stay in order; the last first, so that none moves.
        slots.iter().rev().for_each(|slot| drop(adata.take(slot)));
        for (name, column) in after.columns() {
            set(adata, name, column.clone())?;
        }
    }
    Ok(())
}

/// The table (of the place `at`) under names that can be keys of a file, of its index and its columns: their own, where
/// they can.
pub(crate) fn keyed(table: Frame, at: &str, notes: &mut Notes) -> Result<Frame> {
    let fits = |name: &String| check_name(name).is_ok();
    let index = table.index_name().map(str::to_owned);
    if index.iter().chain(table.columns().keys()).all(fits) {
        return Ok(table);
    }
    let mut out = table.named(index.map(|name| keys(vec![name], "index", at, notes).swap_remove(0)));
    let columns = out.columns().clone();
    columns.keys().rev().for_each(|name| drop(out.remove(name)));
    let names = keys(columns.keys().cloned().collect(), "column", at, notes);
    for (name, column) in names.iter().zip(columns.into_values()) {
        out.insert(name, column)?;
    }
    Ok(out)
}

/// Names that can be keys of a file: those given, where they can; `what` they name and where is for the note.
pub(crate) fn keys(names: Vec<String>, what: &str, at: &str, notes: &mut Notes) -> Vec<String> {
    let fits = |name: &str| check_name(name).is_ok();
    let own = names.iter().filter(|n| fits(n)).cloned().collect();
    let mut taken = Taken { names: own, counts: HashMap::new() };
    let key = |name: String| {
        if fits(&name) {
            return name;
        }
        let plain = name.replace(['/', '\0'], "_");
        let plain = if fits(&plain) { plain } else { "_".to_owned() };
        let key = if taken.names.insert(plain.clone()) { plain } else { taken.number(&plain) };
        notes.push(format!("the {what} `{name}` of `{at}` is called `{key}` now: no file can hold that name"));
        key
    };
    names.into_iter().map(key).collect()
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
        let renamed = |names: &[&str]| {
            keys(names.iter().map(ToString::to_string).collect(), "column", "obs", &mut Notes::new()).join(" ")
        };
        assert_eq!(renamed(&["a", "T/B", "..x"]), "a T_B ..x");
        assert_eq!(renamed(&["a/b", "a_b", "a/b/", "", "..", "."]), "a_b-1 a_b a_b_ _ _-1 _-2");
        assert_eq!(renamed(&["a\0b"]), "a_b");
    }

    #[test]
    fn tables_keep_their_order_under_other_names() {
        let mut table = Frame::new(vec!["r".into()]).named(Some("cell/id".into()));
        ["z", "T/B", "a"].iter().zip(0..).for_each(|(name, k)| table.insert(name, Column::Int(vec![k])).unwrap());
        let mut notes = Notes::new();
        let out = keyed(table, "obs", &mut notes).unwrap();
        assert_eq!((out.index_name(), out.index()), (Some("cell_id"), &["r".to_owned()][..]));
        let columns: Vec<_> = out.columns().iter().map(|(name, c)| (name.as_str(), c.clone())).collect();
        assert_eq!(columns, [("z", Column::Int(vec![0])), ("T_B", Column::Int(vec![1])), ("a", Column::Int(vec![2]))]);
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0], "the index `cell/id` of `obs` is called `cell_id` now: no file can hold that name");
        assert_eq!(keyed(out.clone(), "obs", &mut notes).unwrap(), out);
        assert_eq!(notes.len(), 2);
    }
}

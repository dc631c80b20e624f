//! What a name in `color` stands for: categories or numbers, one per observation.

use std::fmt::Write as _;

use tegula_core::{AnnData, Column, Error, Labels, Result, Slot};

/// One category or one number per observation.
pub(super) enum Shade {
    Categories(Labels),
    /// Missing ones are NaN.
    Numbers(Vec<f64>),
}

/// A column of `obs`, else a gene.
pub(super) fn look_up(adata: &AnnData, name: &str, layer: Option<&str>) -> Result<Shade> {
    if let Some(column) = adata.obs().get(name) {
        return Ok(match column {
            Column::Bool(_) | Column::NullableBool(_) => Shade::Categories(flags(column)),
            _ => match column.to_f64() {
                Some(numbers) => Shade::Numbers(numbers),
                None => Shade::Categories(adata.labels(name)?),
            },
        });
    }
    let place = |names: &[String]| names.iter().position(|n| n == name);
    if let Some(j) = place(adata.var().index()) {
        return Ok(Shade::Numbers(adata.matrix(layer)?.column(j).into_iter().map(f64::from).collect()));
    }
    if let Some(raw) = adata.raw().filter(|_| layer.is_none())
        && let Some(j) = place(raw.var.index())
    {
        return Ok(Shade::Numbers(raw.x.column(j).into_iter().map(f64::from).collect()));
    }
    Err(unknown(adata, name))
}

/// `False` and `True` as categories.
fn flags(column: &Column) -> Labels {
    let codes: Vec<i32> = match column {
        Column::Bool(v) => v.iter().map(|&b| i32::from(b)).collect(),
        Column::NullableBool(v) => v.iter().map(|b| b.map_or(-1, i32::from)).collect(),
        _ => Vec::new(),
    };
    Labels::new(codes, vec!["False".into(), "True".into()], false)
        .unwrap_or_else(|_| unreachable!("codes are -1, 0 and 1"))
}

/// The error for a name that is nowhere: what is nearest to it, and what there is.
fn unknown(adata: &AnnData, name: &str) -> Error {
    let columns = adata.obs().columns().keys().map(String::as_str);
    let genes = adata.var().index().iter().map(String::as_str);
    let raw = adata.raw().map(|r| r.var.index()).unwrap_or_default().iter().map(String::as_str);
    let near = nearest(name, columns.chain(genes).chain(raw));
    let mut hint = "it is neither a column nor a gene; name another in color".to_owned();
    if !near.is_empty() {
        let _ = write!(hint, "; perhaps {}", near.join(", "));
    }
    if let Some(first) = adata.var().index().first() {
        let _ = write!(hint, "; genes are named as `{first}`");
    }
    adata.missing(&Slot::obs(name), &hint)
}

/// Up to three names that are most like the one asked for.
fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<String> {
    const SHOWN: usize = 3;
    let asked: Vec<char> = name.to_lowercase().chars().collect();
    let allowed = (asked.len() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = all
        .filter(|n| n.len().abs_diff(name.len()) <= 4 * allowed)
        .filter_map(|n| {
            let d = distance(&asked, &n.to_lowercase().chars().collect::<Vec<_>>());
            (d <= allowed).then_some((d, n))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SHOWN).map(|n| format!("`{}`", n.1)).collect()
}

/// Letters to change, add or drop to make one word of the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

/// The categories in the order they are listed: their own; where that is only alphabetical, numbers by value.
pub(crate) fn listed(labels: &Labels) -> Vec<usize> {
    let names = labels.categories();
    let mut order: Vec<usize> = (0..names.len()).collect();
    if !labels.ordered() && names.is_sorted() {
        order.sort_by_cached_key(|&k| natural(&names[k]));
    }
    order
}

/// A key that sorts `2` before `10` and `a` beside `A`: words and numbers in turn.
fn natural(name: &str) -> Vec<(u64, String)> {
    let chars: Vec<char> = name.to_lowercase().chars().collect();
    chars
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .map(|run| {
            let text: String = run.iter().collect();
            // Numbers come before words.
            (text.parse().unwrap_or(u64::MAX), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str], ordered: bool) -> Vec<String> {
        let categories: Vec<String> = list.iter().map(ToString::to_string).collect();
        let labels = Labels::new(vec![], categories.clone(), ordered).unwrap();
        listed(&labels).into_iter().map(|k| categories[k].clone()).collect()
    }

    #[test]
    fn alphabetical_order_becomes_natural_and_chosen_order_stays() {
        assert_eq!(names(&["0", "1", "10", "2"], false), ["0", "1", "2", "10"]);
        assert_eq!(names(&["L1", "L10", "L2", "WM"], false), ["L1", "L2", "L10", "WM"]);
        assert_eq!(names(&["HPC", "L1", "L2/3", "cc"], false), ["cc", "HPC", "L1", "L2/3"]);
        assert_eq!(names(&["low", "mid", "high"], false), ["low", "mid", "high"]);
        assert_eq!(names(&["10", "2"], true), ["10", "2"]);
        assert_eq!(names(&["99999999999999999999999", "a"], false).len(), 2);
    }

    #[test]
    fn the_nearest_names_are_offered() {
        let all = ["Plp1", "Plp2", "Snap25", "layer", "scc"];
        assert_eq!(nearest("plp1", all.into_iter()), ["`Plp1`", "`Plp2`"]);
        assert_eq!(nearest("Layer", all.into_iter()), ["`layer`"]);
        assert!(nearest("zzzzzz", all.into_iter()).is_empty());
        let d = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!([d("kitten", "sitting"), d("", "abc"), d("abc", "abc")], [3, 3, 0]);
    }
}

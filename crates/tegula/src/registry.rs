//! The list of everything Tegula can do, and how to find an entry by name.

use tegula_core::{Error, Method, Result};

/// Every registered method, in the order a user meets them.
pub fn methods() -> impl Iterator<Item = &'static dyn Method> {
    tegula_algo::ROOMS.iter().chain(&[tegula_neural::METHODS]).flat_map(|room| room.iter().copied())
}

/// The names a method answers to: its id, then its aliases.
pub fn names(m: &dyn Method) -> Vec<&'static str> {
    std::iter::once(m.id()).chain(m.aliases().iter().copied()).collect()
}

/// The method of that id (`tl.leiden`) or alias (`pp.hvg`).
///
/// # Errors
/// [`Error::Config`] where there is none, with the nearest names.
pub fn find(id: &str) -> Result<&'static dyn Method> {
    methods().find(|m| names(*m).contains(&id)).ok_or_else(|| {
        let near = nearest(id, methods().map(Method::id));
        Error::config(format!("`{id}`"), format!("no such method; did you mean {}?", near.join(", ")))
    })
}

/// The three names most like `name`, best first.
pub fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(usize, &str)> = all.map(|s| (edit_distance(name, s), s)).collect();
    scored.sort_by_key(|e| e.0);
    scored.into_iter().take(3).map(|e| format!("`{}`", e.1)).collect()
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Words that no parameter may be called in Python.
    const KEYWORDS: [&str; 10] = ["lambda", "from", "in", "is", "class", "global", "with", "as", "yield", "import"];

    #[test]
    fn ids_and_aliases_are_unique_and_in_the_right_form() {
        let mut seen = BTreeSet::new();
        for m in methods() {
            for id in names(m) {
                assert!(seen.insert(id), "`{id}` is registered twice");
                let (room, name) = id.split_once('.').expect("room.name");
                assert!(["pp", "tl"].contains(&room), "`{id}`: rooms are pp and tl");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "`{id}`");
            }
        }
    }

    #[test]
    fn every_method_has_defaults_a_summary_and_a_page() {
        for m in methods() {
            assert!(!m.defaults().writes().is_empty(), "{} writes nothing", m.id());
            assert!(m.summary().ends_with('.') && m.summary().len() < 90, "{}: summary", m.id());
            let schema = m.schema();
            let page = crate::field::page(schema.as_value());
            for heading in ["# What it does", "# Reads and writes", "# Determinism", "# Cost", "# References"] {
                assert!(page.contains(heading), "{}: the page lacks `{heading}`", m.id());
            }
            for field in crate::field::fields(schema.as_value()) {
                assert!(!field.help.is_empty(), "{}: `{}` has no description", m.id(), field.name);
                assert!(!KEYWORDS.contains(&field.name.as_str()), "{}: `{}` is a word of Python", m.id(), field.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_near_ones() {
        let text = find("tl.leidn").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("`tl.leiden`"), "{text}");
    }
}

//! What a column of text holds.

use tegula_core::{Column, Labels};

/// What stands for no value, as pandas reads it.
const MISSING: [&str; 9] = ["", "NA", "N/A", "NaN", "nan", "<NA>", "None", "null", "#N/A"];

/// A column of the narrowest kind that holds all its values: whole numbers, numbers, flags, categories, text.
pub(crate) fn typed(values: Vec<String>) -> Column {
    let present = || values.iter().map(|v| v.trim()).filter(|v| !MISSING.contains(v));
    let missing = present().count() < values.len();
    if present().next().is_none() {
        return Column::Float(vec![f64::NAN; values.len()]);
    }
    if !missing && let Some(whole) = each(&values, |v| v.parse().ok()) {
        return Column::Int(whole);
    }
    let number = |v: &str| if MISSING.contains(&v) { Some(f64::NAN) } else { v.parse().ok() };
    if let Some(real) = each(&values, number) {
        return Column::Float(real);
    }
    let flag = |v: &str| match v {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    };
    if let Some(flags) = each(&values, flag) {
        return Column::Bool(flags);
    }
    categories(&values).unwrap_or(Column::Str(values))
}

fn each<T>(values: &[String], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|v| parse(v.trim())).collect()
}

/// Texts as categories in alphabetical order, where some repeat or are missing.
fn categories(values: &[String]) -> Option<Column> {
    let given = |v: &String| !MISSING.contains(&v.trim());
    let mut names: Vec<String> = values.iter().filter(|v| given(v)).cloned().collect();
    names.sort_unstable();
    names.dedup();
    if names.len() == values.len() {
        return None;
    }
    let code = |v: &String| if given(v) { names.binary_search(v).map_or(-1, |k| k as i32) } else { -1 };
    let codes = values.iter().map(code).collect();
    Labels::new(codes, names, false).ok().map(Column::Labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Column {
        typed(values.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn columns_are_as_narrow_as_can_be() {
        assert_eq!(column(&["1", " 2", "-3"]), Column::Int(vec![1, 2, -3]));
        assert_eq!(column(&["1", "2.5e3"]), Column::Float(vec![1.0, 2500.0]));
        let Column::Float(v) = column(&["1", "NA"]) else { panic!("not a number") };
        assert!(v[0] == 1.0 && v[1].is_nan());
        assert_eq!(column(&["True", "False"]), Column::Bool(vec![true, false]));
        assert_eq!(column(&["a", "b"]), Column::Str(vec!["a".into(), "b".into()]));
        let Column::Labels(l) = column(&["b", "a", "", "b"]) else { panic!("no categories") };
        assert_eq!((l.codes(), l.categories()), (&[1, 0, -1, 1][..], &["a".to_owned(), "b".into()][..]));
        assert_eq!(column(&[]), Column::Float(vec![]));
    }
}

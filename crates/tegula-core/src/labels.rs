//! A category per observation.

use indexmap::IndexMap;

use crate::{Error, Result};

/// A category per observation, some of them perhaps missing (code −1): pandas' `Categorical`.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    codes: Vec<i32>,
    categories: Vec<String>,
    ordered: bool,
}

impl Labels {
    /// Codes into `categories`, −1 for none.
    ///
    /// # Errors
    /// [`Error::Data`] where a code has no category.
    pub fn new(codes: Vec<i32>, categories: Vec<String>, ordered: bool) -> Result<Self> {
        match codes.iter().find(|&&c| c < -1 || c >= categories.len() as i32) {
            Some(c) => Err(Error::data("categorical", format!("code {c} has no category among {}", categories.len()))),
            None => Ok(Self { codes, categories, ordered }),
        }
    }

    /// Clusters 0, 1, 2, … as categories `"0"`, `"1"`, `"2"`, ….
    pub fn from_clusters(clusters: &[u32]) -> Self {
        let k = clusters.iter().max().map_or(0, |&m| m + 1);
        Self {
            codes: clusters.iter().map(|&c| c as i32).collect(),
            categories: (0..k).map(|c| c.to_string()).collect(),
            ordered: false,
        }
    }

    /// Categories from strings, sorted by name as pandas sorts them.
    pub fn from_strings<S: AsRef<str>>(values: &[S]) -> Self {
        let mut seen: IndexMap<&str, i32> = IndexMap::new();
        for v in values {
            seen.entry(v.as_ref()).or_insert(0);
        }
        seen.sort_unstable_keys();
        for (k, code) in seen.values_mut().enumerate() {
            *code = k as i32;
        }
        Self {
            codes: values.iter().map(|v| seen[v.as_ref()]).collect(),
            categories: seen.keys().map(ToString::to_string).collect(),
            ordered: false,
        }
    }

    /// Categories from numbers, by value; NaN belongs to none.
    ///
    /// ```
    /// let sections = tegula_core::Labels::from_numbers(&[0.26, f64::NAN, 0.21]);
    /// assert_eq!((sections.codes(), sections.get(2)), (&[1, -1, 0][..], Some("0.21")));
    /// ```
    pub fn from_numbers(values: &[f64]) -> Self {
        // Adding 0 makes -0 the same as 0.
        let mut distinct: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let code = |v: &f64| distinct.binary_search_by(|d| d.total_cmp(&(v + 0.0))).map_or(-1, |k| k as i32);
        Self {
            codes: values.iter().map(code).collect(),
            categories: distinct.iter().map(ToString::to_string).collect(),
            ordered: true,
        }
    }

    /// Number of observations.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// True where there is no observation.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Category of each observation, −1 for none.
    pub fn codes(&self) -> &[i32] {
        &self.codes
    }

    /// Names of the categories.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// How many categories some observation has.
    ///
    /// ```
    /// let labels = tegula_core::Labels::new(vec![0, -1, 2], ["a", "b", "c"].map(str::to_owned).to_vec(), false)?;
    /// assert_eq!(labels.n_used(), 2);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn n_used(&self) -> usize {
        self.counts().into_iter().filter(|&n| n > 0).count()
    }

    /// How many observations each category has.
    ///
    /// ```
    /// let labels = tegula_core::Labels::new(vec![0, -1, 2, 0], ["a", "b", "c"].map(str::to_owned).to_vec(), false)?;
    /// assert_eq!(labels.counts(), [2, 0, 1]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.categories.len()];
        self.codes.iter().filter_map(|&c| usize::try_from(c).ok()).for_each(|c| counts[c] += 1);
        counts
    }

    /// Whether the order of the categories means something.
    pub fn ordered(&self) -> bool {
        self.ordered
    }

    /// Name of the category of observation `i`.
    pub fn get(&self, i: usize) -> Option<&str> {
        usize::try_from(self.codes[i]).ok().map(|c| self.categories[c].as_str())
    }

    /// The given observations, in the given order; categories that become empty are kept.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { codes: rows.iter().map(|&i| self.codes[i]).collect(), ..self.clone() }
    }
}

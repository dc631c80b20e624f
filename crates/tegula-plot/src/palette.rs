//! Colours for categories: palettes by name, and `uns['<key>_colors']`.

use tegula_core::{AnnData, Array, Error, Result, Value};

use crate::Rgb;

/// One palette per line: its name, then its colours.
const TABLE: &str = include_str!("../assets/palettes.txt");

/// Names scanpy also answers to.
const ALIASES: [(&str, &str); 3] =
    [("default_20", "vega_20_scanpy"), ("default_28", "zeileis_28"), ("default_102", "godsnot_102")];

/// The names of the palettes for categories.
///
/// ```
/// assert!(tegula_plot::palette_names().contains(&"vega_20_scanpy"));
/// ```
pub fn palette_names() -> Vec<&'static str> {
    TABLE.lines().filter_map(|l| l.split_whitespace().next()).collect()
}

/// The colours of a palette: one by name, or a list of colours divided by commas.
///
/// ```
/// assert_eq!(tegula_plot::palette("tab20")?[0].to_string(), "#1f77b4");
/// assert_eq!(tegula_plot::palette("red, #00ff00")?.len(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for an unknown name (the names are listed) or a colour that cannot be read.
pub fn palette(name: &str) -> Result<Vec<Rgb>> {
    if name.contains(',') || name.starts_with('#') {
        let unreadable = |c: &str| Error::config("palette", format!("`{c}` is not a colour; write it as `#1f77b4`"));
        return name.split(',').map(|c| c.parse().map_err(|()| unreadable(c.trim()))).collect();
    }
    let name = ALIASES.iter().find(|a| a.0 == name).map_or(name, |a| a.1);
    let line = TABLE.lines().find(|l| l.split_whitespace().next() == Some(name)).ok_or_else(|| {
        let names = palette_names().join(", ");
        Error::config("palette", format!("`{name}` is not known; take one of {names}, or colours divided by commas"))
    })?;
    Ok(line.split_whitespace().skip(1).filter_map(|c| c.parse().ok()).collect())
}

/// The palette scanpy takes for `n` categories: 20, 28 or 102 colours.
pub(crate) fn default_name(n: usize) -> &'static str {
    match n {
        0..=20 => "vega_20_scanpy",
        21..=28 => "zeileis_28",
        _ => "godsnot_102",
    }
}

/// The key under which the colours of the column `key` are kept.
///
/// ```
/// assert_eq!(tegula_plot::colors_key("scc"), "scc_colors");
/// ```
pub fn colors_key(key: &str) -> String {
    format!("{key}_colors")
}

/// A colour per category of `obs[key]`, in the order of the categories.
///
/// Without a palette, colours in `uns["<key>_colors"]` are taken where there are enough of them; else scanpy's
/// palette for so many categories. A palette that is too short begins again from its start.
///
/// ```
/// use tegula_core::{AnnData, Column, Frame, Labels};
/// let mut adata = AnnData::new(None, Frame::with_range_index(3), Frame::default())?;
/// adata.set_obs("scc", Labels::from_clusters(&[0, 1, 1]))?;
/// assert_eq!(tegula_plot::colors_for(&adata, "scc", None)?, ["#1f77b4", "#ff7f0e"]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] or [`Error::Data`] where `obs[key]` is not there or not a category; [`Error::Config`] for an
/// unknown palette.
pub fn colors_for(adata: &AnnData, key: &str, palette: Option<&str>) -> Result<Vec<String>> {
    let n = adata.labels(key)?.categories().len();
    Ok(colors(adata, key, n, palette)?.iter().map(ToString::to_string).collect())
}

/// Chooses the colours of `obs[key]` as [`colors_for`] does and keeps them in `uns["<key>_colors"]`.
///
/// ```
/// use tegula_core::{AnnData, Column, Frame, Labels};
/// let mut adata = AnnData::new(None, Frame::with_range_index(2), Frame::default())?;
/// adata.set_obs("scc", Labels::from_clusters(&[0, 1]))?;
/// tegula_plot::store_colors(&mut adata, "scc", Some("tab20"))?;
/// assert_eq!(tegula_plot::colors_for(&adata, "scc", None)?, ["#1f77b4", "#aec7e8"]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// See [`colors_for`].
pub fn store_colors(adata: &mut AnnData, key: &str, palette: Option<&str>) -> Result<Vec<String>> {
    let chosen = colors_for(adata, key, palette)?;
    adata.set_uns(&colors_key(key), Array::strings(chosen.clone()));
    Ok(chosen)
}

/// A colour for each of `n` categories of the column `key`.
pub(crate) fn colors(adata: &AnnData, key: &str, n: usize, name: Option<&str>) -> Result<Vec<Rgb>> {
    if name.is_none()
        && let Some(kept) = kept(adata, key)
        && kept.len() >= n
    {
        return Ok(kept.into_iter().take(n).collect());
    }
    let all = palette(name.unwrap_or_else(|| default_name(n)))?;
    Ok(all.iter().copied().cycle().take(n).collect())
}

/// The colours in `uns["<key>_colors"]`, if every one of them can be read.
fn kept(adata: &AnnData, key: &str) -> Option<Vec<Rgb>> {
    match adata.uns().get(&colors_key(key))? {
        Value::Str(one) => Some(vec![one.parse().ok()?]),
        other => other.as_strings()?.iter().map(|c| c.parse().ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Frame, Labels};

    #[test]
    fn palettes_are_those_of_scanpy_and_matplotlib() {
        let first = |name: &str, n: usize, colors: [&str; 3]| {
            let p = palette(name).unwrap();
            assert_eq!(p.len(), n, "{name}");
            let text: Vec<String> = p[..3].iter().map(ToString::to_string).collect();
            assert_eq!(text, colors, "{name}");
        };
        first("vega_20_scanpy", 20, ["#1f77b4", "#ff7f0e", "#279e68"]);
        first("zeileis_28", 28, ["#023fa5", "#7d87b9", "#bec1d4"]);
        first("godsnot_102", 102, ["#ffff00", "#1ce6ff", "#ff34ff"]);
        first("tab20", 20, ["#1f77b4", "#aec7e8", "#ff7f0e"]);
        first("default_28", 28, ["#023fa5", "#7d87b9", "#bec1d4"]);
        for name in palette_names() {
            let line = TABLE.lines().find(|l| l.split(' ').next() == Some(name)).unwrap();
            assert_eq!(palette(name).unwrap().len(), line.split_whitespace().count() - 1, "{name}");
        }
    }

    #[test]
    fn an_unknown_palette_lists_the_known_ones() {
        let text = palette("tab21").unwrap_err().to_string();
        assert!(text.starts_with("palette: `tab21` is not known; take one of vega_20_scanpy, zeileis_28"), "{text}");
    }

    #[test]
    fn kept_colours_are_respected_when_there_are_enough() {
        let mut a = AnnData::new(None, Frame::with_range_index(3), Frame::default()).unwrap();
        a.set_obs("k", Labels::from_clusters(&[0, 1, 2])).unwrap();
        let keep = |a: &mut AnnData, c: &[&str]| {
            a.set_uns("k_colors", Array::strings(c.iter().map(ToString::to_string).collect()));
        };
        keep(&mut a, &["#000001", "#000002", "#000003"]);
        assert_eq!(colors_for(&a, "k", None).unwrap(), ["#000001", "#000002", "#000003"]);
        assert_eq!(colors_for(&a, "k", Some("tab10")).unwrap()[0], "#1f77b4", "an explicit palette wins");
        keep(&mut a, &["#000001"]);
        assert_eq!(colors_for(&a, "k", None).unwrap()[0], "#1f77b4", "too few");
        keep(&mut a, &["#000001", "oops", "#000003"]);
        assert_eq!(colors_for(&a, "k", None).unwrap()[0], "#1f77b4", "not colours");
    }

    #[test]
    fn the_default_grows_with_the_number_of_categories() {
        let name: Vec<_> = [1, 20, 21, 28, 29, 110].map(default_name).to_vec();
        assert_eq!(
            name,
            ["vega_20_scanpy", "vega_20_scanpy", "zeileis_28", "zeileis_28", "godsnot_102", "godsnot_102"]
        );
        let a = AnnData::default();
        let many = colors(&a, "k", 110, None).unwrap();
        assert_eq!(many.len(), 110);
        assert_eq!(many[102], many[0]);
    }
}

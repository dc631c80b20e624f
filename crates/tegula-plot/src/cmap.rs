//! Colours for numbers: maps by name, 256 steps each.

use tegula_core::{Error, Result};

use crate::Rgb;

/// Number of steps of every map.
pub(crate) const STEPS: usize = 256;

/// One map per line: its name, then 256 colours of six hexadecimal digits.
const TABLE: &str = include_str!("../assets/cmaps.txt");

/// The names of the maps for numbers. `_r` behind a name turns the map around.
///
/// ```
/// assert!(tegula_plot::cmap_names().contains(&"viridis"));
/// ```
pub fn cmap_names() -> Vec<&'static str> {
    TABLE.lines().filter_map(|l| l.split_whitespace().next()).collect()
}

/// The 256 colours of a map.
///
/// ```
/// assert_eq!(tegula_plot::cmap("viridis")?[0].to_string(), "#440154");
/// assert_eq!(tegula_plot::cmap("viridis_r")?[255].to_string(), "#440154");
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for an unknown name; the names are listed.
pub fn cmap(name: &str) -> Result<Vec<Rgb>> {
    let (base, turned) = name.strip_suffix("_r").map_or((name, false), |b| (b, true));
    let hex = TABLE.lines().find_map(|l| l.split_once(' ').filter(|(n, _)| *n == base)).ok_or_else(|| {
        let names = cmap_names().join(", ");
        Error::config("cmap", format!("`{name}` is not known; take one of {names} (`_r` behind it turns it around)"))
    })?;
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    let byte = |b: &[u8]| digit(b[0]) * 16 + digit(b[1]);
    let mut colors: Vec<Rgb> =
        hex.1.trim().as_bytes().chunks_exact(6).map(|c| Rgb([byte(&c[..2]), byte(&c[2..4]), byte(&c[4..])])).collect();
    if turned {
        colors.reverse();
    }
    Ok(colors)
}

/// The step of a value between `lo` and `hi`; beyond them the ends.
pub(crate) fn step(value: f64, lo: f64, hi: f64) -> usize {
    let t = if hi > lo { (value - lo) / (hi - lo) } else { 0.5 };
    ((t * STEPS as f64) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_those_of_matplotlib() {
        for (name, first, last) in [
            ("viridis", "#440154", "#fde725"),
            ("magma", "#000004", "#fcfdbf"),
            ("inferno", "#000004", "#fcffa4"),
            ("Reds", "#fff5f0", "#67000d"),
            ("coolwarm", "#3b4cc0", "#b40426"),
        ] {
            let m = cmap(name).unwrap();
            assert_eq!((m.len(), m[0].to_string(), m[255].to_string()), (256, first.into(), last.into()), "{name}");
        }
        assert!(cmap_names().iter().all(|n| cmap(n).unwrap().len() == STEPS));
    }

    #[test]
    fn steps_are_even_and_clamped() {
        assert_eq!([0.0, 0.5, 1.0, -3.0, 7.0].map(|v| step(v, 0.0, 1.0)), [0, 128, 255, 0, 255]);
        assert_eq!(step(2.0, 2.0, 2.0), 128, "a constant gets the middle");
    }

    #[test]
    fn an_unknown_map_lists_the_known_ones() {
        assert!(cmap("jet").unwrap_err().to_string().contains("viridis, magma"), "{}", cmap("jet").unwrap_err());
    }
}

//! What the figures of aligned sections share.

use tegula_core::{AnnData, Error, Labels, Result, Slot};

use crate::Rgb;

/// The column that tells the sections: the one asked for, or the one `tl.cast_stack` was told.
pub(crate) fn library_key<'a>(adata: &'a AnnData, asked: Option<&'a str>) -> Result<&'a str> {
    let told = || adata.uns().get(STACK)?.as_dict()?.get("library_key")?.as_str();
    let missing = || adata.missing(&Slot::uns(STACK), "run tl.cast_stack first, or pass library_key");
    asked.or_else(told).ok_or_else(missing)
}

/// The observations of the section of that name.
pub(crate) fn members(sections: &Labels, name: &str) -> Vec<usize> {
    (0..sections.len()).filter(|&i| sections.get(i) == Some(name)).collect()
}

/// The first two coordinates in `obsm[key]`.
pub(crate) fn plane(adata: &AnnData, key: &str) -> Result<Vec<[f64; 2]>> {
    let slot = Slot::obsm(key);
    if !adata.has(&slot) {
        return Err(adata.missing(&slot, "run tl.cast_stack first, or name other positions"));
    }
    let coords = adata.coords(key)?;
    if coords.is_empty() {
        return Err(Error::data("obs", "holds no observations: there is nothing to draw; check the filters before"));
    }
    Ok((0..coords.len()).map(|i| [coords.point(i)[0], coords.point(i)[1]]).collect())
}

/// The observations in an order that mixes them evenly, the same every time.
pub(crate) fn mixed(n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    // Multiplied by an odd number, numbers in a row lie anyhow, and no two at one place.
    order.sort_unstable_by_key(|&i| i.wrapping_mul(2_654_435_761));
    order
}

/// Refuses sizes that cannot be drawn, for the plot `id`.
pub(crate) fn check_size(id: &str, size: f64, width: f64, dpi: f64) -> Result<()> {
    for (name, value, low, high) in [("size", size, 1e-3, 1e3), ("width", width, 0.5, 40.0), ("dpi", dpi, 20.0, 2400.0)]
    {
        if !(low..=high).contains(&value) {
            return Err(Error::param(id, name, value, format!("between {low} and {high}")));
        }
    }
    Ok(())
}

/// What `tl.cast_stack` writes in `uns`.
pub(crate) const STACK: &str = "cast_stack";
/// Lines and arrows over marks.
pub(crate) const DARK: Rgb = Rgb([40, 40, 48]);
/// A tissue that is only ground for lines.
pub(crate) const GROUND: Rgb = Rgb([214; 3]);

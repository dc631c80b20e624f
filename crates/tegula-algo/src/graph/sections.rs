//! Graphs over several sections in one matrix.

use rayon::prelude::*;
use tegula_core::{AnnData, Coords, Csr, Error, Labels, Result, Slot};

use super::spatial::check_radius;
use crate::index::KdTree;

/// A graph that never crosses from one section to another: `build` of each section by itself.
///
/// # Errors
/// Those of `build`, with the name of the section; [`Error::Shape`] where labels and positions differ in number;
/// [`Error::Data`] where an observation belongs to no section.
///
/// ```
/// use tegula_algo::graph::{delaunay, within_sections};
/// use tegula_core::{Coords, Labels};
/// let coords = Coords::new(2, vec![0.0, 0.0, 0.1, 0.0, 1.0, 0.0, 1.1, 0.0])?;
/// let graph = within_sections(&coords, &Labels::from_strings(&["a", "b", "a", "b"]), delaunay)?;
/// assert_eq!((graph.row(0).0, graph.row(1).0), (&[2u32][..], &[3u32][..]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn within_sections(coords: &Coords, sections: &Labels, build: impl Fn(&Coords) -> Result<Csr>) -> Result<Csr> {
    let members = members(coords, sections)?;
    let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); coords.len()];
    for (members, name) in members.iter().zip(sections.categories()).filter(|e| !e.0.is_empty()) {
        let graph = build(&part(coords, members, coords.dim())?).map_err(|e| match e {
            Error::Param { method, name: param, value, must } => {
                Error::Param { method, name: param, value, must: format!("{must} in the section `{name}`") }
            }
            Error::Data { what, reason } => Error::data(what, format!("{reason} in the section `{name}`")),
            other => other,
        })?;
        for (k, &i) in members.iter().enumerate() {
            let (cols, values) = graph.row(k);
            rows[i as usize] = cols.iter().zip(values).map(|(&j, &v)| (members[j as usize], v)).collect();
        }
    }
    Ok(Csr::from_rows(coords.len(), &rows))
}

/// The distances between observations of neighbouring sections not farther than `radius` from each other in x and y:
/// STAGATE's rule for three dimensions. Symmetric.
///
/// Sections are neighbours where they follow each other in the categories of `sections`; those without observations
/// are passed over. Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>.
///
/// # Errors
/// As [`within_sections`], and [`Error::Param`] where `radius` is not a positive number.
///
/// ```
/// use tegula_algo::graph::between_sections;
/// use tegula_core::{Coords, Labels};
/// let coords = Coords::new(2, vec![0.0, 0.0, 0.1, 0.0, 0.2, 0.0])?;
/// let graph = between_sections(&coords, &Labels::from_strings(&["a", "b", "c"]), 1.0)?;
/// assert_eq!((graph.row(0).0, graph.row(1).0), (&[1u32][..], &[0u32, 2][..]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn between_sections(coords: &Coords, sections: &Labels, radius: f64) -> Result<Csr> {
    check_radius("radius_z", radius)?;
    let members = members(coords, sections)?;
    let filled: Vec<&Vec<u32>> = members.iter().filter(|m| !m.is_empty()).collect();
    let mut pairs = Vec::new();
    for pair in filled.windows(2) {
        let tree = KdTree::new(&part(coords, pair[1], 2)?);
        let found: Vec<(u32, u32)> = pair[0]
            .par_iter()
            .flat_map_iter(|&i| tree.within(coords.point(i as usize), radius).into_iter().map(move |e| (i, e.0)))
            .map(|(i, j)| (i, pair[1][j as usize]))
            .collect();
        pairs.extend(found);
    }
    Ok(super::spatial::symmetric(coords, &pairs))
}

/// The sections of the observations from a column of `obs`, in their own order or in that of `order`.
pub(super) fn sections(adata: &AnnData, key: &str, order: &[String]) -> Result<Labels> {
    let labels = adata.sections(key)?;
    if order.is_empty() {
        return Ok(labels);
    }
    let place = |name: &String| order.iter().position(|o| o == name).map(|k| k as i32);
    let to: Vec<Option<i32>> = labels.categories().iter().map(place).collect();
    let codes = labels.codes().iter().map(|&c| if c < 0 { Some(-1) } else { to[c as usize] });
    let codes: Option<Vec<i32>> = codes.collect();
    let codes = codes.ok_or_else(|| {
        let all = labels.categories().join(", ");
        Error::data(Slot::obs(key), format!("has sections that library_order does not name; name all of {all}"))
    })?;
    Labels::new(codes, order.to_vec(), true)
}

/// The observations of each section, ascending.
fn members(coords: &Coords, sections: &Labels) -> Result<Vec<Vec<u32>>> {
    if sections.len() != coords.len() {
        return Err(Error::shape("sections", format!("({})", sections.len()), format!("({})", coords.len())));
    }
    let mut members = vec![Vec::new(); sections.categories().len()];
    for (i, &c) in sections.codes().iter().enumerate() {
        if c < 0 {
            return Err(Error::data("sections", format!("observation {i} belongs to none; name one or drop it")));
        }
        members[c as usize].push(i as u32);
    }
    Ok(members)
}

/// The first `dim` coordinates of some observations.
pub(crate) fn part(coords: &Coords, members: &[u32], dim: usize) -> Result<Coords> {
    Coords::new(dim, members.iter().flat_map(|&i| &coords.point(i as usize)[..dim]).copied().collect())
}

//! `pl.displacement`: how an alignment bent the sections.

mod field;

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Error, Result, Value, keys};

use crate::overlay::{DARK, GROUND, STACK, check_size, library_key, members, mixed, plane};
use crate::spacing::{bounds, spacing};
use crate::spatial::has_image;
use crate::{Body, Drawing, Figure, Key, Panel, Points, Stroke, cmap};
use field::Field;

/// Bends smaller than this share of a section's extent are none.
const NONE: f64 = 1e-6;
/// Sides of an arrow's head, as a share of its length.
const HEAD: f64 = 0.3;

/// Draws how an alignment bent the sections: a mesh that went along, and arrows.
///
/// # What it does
/// For every section that was bent, two panels: a mesh of squares as the alignment deformed it, over the tissue; and the
/// tissue coloured by how far it was displaced, with arrows from where the affine part put it to where it lies.
///
/// # When to use it
/// After `tl.cast_stack` with `ffd`, to see whether it bends what should be bent, and nowhere folds.
///
/// # How it works
/// The affine part is the one in `uns["cast_stack"]`, or else the best fit of the aligned positions to those before. What
/// is left, averaged over observations nearby, moves the mesh; it ends where no observations are. So the figure serves
/// any alignment, not only CAST's. Arrows begin at observations spread evenly.
///
/// # Reads and writes
/// Reads `obs[library_key]`, `obsm["spatial"]`, `obsm["spatial_aligned"]`, `uns[key]`.
///
/// # Determinism
/// The same bytes for the same data and options.
///
/// # Cost
/// Linear in the number of observations.
///
/// # Differences from the reference
/// CAST draws the control points of its mesh; here the mesh is one of the tissue.
///
/// # Example
/// `tegula pl displacement aligned.h5ad -o bent.pdf --scale 2`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999, <https://doi.org/10.1109/42.796284>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DisplacementParams {
    /// Column of `obs` that tells the sections; none: the one that `tl.cast_stack` was told.
    pub library_key: Option<String>,
    /// Sections to draw; none: all that were bent.
    pub sections: Vec<String>,
    /// Positions before, in `obsm`.
    pub spatial_key: String,
    /// Positions after, in `obsm`.
    pub aligned_key: String,
    /// Entry of `uns` with the affine parts.
    pub key: String,
    /// Squares of the mesh along the longer side.
    pub mesh: usize,
    /// Arrows at most.
    pub n_arrows: usize,
    /// Bends are drawn so many times as large.
    pub scale: f64,
    /// Colours of the displacement: a map by name.
    pub cmap: String,
    /// Width of a mark as a multiple of the distance between spots.
    pub size: f64,
    /// Whether y grows downwards, as in images; none: where `uns["spatial"]` holds an image.
    pub invert_y: Option<bool>,
    /// Longer side of a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

impl Default for DisplacementParams {
    fn default() -> Self {
        Self {
            library_key: None,
            sections: Vec::new(),
            spatial_key: keys::SPATIAL.to_owned(),
            aligned_key: "spatial_aligned".to_owned(),
            key: STACK.to_owned(),
            mesh: 16,
            n_arrows: 300,
            scale: 1.0,
            cmap: "viridis".to_owned(),
            size: 1.0,
            invert_y: None,
            width: 4.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for DisplacementParams {
    const ID: &'static str = "pl.displacement";
    const SUMMARY: &'static str = "Draws how an alignment bent the sections: a mesh that went along, and arrows.";

    fn figure(&self, adata: &AnnData, _: &Ctx<'_>) -> Result<Figure> {
        displacement(adata, self)
    }
}

/// How an alignment bent the sections; see [`DisplacementParams`].
///
/// ```
/// use tegula_core::{AnnData, Coords, Frame, Labels};
/// use tegula_plot::{DisplacementParams, displacement};
/// let mut adata = AnnData::new(None, Frame::with_range_index(5), Frame::default())?;
/// adata.set_obs("section", Labels::from_strings(&["a"; 5]))?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 2.0, 2.0, 1.0, 1.0])?)?;
/// adata.set_obsm("spatial_aligned", &Coords::new(2, vec![0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 2.0, 2.0, 1.3, 1.0])?)?;
/// let params = DisplacementParams { library_key: Some("section".into()), ..DisplacementParams::default() };
/// assert_eq!(displacement(&adata, &params)?.panels.len(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] where there are no sections or positions, [`Error::Data`] where nothing was bent, [`Error::Param`] or
/// [`Error::Config`] for an option that cannot be used.
pub fn displacement(adata: &AnnData, params: &DisplacementParams) -> Result<Figure> {
    let refuse = |name: &str, value: &dyn std::fmt::Display, must: &str| {
        Err(Error::param(DisplacementParams::ID, name, value, must))
    };
    check_size(DisplacementParams::ID, params.size, params.width, params.dpi)?;
    if !(2..=200).contains(&params.mesh) {
        return refuse("mesh", &params.mesh, "between 2 and 200");
    }
    if !(params.scale > 0.0 && params.scale.is_finite()) {
        return refuse("scale", &params.scale, "a number above 0");
    }
    let library_key = library_key(adata, params.library_key.as_deref())?;
    let all = adata.sections(library_key)?;
    let (before, after) = (plane(adata, &params.spatial_key)?, plane(adata, &params.aligned_key)?);
    let names = all.categories();
    if let Some(odd) = params.sections.iter().find(|s| !names.contains(s)) {
        let must = format!("a section of `{library_key}`: {}", names.join(", "));
        return refuse("sections", &format!("`{odd}`"), &must);
    }
    let asked = if params.sections.is_empty() { names } else { &params.sections };
    let y_down = params.invert_y.unwrap_or_else(|| has_image(adata));
    let mut panels = Vec::new();
    for name in asked {
        let of = members(&all, name);
        let pick = |all: &[[f64; 2]]| of.iter().map(|&i| all[i]).collect::<Vec<_>>();
        let field = Field::new(&pick(&before), &pick(&after), affine(adata, &params.key, name));
        if field.largest() > NONE * field.extent() {
            let title = |what: &str| Some(format!("{name}: {what}"));
            panels.push(mesh(&field, params, y_down, title("mesh")));
            panels.push(arrows(&field, params, y_down, title("displacement"))?);
        }
    }
    if panels.is_empty() {
        let reason = "no section was bent, only moved; see pl.align, or run tl.cast_stack with ffd";
        return Err(Error::data(format!("obsm[\"{}\"]", params.aligned_key), reason));
    }
    Ok(Figure { panels, ncols: 2, panel_width: params.width, dpi: params.dpi, colors: IndexMap::new() })
}

/// The affine part that `tl.cast_stack` wrote down.
fn affine(adata: &AnnData, key: &str, name: &str) -> Option<[f64; 6]> {
    let sections = adata.uns().get(key)?.as_dict()?.get("sections")?.as_dict()?;
    let section = sections.get(name).or_else(|| sections.get(&name.replace('/', "_")))?.as_dict()?;
    let Some(Value::Array(array)) = section.get("affine") else { return None };
    array.data().to_f64()?.try_into().ok()
}

/// The tissue as marks.
fn tissue(field: &Field, params: &DisplacementParams, y_down: bool) -> Points {
    let xy: Vec<[f64; 2]> = (0..field.len()).map(|i| field.place(i, params.scale)).collect();
    Points {
        diameter: params.size * spacing(&xy).unwrap_or(1.0),
        draw: (0..xy.len() as u32).map(|i| (i, 0)).collect(),
        xy: Arc::new(xy),
        y_down,
        colors: vec![GROUND],
        round: true,
        lines: Vec::new(),
    }
}

fn panel(points: Points, key: Key, title: Option<String>) -> Panel {
    Panel { title, body: Body::Points(points), key, axes: None, scale_bar: None }
}

fn mesh(field: &Field, params: &DisplacementParams, y_down: bool, title: Option<String>) -> Panel {
    let lines = field.mesh(params.mesh, params.scale);
    let lines = lines.into_iter().map(|ends| Stroke { ends, width: 0.6, color: DARK }).collect();
    panel(Points { lines, ..tissue(field, params, y_down) }, Key::None, title)
}

fn arrows(field: &Field, params: &DisplacementParams, y_down: bool, title: Option<String>) -> Result<Panel> {
    let ground = tissue(field, params, y_down);
    let colors = cmap(&params.cmap)?;
    let far: Vec<f64> = (0..field.len()).map(|i| field.length(i)).collect();
    let (lo, hi) = (0.0, bounds(far.iter().copied()).1);
    let mut draw: Vec<(u32, u16)> =
        far.iter().zip(0..).map(|(&d, i)| (i, crate::cmap::step(d, lo, hi) as u16)).collect();
    draw.sort_by_key(|d| d.1);
    let mut lines = Vec::new();
    for &i in mixed(field.len()).iter().take(params.n_arrows) {
        let (from, to) = (field.place(i as usize, 0.0), field.place(i as usize, params.scale));
        let back = [HEAD * (from[0] - to[0]), HEAD * (from[1] - to[1])];
        let (sin, cos) = 0.45f64.sin_cos();
        let side = |sin: f64| [to[0] + cos * back[0] - sin * back[1], to[1] + sin * back[0] + cos * back[1]];
        for ends in [[from, to], [side(sin), to], [side(-sin), to]] {
            lines.push(Stroke { ends, width: 0.6, color: DARK });
        }
    }
    let key = Key::Bar { lo, hi, colors: colors.clone() };
    Ok(panel(Points { draw, colors, lines, ..ground }, key, title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Array, ArrayData, Coords, Dict, Frame, Labels};

    /// A lattice turned, moved, and bent by a wave; a second that stays.
    fn bent(n: usize, wave: f64) -> AnnData {
        let mut adata = AnnData::new(None, Frame::with_range_index(2 * n * n), Frame::default()).unwrap();
        let place = |i: usize| [(i % (n * n) % n) as f64, (i % (n * n) / n) as f64];
        let moved = |i: usize| {
            let [x, y] = place(i);
            if i < n * n { [x, y] } else { [y + wave * (x / 3.0).sin() + 7.0, -x + wave * (y / 4.0).cos()] }
        };
        let all = |f: &dyn Fn(usize) -> [f64; 2]| Coords::new(2, (0..2 * n * n).flat_map(f).collect()).unwrap();
        adata.set_obsm("spatial", &all(&place)).unwrap();
        adata.set_obsm("spatial_aligned", &all(&moved)).unwrap();
        let names: Vec<&str> = (0..2 * n * n).map(|i| if i < n * n { "still" } else { "bent" }).collect();
        adata.set_obs("section", Labels::from_strings(&names)).unwrap();
        adata
    }

    fn params() -> DisplacementParams {
        DisplacementParams { library_key: Some("section".into()), ..DisplacementParams::default() }
    }

    #[test]
    fn only_what_was_bent_is_drawn_by_what_the_affine_part_leaves() {
        let mut adata = bent(12, 0.8);
        let figure = displacement(&adata, &params()).unwrap();
        assert_eq!(figure.panels.len(), 2);
        assert_eq!(figure.panels[1].title.as_deref(), Some("bent: displacement"));
        let Key::Bar { hi, .. } = figure.panels[1].key else { panic!("no bar") };
        assert!(hi > 0.3 && hi < 1.6, "{hi}");
        let affine = Array::new(vec![2, 3], ArrayData::F64(vec![0.0, 1.0, 7.0, -1.0, 0.0, 0.0].into())).unwrap();
        let section = Dict::from([("affine".to_owned(), Value::from(affine))]);
        let sections = Dict::from([("bent".to_owned(), Value::from(section))]);
        adata.set_uns("cast_stack", Dict::from([("sections".to_owned(), Value::from(sections))]));
        let Key::Bar { hi, .. } = displacement(&adata, &params()).unwrap().panels[1].key else { panic!("no bar") };
        assert!((hi - 0.8 * 2f64.sqrt()).abs() < 0.1, "{hi}");
    }

    #[test]
    fn what_cannot_be_drawn_says_why() {
        let text = |adata: &AnnData, p: DisplacementParams| displacement(adata, &p).unwrap_err().to_string();
        assert!(text(&bent(5, 0.0), params()).contains("no section was bent"));
        assert!(text(&bent(5, 0.5), DisplacementParams { mesh: 1, ..params() }).contains("between 2 and 200"));
        assert!(text(&bent(5, 0.5), DisplacementParams { scale: 0.0, ..params() }).contains("above 0"));
        let odd = DisplacementParams { sections: vec!["x".into()], ..params() };
        assert!(text(&bent(5, 0.5), odd).contains("bent, still"));
    }
}

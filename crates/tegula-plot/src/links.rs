//! `pl.links`: what a projection matched, as lines between two sections.

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Csr, Ctx, Error, Labels, Result, Slot, Value};

use crate::overlay::{GROUND, check_size, members, mixed, plane};
use crate::spacing::{bounds, spacing};
use crate::spatial::{has_image, listed};
use crate::{Body, Drawing, Figure, Key, Panel, Place, Points, Rgb, Stroke, palette};

/// The planes seen from the side: how much of y goes to the right, and how much remains of its height.
const SHEAR: f64 = 0.4;
const FLAT: f64 = 0.4;
/// Lines where nothing is coloured.
const PLAIN: Rgb = Rgb([110; 3]);

/// Draws what `tl.cast_project` matched: lines between the target above and the source below.
///
/// # What it does
/// Shows both sections as planes seen from the side, one above the other, and a line from some observations of the target to
/// their best match in the source.
///
/// # When to use it
/// After `tl.cast_project`: upright lines are matches at the same place, slanting ones are far; with `color`, lines within
/// a region should end in the same region.
///
/// # How it works
/// `n_links` observations of the target are taken, spread evenly over it. A line has the colour of the target's end. With
/// `color` the target is coloured by `<color>_projected` where it has no labels of its own, and by `color` else.
///
/// # Reads and writes
/// Reads `uns[key]` (the two sections), `obsp[key]`, `obsm[spatial_key]`, `obs[color]`, `obs["<color>_projected"]`,
/// `uns["<color>_colors"]`.
///
/// # Determinism
/// The same bytes for the same data and options.
///
/// # Cost
/// Linear in the number of observations.
///
/// # Differences from the reference
/// CAST draws the source above and links at random.
///
/// # Example
/// `tegula pl links projected.h5ad -o links.png --color cell_type`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinksParams {
    /// Column of categories in `obs` to colour by; none: the two sections.
    pub color: Option<String>,
    /// Name of the projection in `uns` and `obsp`.
    pub key: String,
    /// Positions in `obsm`; none: those that the projection used.
    pub spatial_key: Option<String>,
    /// Lines.
    pub n_links: usize,
    /// How far the planes lie apart, as a multiple of their height on the page.
    pub lift: f64,
    /// Width of a line in points (1/72 inch).
    pub line_width: f64,
    /// Width of a mark as a multiple of the distance between spots.
    pub size: f64,
    /// Colours of the categories: a palette by name or colours divided by commas; none: those in `uns`, else scanpy's.
    pub palette: Option<String>,
    /// Whether y grows downwards, as in images; none: where `uns["spatial"]` holds an image.
    pub invert_y: Option<bool>,
    /// Longer side of the panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

impl Default for LinksParams {
    fn default() -> Self {
        Self {
            color: None,
            key: "cast_project".to_owned(),
            spatial_key: None,
            n_links: 200,
            lift: 1.25,
            line_width: 0.4,
            size: 0.8,
            palette: None,
            invert_y: None,
            width: 6.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for LinksParams {
    const ID: &'static str = "pl.links";
    const SUMMARY: &'static str =
        "Draws what tl.cast_project matched: lines between the target above and the source below.";

    fn figure(&self, adata: &AnnData, _: &Ctx<'_>) -> Result<Figure> {
        links(adata, self)
    }
}

/// The matches of a projection; see [`LinksParams`].
///
/// ```
/// use tegula_core::{AnnData, Coords, Csr, Dict, Frame, Labels, Value};
/// use tegula_plot::{LinksParams, links};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obs("section", Labels::from_strings(&["a", "a", "b", "b"]))?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.1, 1.0, 0.1])?)?;
/// adata.set_obsp("cast_project", Csr::from_rows(4, &[vec![], vec![], vec![(0, 1.0)], vec![(1, 1.0)]]))?;
/// let told = [("source", "a"), ("target", "b"), ("library_key", "section"), ("spatial_key", "spatial")];
/// let told: Dict = told.into_iter().map(|(k, v)| (k.to_owned(), Value::from(v))).collect();
/// adata.set_uns("cast_project", told);
/// assert_eq!(links(&adata, &LinksParams::default())?.panels.len(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] where there is no projection, no such column or no positions; [`Error::Param`] or [`Error::Config`]
/// for an option that cannot be used.
pub fn links(adata: &AnnData, params: &LinksParams) -> Result<Figure> {
    check_size(LinksParams::ID, params.size, params.width, params.dpi)?;
    for (name, value) in [("lift", params.lift), ("line_width", params.line_width)] {
        if !(value > 0.0 && value <= 100.0) {
            return Err(Error::param(LinksParams::ID, name, value, "above 0, at most 100"));
        }
    }
    let hint = "run tl.cast_project first, or pass key";
    let entry = adata.uns().get(&params.key).and_then(Value::as_dict);
    let entry = entry.ok_or_else(|| adata.missing(&Slot::uns(&params.key), hint))?;
    let told = |what: &str| {
        let text = entry.get(what).and_then(Value::as_str);
        text.ok_or_else(|| Error::data(Slot::uns(&params.key), format!("has no `{what}`; run tl.cast_project again")))
    };
    let Some(Value::Csr(weights)) = adata.obsp().get(&params.key) else {
        return Err(adata.missing(&Slot::obsp(&params.key), hint));
    };
    let (library_key, names) = (told("library_key")?, [told("source")?, told("target")?]);
    let all = adata.sections(library_key)?;
    let xy = plane(adata, params.spatial_key.as_deref().map_or_else(|| told("spatial_key"), Ok)?)?;
    let y_down = params.invert_y.unwrap_or_else(|| has_image(adata));
    let of = names.map(|name| members(&all, name));
    if let Some(side) = (0..2).find(|&s| of[s].is_empty()) {
        let reason = format!("has no observation of `{}` any more; run tl.cast_project again", names[side]);
        return Err(Error::data(Slot::obs(library_key), reason));
    }
    let shade = Shade::new(adata, params, &all, library_key, names)?;
    let planes = planes(&xy, &of, params.lift, y_down);
    let mut shown: Vec<[f64; 2]> = vec![[0.0; 2]; xy.len()];
    let mut draw = Vec::new();
    for (side, of) in of.iter().enumerate() {
        for &i in of {
            shown[i] = planes.place(xy[i], side);
            draw.push((i as u32, shade.of(i, side)));
        }
    }
    draw.sort_by_key(|d| d.1 != shade.grey());
    let of_target = |k: &u32| of[1][*k as usize];
    let chosen = mixed(of[1].len());
    let matched = chosen.iter().map(of_target).filter_map(|i| best(weights, i).map(|s| (i, s)));
    let lines = matched.take(params.n_links).map(|(i, s)| {
        let color = if params.color.is_some() { shade.colors[shade.of(i, 1) as usize] } else { PLAIN };
        Stroke { ends: [shown[i], shown[s]], width: params.line_width, color }
    });
    let lines: Vec<Stroke> = lines.collect();
    let here: Vec<[f64; 2]> = of[1].iter().map(|&i| xy[i]).collect();
    let diameter = params.size * spacing(&here).unwrap_or(1.0) * FLAT;
    let key = Key::Legend { entries: shade.entries, place: Place::Right };
    let title = Some(format!("{} (below) onto {} (above)", names[0], names[1]));
    let points =
        Points { xy: Arc::new(shown), y_down: false, draw, colors: shade.colors, diameter, round: true, lines };
    let panel = Panel { title, body: Body::Points(points), key, axes: None, scale_bar: None };
    let colors = IndexMap::from([(shade.column, shade.kept)]);
    Ok(Figure { panels: vec![panel], ncols: 1, panel_width: params.width, dpi: params.dpi, colors })
}

/// The source that has the largest weight.
fn best(weights: &Csr, i: usize) -> Option<usize> {
    let (sources, values) = weights.row(i);
    let largest = (0..values.len()).reduce(|a, b| if values[b] > values[a] { b } else { a })?;
    Some(sources[largest] as usize)
}

/// Two planes seen from the side.
struct Planes {
    middle: f64,
    up: f64,
    height: f64,
}

impl Planes {
    fn place(&self, [x, y]: [f64; 2], side: usize) -> [f64; 2] {
        let y = self.up * (y - self.middle);
        [x + SHEAR * y, FLAT * y + self.height * side as f64]
    }
}

fn planes(xy: &[[f64; 2]], of: &[Vec<usize>; 2], lift: f64, y_down: bool) -> Planes {
    let (low, high) = bounds(of.iter().flatten().map(|&i| xy[i][1]));
    let across = bounds(of.iter().flatten().map(|&i| xy[i][0]));
    // A flat tissue has no height to go by.
    let tall = (high - low).max(0.3 * (across.1 - across.0));
    Planes { middle: f64::midpoint(low, high), up: if y_down { -1.0 } else { 1.0 }, height: lift * FLAT * tall }
}

/// Colours of the observations of both sections.
struct Shade {
    /// The column they come from.
    column: String,
    codes: [Vec<i32>; 2],
    /// A colour for each category, and grey.
    colors: Vec<Rgb>,
    /// The colours alone.
    kept: Vec<Rgb>,
    entries: Vec<(String, Rgb)>,
}

impl Shade {
    fn new(adata: &AnnData, params: &LinksParams, all: &Labels, library_key: &str, names: [&str; 2]) -> Result<Self> {
        let column = params.color.as_deref().unwrap_or(library_key);
        let labels = if params.color.is_some() { adata.labels(column)? } else { all.clone() };
        let target = |i: &usize| all.get(*i) == Some(names[1]);
        let own = (0..labels.len()).filter(target).any(|i| labels.codes()[i] >= 0);
        let projected = format!("{column}_projected");
        let above =
            if own || !adata.has(&Slot::obs(&projected)) { labels.clone() } else { adata.labels(&projected)? };
        let categories = labels.categories();
        let code = |i: usize| above.get(i).and_then(|name| categories.iter().position(|c| c == name));
        let codes = [labels.codes().to_vec(), (0..labels.len()).map(|i| code(i).map_or(-1, |c| c as i32)).collect()];
        let kept = palette::colors(adata, column, categories.len(), params.palette.as_deref())?;
        let occurs = |c: usize| {
            (0..labels.len()).any(|i| {
                let side = names.iter().position(|n| all.get(i) == Some(n));
                side.is_some_and(|side| codes[side][i] == c as i32)
            })
        };
        let listed = listed(&labels).into_iter().filter(|&c| occurs(c));
        let entries = listed.map(|c| (categories[c].clone(), kept[c])).collect();
        let mut colors = kept.clone();
        colors.push(GROUND);
        Ok(Self { column: column.to_owned(), codes, colors, kept, entries })
    }

    fn grey(&self) -> u16 {
        self.kept.len() as u16
    }

    fn of(&self, i: usize, side: usize) -> u16 {
        u16::try_from(self.codes[side][i]).unwrap_or(self.grey())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Coords, Dict, Frame};

    fn adata() -> AnnData {
        let mut adata = AnnData::new(None, Frame::with_range_index(8), Frame::default()).unwrap();
        adata.set_obs("section", Labels::from_strings(&["a", "a", "a", "a", "b", "b", "b", "c"])).unwrap();
        let xy = (0..8).flat_map(|i| [f64::from(i % 4), f64::from(i / 4)]).collect();
        adata.set_obsm("spatial", &Coords::new(2, xy).unwrap()).unwrap();
        let mut rows = vec![Vec::new(); 8];
        rows[4] = vec![(0, 0.3), (2, 0.7)];
        rows[5] = vec![(1, 1.0)];
        adata.set_obsp("cast_project", Csr::from_rows(8, &rows)).unwrap();
        let told = [("source", "a"), ("target", "b"), ("library_key", "section"), ("spatial_key", "spatial")];
        adata.set_uns("cast_project", told.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect::<Dict>());
        let kind = |codes: Vec<i32>| Labels::new(codes, vec!["x".into(), "y".into()], false).unwrap();
        adata.set_obs("kind", kind(vec![0, 1, 1, 0, -1, -1, -1, -1])).unwrap();
        adata.set_obs("kind_projected", kind(vec![-1, -1, -1, -1, 1, 0, -1, -1])).unwrap();
        adata
    }

    #[test]
    fn every_match_is_a_line_to_the_heaviest_source() {
        let figure = links(&adata(), &LinksParams::default()).unwrap();
        let Body::Points(points) = &figure.panels[0].body else { panic!("no points") };
        let mut ends: Vec<_> = points.lines.iter().map(|l| l.ends).collect();
        ends.sort_by(|a, b| a[0][0].total_cmp(&b[0][0]));
        assert_eq!(ends, [[points.xy[4], points.xy[2]], [points.xy[5], points.xy[1]]]);
        assert!(points.xy[4][1] > points.xy[0][1] && points.draw.len() == 7, "the third section is left out");
    }

    #[test]
    fn projected_labels_colour_the_target() {
        let params = LinksParams { color: Some("kind".into()), n_links: 1, ..LinksParams::default() };
        let figure = links(&adata(), &params).unwrap();
        let Body::Points(points) = &figure.panels[0].body else { panic!("no points") };
        let color = |i: u32| points.draw.iter().find(|d| d.0 == i).unwrap().1;
        assert_eq!([color(4), color(5), color(6), color(1)], [1, 0, 2, 1]);
        assert_eq!(points.lines.len(), 1);
        assert!(figure.colors.contains_key("kind"));
    }

    #[test]
    fn what_cannot_be_drawn_says_why() {
        let text = |adata: &AnnData, p: LinksParams| links(adata, &p).unwrap_err().to_string();
        assert!(text(&AnnData::default(), LinksParams::default()).contains("run tl.cast_project first"));
        assert!(text(&adata(), LinksParams { lift: 0.0, ..LinksParams::default() }).contains("above 0"));
        let mut gone = adata();
        gone.keep_obs(&[0, 1, 7]);
        assert!(text(&gone, LinksParams::default()).contains("no observation of `b`"));
    }
}

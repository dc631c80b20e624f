//! From the annotated matrix to the panels.

use std::sync::Arc;

use indexmap::IndexMap;
use tegula_core::{AnnData, Ctx, Error, Labels, Result, Value, keys};

use super::shade::{self, Shade};
use super::{LegendLoc, Marker, SpatialParams};
use crate::{Body, Drawing, Figure, Key, Panel, Place, Points, Rgb, ScaleBar, cmap, palette, spacing, ticks};

/// What is written for missing values.
const MISSING: &str = "NA";
/// More categories than a legend can hold: names of observations rather than labels.
const MOST: usize = 1000;
/// The colour of a tissue that is coloured by nothing.
const PLAIN: Rgb = Rgb([127; 3]);

pub(super) fn figure(adata: &AnnData, params: &SpatialParams, ctx: &Ctx<'_>) -> Result<Figure> {
    let coords = adata.coords(&params.spatial_key)?;
    if coords.is_empty() {
        return Err(Error::data("obs", "holds no observations: there is nothing to draw; check the filters before"));
    }
    let xy: Arc<Vec<[f64; 2]>> =
        Arc::new((0..coords.len()).map(|i| [coords.point(i)[0], coords.point(i)[1]]).collect());
    let plain = Points {
        diameter: params.size * spacing::spacing(&xy).unwrap_or(1.0),
        xy,
        y_down: params.invert_y.unwrap_or_else(|| has_image(adata)),
        draw: Vec::new(),
        colors: Vec::new(),
        round: params.marker == Marker::Round,
        lines: Vec::new(),
    };
    let mut colors = IndexMap::new();
    let mut panels = Vec::new();
    for (k, name) in params.color.iter().enumerate() {
        let title = params.title.as_ref().map_or(name, |t| &t[k]).clone();
        let (points, key) = match shade::look_up(adata, name, params.layer.as_deref())? {
            Shade::Categories(labels) => {
                let n = labels.categories().len();
                if n > MOST {
                    let reason = format!("has {n} categories, more than {MOST}; name a column of fewer");
                    return Err(Error::data(format!("obs[\"{name}\"]"), reason));
                }
                let all = palette::colors(adata, name, n, params.palette.as_deref())?;
                if params.palette.is_none() && n > 102 {
                    ctx.warn(&format!(
                        "`{name}` has {n} categories: colours repeat after 102; merge some to tell them apart"
                    ));
                }
                let drawn = categories(&plain, name, &labels, &all, params)?;
                colors.insert(name.clone(), all);
                drawn
            }
            Shade::Numbers(values) => numbers(&plain, name, &values, params)?,
        };
        panels.push(panel(points, key, Some(title), params));
    }
    if panels.is_empty() {
        let draw = (0..plain.xy.len() as u32).map(|i| (i, 0)).collect();
        let points = Points { draw, colors: vec![PLAIN], ..plain };
        panels.push(panel(points, Key::None, params.title.as_ref().map(|t| t[0].clone()), params));
    }
    Ok(Figure { panels, ncols: params.ncols, panel_width: params.width, dpi: params.dpi, colors })
}

fn panel(points: Points, key: Key, title: Option<String>, params: &SpatialParams) -> Panel {
    let axis = |n: u8| format!("{}{n}", params.spatial_key.trim_start_matches("X_"));
    let scale_bar = params.scale_bar.map(|length| {
        let number = if length.fract() == 0.0 { format!("{length:.0}") } else { ticks::number(length, 2) };
        let label = params.scale_unit.as_ref().map_or_else(|| number.clone(), |u| format!("{number} {u}"));
        ScaleBar { length, label }
    });
    let title = title.filter(|t| !t.is_empty());
    Panel { title, body: Body::Points(points), key, axes: params.frame.then(|| [axis(1), axis(2)]), scale_bar }
}

/// Whether `uns["spatial"]` holds an image of some library.
pub(crate) fn has_image(adata: &AnnData) -> bool {
    let libraries = adata.uns().get(keys::SPATIAL).and_then(Value::as_dict);
    let image = |v: &Value| v.as_dict()?.get("images")?.as_dict().map(|d| !d.is_empty());
    libraries.is_some_and(|d| d.values().any(|v| image(v) == Some(true)))
}

/// Points and legend of a column of categories; `all` has a colour for each.
fn categories(
    plain: &Points,
    key: &str,
    labels: &Labels,
    all: &[Rgb],
    params: &SpatialParams,
) -> Result<(Points, Key)> {
    let names = labels.categories();
    if let Some(odd) = params.groups.iter().find(|g| !names.contains(g)) {
        let must = format!("a category of `{key}`: {}", shown(names));
        return Err(Error::param(SpatialParams::ID, "groups", format!("`{odd}`"), must));
    }
    let chosen: Vec<bool> = names.iter().map(|n| params.groups.is_empty() || params.groups.contains(n)).collect();
    let code = |i: usize| usize::try_from(labels.codes()[i]).ok();
    let coloured = |i: usize| code(i).filter(|&c| chosen[c]);
    let na = na_color(params);
    let mut colors = all.to_vec();
    colors.push(na);
    let grey = all.len() as u16;
    let n = labels.len();
    let below = (0..n).filter(|&i| coloured(i).is_none()).map(|i| (i as u32, grey));
    let above = (0..n).filter_map(|i| coloured(i).map(|c| (i as u32, c as u16)));
    let points = Points { draw: below.chain(above).collect(), colors, ..plain.clone() };

    let mut members: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    for i in 0..n {
        if let Some(c) = coloured(i) {
            members[c].push(i as u32);
        }
    }
    let listed: Vec<usize> = shade::listed(labels).into_iter().filter(|&c| !members[c].is_empty()).collect();
    let place = match params.legend_loc {
        LegendLoc::None => return Ok((points, Key::None)),
        LegendLoc::OnData => {
            let names = listed.iter().map(|&c| (names[c].clone(), middle(&plain.xy, &members[c]))).collect();
            return Ok((points, Key::OnData(names)));
        }
        LegendLoc::RightMargin => Place::Right,
        LegendLoc::UpperLeft => Place::Inside { top: true, left: true },
        LegendLoc::UpperRight => Place::Inside { top: true, left: false },
        LegendLoc::LowerLeft => Place::Inside { top: false, left: true },
        LegendLoc::LowerRight => Place::Inside { top: false, left: false },
    };
    let mut entries: Vec<(String, Rgb)> = listed.iter().map(|&c| (names[c].clone(), all[c])).collect();
    if labels.codes().contains(&-1) {
        entries.push((MISSING.to_owned(), na));
    }
    Ok((points, Key::Legend { entries, place }))
}

/// Points and colour bar of numbers, one per observation; NaN is missing.
fn numbers(plain: &Points, name: &str, values: &[f64], params: &SpatialParams) -> Result<(Points, Key)> {
    let mut order: Vec<u32> = (0..values.len() as u32).filter(|&i| values[i as usize].is_finite()).collect();
    // High values are drawn last, so that they are not hidden; equal ones keep their order.
    order.sort_by(|&i, &j| values[i as usize].total_cmp(&values[j as usize]));
    if order.is_empty() {
        return Err(Error::data(format!("`{name}`"), "holds no number at all; name another column or gene"));
    }
    let at = |percent: f64| {
        let rank = percent / 100.0 * (order.len() - 1) as f64;
        values[order[rank.round() as usize] as usize]
    };
    let mut lo = params.vmin.unwrap_or_else(|| at(params.clip_percent));
    let mut hi = params.vmax.unwrap_or_else(|| at(100.0 - params.clip_percent));
    if let Some(mid) = params.vcenter {
        let reach = (hi - mid).abs().max((mid - lo).abs());
        (lo, hi) = (mid - reach, mid + reach);
    }
    let hi = hi.max(lo);
    let mut colors = cmap::cmap(&params.cmap)?;
    let bar = colors.clone();
    colors.push(na_color(params));
    let missing = (0..values.len()).filter(|&i| !values[i].is_finite()).map(|i| (i as u32, cmap::STEPS as u16));
    let present = order.iter().map(|&i| (i, cmap::step(values[i as usize], lo, hi) as u16));
    let points = Points { draw: missing.chain(present).collect(), colors, ..plain.clone() };
    Ok((points, Key::Bar { lo, hi, colors: bar }))
}

fn na_color(params: &SpatialParams) -> Rgb {
    params.na_color.parse().unwrap_or(Rgb([211; 3]))
}

/// The member nearest to the median position: on the category even where it is bent.
fn middle(xy: &[[f64; 2]], members: &[u32]) -> [f64; 2] {
    let of = |i: &u32| xy[*i as usize];
    let mid = [0, 1].map(|a| median(members.iter().map(|i| of(i)[a])));
    let away = |p: [f64; 2]| (p[0] - mid[0]).powi(2) + (p[1] - mid[1]).powi(2);
    members.iter().map(of).min_by(|p, q| away(*p).total_cmp(&away(*q))).unwrap_or(mid)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut v: Vec<f64> = values.collect();
    let mid = v.len() / 2;
    *v.select_nth_unstable_by(mid, f64::total_cmp).1
}

/// The first few names.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = if names.len() > SHOWN { format!(", … {} in all", names.len()) } else { String::new() };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

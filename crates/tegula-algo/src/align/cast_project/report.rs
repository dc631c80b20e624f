//! What `uns` tells of a projection.

use tegula_core::{Array, ArrayData, Dict, Outcome, Value};

use super::pair::Pair;
use super::transfer::Transferred;
use super::{CastProjectParams, Projection};

/// Bars of a histogram.
const BARS: usize = 50;

/// The entry of `uns`.
pub(super) fn entry(
    params: &CastProjectParams,
    pair: &Pair,
    found: &Projection,
    [distance, cosine]: &[Vec<f64>; 2],
    labels: &[Transferred],
) -> Dict {
    let [source, target] = &pair.names;
    let mut entry = dict([
        ("source", Value::from(source.as_str())),
        ("target", Value::from(target.as_str())),
        ("library_key", Value::from(params.library_key.as_str())),
        ("spatial_key", Value::from(params.spatial_key.as_str())),
        ("share_far", Value::from(found.share_far(params.n_neighbors))),
        ("n_alone", Value::from(found.n_alone())),
        ("distance_histogram", histogram(distance)),
        ("cosine_histogram", histogram(cosine)),
    ]);
    match pair.types() {
        None => {
            entry.insert("mean_edge".into(), found.mean_edge[0].into());
            entry.insert("radius".into(), found.radius[0].into());
        }
        Some(names) => {
            let held: Vec<usize> = (0..found.radius.len()).filter(|&c| !found.radius[c].is_nan()).collect();
            let of = |values: &[f64]| Value::from(Array::vector(held.iter().map(|&c| values[c]).collect()));
            let names = held.iter().map(|&c| names[c].clone()).collect();
            entry.insert("groups".into(), Array::strings(names).into());
            entry.insert("mean_edge".into(), of(&found.mean_edge));
            entry.insert("radius".into(), of(&found.radius));
        }
    }
    let told = labels.iter().map(|label| (label.key.clone(), of_label(label)));
    entry.insert("labels".into(), Value::Dict(told.collect()));
    entry
}

/// What is worth telling at once.
pub(super) fn outcome(pair: &Pair, found: &Projection, labels: &[Transferred]) -> Outcome {
    let mut outcome = dict([
        ("source", Value::from(pair.names[0].as_str())),
        ("target", Value::from(pair.names[1].as_str())),
        ("n_projected", Value::from(found.matches.len() - found.n_alone())),
        ("radius", Value::from(found.radius.iter().copied().fold(0.0, f64::max))),
        ("share_far", Value::from(found.share_far(1))),
    ]);
    for label in labels {
        if let Some(confusion) = &label.confusion {
            outcome.insert(format!("accuracy_{}", label.key), confusion.accuracy().into());
        }
    }
    outcome
}

fn of_label(label: &Transferred) -> Value {
    let known: Vec<f64> = label.confidence.iter().copied().filter(|c| !c.is_nan()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let mut told = dict([("mean_confidence", Value::from(mean))]);
    if let Some(confusion) = &label.confusion {
        let n = confusion.names.len();
        told.insert("accuracy".into(), confusion.accuracy().into());
        told.insert("categories".into(), Array::strings(confusion.names.clone()).into());
        if let Ok(table) = Array::new(vec![n, n], ArrayData::I64(confusion.counts.clone().into())) {
            told.insert("confusion".into(), table.into());
        }
    }
    told.into()
}

/// Counts in bars of equal width from 0 to the highest value, and the borders between them.
fn histogram(values: &[f64]) -> Value {
    let highest = values.iter().copied().fold(0.0, f64::max);
    let width = if highest > 0.0 { highest / BARS as f64 } else { 1.0 };
    let mut counts = vec![0i64; BARS];
    for v in values.iter().filter(|v| !v.is_nan()) {
        counts[((v / width) as usize).min(BARS - 1)] += 1;
    }
    let counts = Array::new(vec![BARS], ArrayData::I64(counts.into()));
    let edges = Array::vector((0..=BARS).map(|k| k as f64 * width).collect());
    let counts = counts.map_or(Value::Null, Value::from);
    dict([("edges", edges.into()), ("counts", counts)]).into()
}

fn dict<const N: usize>(entries: [(&str, Value); N]) -> Dict {
    entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

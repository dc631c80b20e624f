//! From several sections to common coordinates: embedded together, laid onto each other, one projected onto another.

use serde_json::{Map, Value as Json, json};

use tegula_algo::metrics::neighbor_agreement;
use tegula_algo::pp;
use tegula_core::{AnnData, Ctx, Dict, Error, Result, Slot, Value, keys};
use tegula_plot::{self as plot, AlignParams, CastProjectPlotParams, DisplacementParams, Figure, LinksParams};

use super::choose::{N_COMPS, call, find_coordinates, normalisation};
use super::{Said, finish, play};
use crate::recipe::{Recipe, StepCall};

/// Where `tl.cast_mark` puts the embedding, `tl.cast_stack` the positions, and both what they tell.
const EMBEDDING: &str = "X_cast";
const ALIGNED: &str = "spatial_aligned";
const STACK: &str = "cast_stack";
const PROJECTION: &str = "cast_project";
/// Where `pp.harmony` puts the components of expression, and `pp.diffuse` what it makes of them.
const HARMONY: &str = "X_pca_harmony";
const COMPONENTS: &str = "X_pca_harmony_diffused";
/// Neighbours that the components are averaged over.
const NEIGHBORS: usize = 6;
/// Genes that sections are compared by, where they measured many more.
const MOST_GENES: usize = 5000;
const GENES: usize = 3000;

/// What the user asked for; everything left empty is chosen from the data or takes its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlignOptions {
    /// Column of `obs` that tells the sections apart.
    pub library_key: String,
    /// The section that stays where it is; the first if not given.
    pub reference: Option<String>,
    /// Column of `obs` with labels that sections share: to compare by, and to project.
    pub labels: Option<String>,
    /// Entry of `obsm` with the positions.
    pub spatial_key: Option<String>,
    /// An embedding of all sections that is there already, instead of one made here.
    pub use_rep: Option<String>,
    /// `rigid`, `similarity` or `affine`.
    pub transform: Option<String>,
    /// Whether sections are not bent.
    pub no_ffd: bool,
    /// Whether each section is laid onto the one before it.
    pub chain: bool,
    /// Lays sections onto each other by CAST Mark's embedding, trained for so many epochs, instead of Harmony's components.
    pub n_epochs: Option<usize>,
    /// File that this training is kept in, and goes on from.
    pub checkpoint: Option<String>,
    /// Whether the reference's counts and labels are brought onto the other section.
    pub project: bool,
    /// The seed of all randomness.
    pub seed: Option<u64>,
}

/// What the alignment did.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// The steps as they ran.
    pub recipe: Recipe,
    /// Entry of `obsm` with the positions before.
    pub spatial_key: String,
    /// The section that stayed where it is.
    pub reference: String,
    /// True where the user stopped it early.
    pub stopped: bool,
}

/// Aligns the sections of `adata`; `say` hears of every choice and every step.
///
/// # Errors
/// The first thing that stands in the way; see the steps.
pub fn align(
    adata: &mut AnnData,
    options: &AlignOptions,
    ctx: &Ctx<'_>,
    mut say: impl FnMut(Said<'_>),
) -> Result<Aligned> {
    let say: &mut dyn FnMut(Said<'_>) = &mut say;
    let names = names(adata, &options.library_key)?;
    let reference = options.reference.clone().unwrap_or_else(|| names[0].clone());
    if !names.contains(&reference) {
        let reason = format!("is no section; obs[\"{}\"] has {}", options.library_key, names.join(", "));
        return Err(Error::config(format!("reference `{reference}`"), reason));
    }
    if options.project && names.len() > 2 {
        let reason =
            format!("brings one section onto one other; there are {}: align two, or leave it out", names.len());
        return Err(Error::config("projection", reason));
    }
    if let Some(key) = &options.labels {
        adata.labels(key)?;
    }
    let spatial_key = match &options.spatial_key {
        Some(key) => key.clone(),
        None => find_coordinates(adata, say)?,
    };
    adata.coords(&spatial_key)?;
    let mut recipe = Recipe { seed: options.seed.unwrap_or(0), steps: Vec::new() };
    let mut project = None;
    if options.use_rep.is_none() || options.project {
        let counts = matches!(pp::scale_of(adata.matrix(None)?), pp::Scale::Counts);
        if counts && options.project {
            play(&mut recipe, vec![call("pp.copy_layer", &json!({}))], adata, ctx, say)?;
        }
        project = options.project.then(|| counts.then_some("counts"));
        let mut steps = normalisation(adata, say)?;
        if adata.n_vars() > MOST_GENES && !adata.var().columns().contains_key(keys::HIGHLY_VARIABLE) {
            steps.push(call(
                "pp.highly_variable_genes",
                &json!({"n_top_genes": GENES, "batch_key": options.library_key}),
            ));
        }
        play(&mut recipe, steps, adata, ctx, say)?;
    }
    if options.use_rep.is_none() {
        play(&mut recipe, embedding(adata, options, &spatial_key), adata, ctx, say)?;
    }
    play(&mut recipe, vec![stacking(options, &reference, &spatial_key)], adata, ctx, say)?;
    if let Some(layer) = project {
        play(&mut recipe, vec![projection(options, &reference, layer)], adata, ctx, say)?;
    }
    finish(&mut recipe)?;
    Ok(Aligned { recipe, spatial_key, reference, stopped: ctx.stopping() })
}

/// The sections that hold observations, in the order of their categories.
fn names(adata: &AnnData, key: &str) -> Result<Vec<String>> {
    let sections = adata.sections(key)?;
    let held = |c: usize| sections.codes().contains(&(c as i32));
    let names: Vec<String> =
        (0..sections.categories().len()).filter(|&c| held(c)).map(|c| sections.categories()[c].clone()).collect();
    match names.len() {
        0 | 1 => Err(Error::data(
            Slot::obs(key),
            "tells one section only; there is nothing to align it with: give the files of two",
        )),
        _ => Ok(names),
    }
}

/// What sections are laid onto each other by: the network's embedding where its epochs were asked for; otherwise Harmony's
/// components averaged over neighbours, which tell places in small sections and along layers better.
fn embedding(adata: &AnnData, options: &AlignOptions, spatial_key: &str) -> Vec<StepCall> {
    let key = &options.library_key;
    if let Some(n) = options.n_epochs {
        let mut params = json!({"library_key": key, "spatial_key": spatial_key, "key_added": EMBEDDING, "n_epochs": n});
        if let Some(file) = &options.checkpoint {
            params["checkpoint"] = json!(file);
        }
        return vec![call("tl.cast_mark", &params)];
    }
    let n_comps = N_COMPS.min(adata.n_obs().min(adata.n_vars()).saturating_sub(1));
    let graph =
        json!({"n_neighbors": NEIGHBORS, "coord_type": "generic", "library_key": key, "spatial_key": spatial_key});
    vec![
        call("pp.pca", &json!({"n_comps": n_comps})),
        call("pp.harmony", &json!({"key": key, "key_added": HARMONY})),
        call("pp.spatial_neighbors", &graph),
        call("pp.diffuse", &json!({"n_steps": 2, "use_rep": HARMONY, "key_added": COMPONENTS})),
    ]
}

fn stacking(options: &AlignOptions, reference: &str, spatial_key: &str) -> StepCall {
    let made = if options.n_epochs.is_some() { EMBEDDING } else { COMPONENTS };
    let mut params = json!({
        "library_key": options.library_key,
        "reference": reference,
        "use_rep": options.use_rep.as_deref().unwrap_or(made),
        "spatial_key": spatial_key,
        "key_added": ALIGNED,
        "ffd": !options.no_ffd,
        "mode": if options.chain { "chain" } else { "all_to_one" },
    });
    if let Some(transform) = &options.transform {
        params["transform"] = json!(transform);
    }
    call("tl.cast_stack", &params)
}

fn projection(options: &AlignOptions, reference: &str, layer: Option<&str>) -> StepCall {
    let label_key: Vec<&String> = options.labels.iter().collect();
    let params = json!({
        "library_key": options.library_key,
        "source": reference,
        "spatial_key": ALIGNED,
        "layer": layer,
        "label_key": label_key,
    });
    call("tl.cast_project", &params)
}

/// What `tl.cast_stack` tells of a section that is worth a place among the metrics.
const NUMBERS: [&str; 11] = [
    "scale",
    "rotation",
    "mirrored",
    "matched",
    "overlap",
    "match_error",
    "J_before",
    "J_affine",
    "J",
    "jacobian_min",
    "folded",
];

/// These entries, as far as they are there.
fn picked(from: &Dict, keys: &[&str]) -> Map<String, Json> {
    keys.iter().filter_map(|&key| Some((key.to_owned(), from.get(key)?.to_json()))).collect()
}

/// What the alignment reached: for every section what `tl.cast_stack` tells of it, and with `labels` the share of its
/// observations whose nearest of the reference has the same label, before and after; what a projection tells. Without
/// sections where the user stopped it before they were aligned.
///
/// # Errors
/// [`Error::Missing`] where a column is not there.
pub fn measure_alignment(adata: &AnnData, options: &AlignOptions, done: &Aligned) -> Result<Json> {
    let told = adata.uns().get(STACK).and_then(Value::as_dict);
    let told = told.and_then(|told| told.get("sections")).and_then(Value::as_dict);
    let mut sections = Map::new();
    for section in told.into_iter().flatten().filter_map(|e| e.1.as_dict()) {
        let Some(name) = section.get("name").and_then(Value::as_str).filter(|name| *name != done.reference) else {
            continue;
        };
        let mut row = picked(section, &NUMBERS);
        if let Some(key) = &options.labels {
            for (when, at) in [("label_agreement_before", done.spatial_key.as_str()), ("label_agreement", ALIGNED)] {
                let share = neighbor_agreement(adata, &options.library_key, [name, &done.reference], at, key)?;
                row.insert(when.to_owned(), json!(share));
            }
        }
        sections.insert(name.to_owned(), Json::Object(row));
    }
    let mut metrics = json!({"n_obs": adata.n_obs(), "reference": done.reference, "sections": sections});
    if let Some(Value::Dict(projection)) = adata.uns().get(PROJECTION) {
        let kept = ["source", "target", "radius", "share_far", "n_alone"];
        let mut told = picked(projection, &kept);
        let labels = projection.get("labels").and_then(Value::as_dict).into_iter().flatten();
        let labels =
            labels.filter_map(|(key, of)| Some((key.clone(), picked(of.as_dict()?, &["accuracy", "mean_confidence"]))));
        told.insert("labels".to_owned(), labels.map(|(key, told)| (key, Json::Object(told))).collect());
        metrics["projection"] = Json::Object(told);
    }
    Ok(metrics)
}

/// The sections before and after, coloured by section and by `labels` where there are any; how they were bent; what a
/// projection linked, and how well its labels agree. None where the user stopped it before the sections were aligned.
///
/// # Errors
/// See the plots.
pub fn figures_of_alignment(
    adata: &AnnData,
    options: &AlignOptions,
    done: &Aligned,
    ctx: &Ctx<'_>,
) -> Result<Vec<(String, Figure)>> {
    if !adata.obsm().contains_key(ALIGNED) {
        return Ok(Vec::new());
    }
    let (library_key, spatial_key) = (options.library_key.clone(), done.spatial_key.clone());
    let sections =
        AlignParams { library_key: Some(library_key.clone()), spatial_key: spatial_key.clone(), ..Default::default() };
    let mut made = vec![("sections".to_owned(), plot::align(adata, &sections, ctx)?)];
    if let Some(key) = &options.labels {
        let params = AlignParams { color: Some(key.clone()), correlation: String::new(), ..sections };
        made.push((key.clone(), plot::align(adata, &params, ctx)?));
    }
    if !options.no_ffd {
        let params = DisplacementParams { library_key: Some(library_key), spatial_key, ..Default::default() };
        match plot::displacement(adata, &params) {
            Ok(figure) => made.push(("displacement".to_owned(), figure)),
            // No section was bent: the warp made neighbours less alike, and was not taken.
            Err(Error::Data { .. }) => {}
            Err(e) => return Err(e),
        }
    }
    if adata.uns().contains_key(PROJECTION) {
        let params = LinksParams { color: options.labels.clone(), ..Default::default() };
        made.push(("links".to_owned(), plot::links(adata, &params)?));
        made.push(("projection".to_owned(), plot::cast_project(adata, &CastProjectPlotParams::default())?));
    }
    Ok(made)
}

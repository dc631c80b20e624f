//! `tl.cast_stack`: sections laid onto each other by what their observations are like.

mod run;
mod step;

pub(super) use step::KEY;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{Ctx, Error, Result, Step, keys};

use super::cost::Ground;
use super::matches::matches;
use super::section::Framed;
use super::start::{Allowed, Begun, begin};
use super::{Section, Start, Transform};
use run::Aligning;

/// The task as progress shows it.
pub(super) const TASK: &str = "tl.cast_stack";
/// Sections match where they are so much nearer to alike than with one of them torn apart,
const GAIN: f64 = 0.4;
/// or where so many times more matches agree than would by chance.
const BEYOND_CHANCE: f64 = 1.25;
/// Coordinates so many times larger or smaller are in other units.
const UNITS: f64 = 5.0;
/// A smaller share of a section on its reference is little.
const LITTLE: f64 = 0.2;
/// The most nodes of a mesh: more are slow, and less than windows wide.
const MOST_NODES: usize = 24;

/// Lays sections onto each other by what their observations are like, where they lie turned, scaled and bent.
///
/// # What it does
/// Finds for every section the turn, scale, shear and smooth warp that lay it onto a reference section, so that
/// neighbours across sections have similar embeddings, and writes common coordinates.
///
/// # When to use it
/// For neighbouring sections, replicates or technologies with an embedding of all sections together: `tl.cast_mark`, or
/// principal components (`pp.pca`, `pp.harmony`, then `pp.diffuse`), which in small sections and along layers tell places
/// better. Sections need not overlap wholly. Sections that match no better than chance are refused; units that differ, and
/// sections that hardly lie on each other, are warned of.
///
/// # How it works
/// - The likeness of two observations is the Pearson correlation of their rows. The best matches of each other in up to
///   4,096 observations vote on similarities through pairs of matches (2,000 pairs, mirrored too); the best candidates, and
///   those of a grid of turns, are followed a few steps, and the one whose neighbours correlate best begins; to have any
///   counts a little, so that sections lie on each other where layers do not tell.
/// - Then each observation asks the 96 nearest of the reference. Their places, weighted by correlation, have a mean and a
///   covariance; what the window itself adds is divided out, so that an observation says nothing along a layer that looks
///   the same everywhere, nor where it has no counterpart. A robust fit (Student's t) of the affine map to all that is said,
///   repeated on 1,024, 4,096, … observations of the reference until nothing moves. In sections of more than 1,024 each
///   speaks for the thousandth of its section around it, by the mean of their rows, whose noise is less: so all count,
///   though `subsample` are looked at.
/// - A map that makes neighbours less alike, asked from both sections, is not taken: a section of layers would shrink onto
///   a part of the reference. Then a similarity is tried, else the start is kept.
/// - With `ffd` a cubic B-spline mesh follows in the same way, with a penalty on bending; where areas would shrink below a
///   tenth or fold, it is made stiffer.
/// - The cost J reported is the mean over the section's observations of 1 − the correlation with the nearest of the reference.
///
/// # Reads and writes
/// Reads `obs[library_key]`, `obsm[use_rep]`, `obsm[spatial_key]`. Writes `obsm["spatial_aligned"]` (`key_added`; the
/// reference stays where it is, a third coordinate as it was), `obs["cast_stack_correlation"]` (of each observation with the
/// one of its reference next to it; none for the reference) and `uns["cast_stack"]`, with an entry for each section in
/// `sections`: `reference`, `affine` (2 × 3), `mesh_box` and `mesh` (displacements, for `ffd`), `scale`, `rotation`, `mirrored`,
/// `start`, `matched` (share of the best matches that agree) and `chance`, `overlap` (share with the reference next to it),
/// `match_error`, `J_before`, `J_start`, `J_affine`, `J` and `trace`, `jacobian_min`, `folded` (share).
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// O(N log N) time and memory: no table of all pairs. 1,000 cells take two seconds of a processor, 10,000 six, 100,000
/// twelve and 40 MB.
///
/// Twelve smooth programmes whose noise is 0.3, bent by 3 % of their height, are laid within 0.3 to 0.5 spacings (one over
/// the root of the density), from 1,000 cells to 100,000: near the most that such noise lets be told, as what N cells tell
/// of a mesh of given size gets finer as their spacing does.
///
/// # Differences from the reference
/// CAST takes J = Σ (max corr − corr), which differs by a constant and a factor; its gradient is that of J itself by
/// differences, in steps made for micrometres, from the best of four turns. Ours has no units, starts at any angle and
/// reaches a lower J. `transform = "similarity"` is what CAST calls rigid. Its several rounds of meshes are one. Embeddings
/// of two sections are compared as they are: bring batches together before.
///
/// Real sections, share of observations with the label of their nearest neighbour in the other section, as published and
/// after alignment by `X_pca_harmony_diffused`: DLPFC 151674 onto 151673 0.79 → 0.88; STARmap BZ9 onto BZ5 0.89 → 0.92;
/// MERFISH hypothalamus, bregma 0.26 onto 0.21, cell types 0.23 → 0.25; the same where the query was first turned by 65°,
/// mirrored and enlarged. By Mark's embedding (400 epochs) BZ9 onto BZ5 0.92, too. Of four breast cancer sections of 250
/// spots, which come aligned, components find how each lies to 5° from either start (correlation of neighbours' expression
/// 0.29, 0.27, 0.19 as given; 0.29, 0.25, 0.22 after); Mark's embedding of 150 epochs lays all three mirrored.
///
/// # Example
/// `tegula tl cast_stack in.h5ad -o out.h5ad --library-key section`
///
/// # References
/// Tang et al. 2024 (CAST), <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999 (free-form deformation),
/// <https://doi.org/10.1109/42.796284>; Fischler & Bolles 1981, <https://doi.org/10.1145/358669.358692>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CastStackParams {
    /// Column of `obs` that tells the sections; required.
    pub library_key: String,
    /// The section that stays where it is; the first if not given.
    pub reference: Option<String>,
    /// Whether every section is laid onto the reference, or each onto the one before it.
    pub mode: Mode,
    /// The embedding in `obsm`, one for all sections together.
    pub use_rep: String,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// What the affine part may do.
    pub transform: TransformKind,
    /// Bend sections smoothly after the affine part (free-form deformation).
    pub ffd: bool,
    /// Nodes of the mesh along each side, for `ffd`.
    pub mesh: usize,
    /// Steps of the affine part at most; it ends where nothing moves.
    pub n_iter_affine: usize,
    /// Steps of the warp at most; it ends where nothing moves.
    pub n_iter_ffd: usize,
    /// Whether a section may lie mirrored.
    pub mirror: bool,
    /// Penalty on observations that lie beside the reference, in typical correlations per spacing; 0 for none.
    pub dist_penalty: f64,
    /// Column of `obs` that tells a region to look at more than at the rest.
    pub attention_key: Option<String>,
    /// The value in `attention_key` that is the region.
    pub attention_value: Option<String>,
    /// How many times more an observation of the region counts.
    pub attention_weight: f64,
    /// Observations of a section that are looked at, at most; the transform moves all.
    pub subsample: usize,
    /// Refuse sections that match no better than chance; otherwise only warn.
    pub require_match: bool,
    /// Writes the transforms to this file too, for `tl.apply_transform` on other data.
    pub save_transform: Option<String>,
    /// Name of the common coordinates in `obsm`.
    pub key_added: String,
}

/// What sections are laid onto.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every section onto the reference.
    AllToOne,
    /// Each section onto its neighbour in the order of the categories, from the reference outwards.
    Chain,
}

/// What the affine part of an alignment may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransformKind {
    /// Turn and shift.
    Rigid,
    /// Turn, shift and scale.
    Similarity,
    /// Turn, shift, scale and shear.
    Affine,
}

impl Default for CastStackParams {
    fn default() -> Self {
        Self {
            library_key: String::new(),
            reference: None,
            mode: Mode::AllToOne,
            use_rep: "X_cast".into(),
            spatial_key: keys::SPATIAL.into(),
            transform: TransformKind::Affine,
            ffd: true,
            mesh: 8,
            n_iter_affine: 500,
            n_iter_ffd: 400,
            mirror: true,
            dist_penalty: 0.0,
            attention_key: None,
            attention_value: None,
            attention_weight: 3.0,
            subsample: 20_000,
            require_match: true,
            save_transform: None,
            key_added: "spatial_aligned".into(),
        }
    }
}

/// The result of [`cast_stack`].
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// From the query's coordinates to the reference's.
    pub transform: Transform,
    /// What it began from.
    pub start: Start,
    /// Share of the best matches that agree with the start.
    pub matched: f64,
    /// The most that agree by chance.
    pub chance: f64,
    /// The cost before: with the centres of both sections laid together, otherwise as given.
    pub j_before: f64,
    /// The cost at the start.
    pub j_start: f64,
    /// The cost after the affine part.
    pub j_affine: f64,
    /// The cost at the end.
    pub j: f64,
    /// The cost at every step, over the observations looked at.
    pub trace: Vec<f64>,
    /// Share of the observations with the reference next to them.
    pub overlap: f64,
    /// The median distance to what the observations look like around them, in the reference's units.
    pub match_error: f64,
    /// The smallest growth of areas by the warp, in the mesh and at the observations.
    pub jacobian_min: f64,
    /// Share of the observations where the warp folds.
    pub folded: f64,
}

/// Lays a section onto a reference; see [`CastStackParams`], of which those about slots are not looked at.
///
/// # Errors
/// [`Error::Data`] where a section has fewer than four observations, all at one place, or where the sections match no better
/// than chance; [`Error::Shape`]; [`Error::Param`]; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::align::{CastStackParams, Section, cast_stack};
/// use tegula_core::{Coords, Ctx, Dense};
/// // A tissue, and the same turned by a right angle.
/// let n = 400;
/// let xy: Vec<f64> = (0..n).flat_map(|i| [f64::from(i % 20), f64::from(i / 20) + 0.01 * f64::from(i % 7)]).collect();
/// let wave = |x: f64, k: f64| (x / 20.0 * k).sin() as f32;
/// let rows = xy.chunks(2).flat_map(|p| [wave(p[0], 5.0), wave(p[1], 4.0), wave(p[0] + p[1], 3.0), wave(p[0] - 2.0 * p[1], 2.0)]);
/// let embedding = Dense::new(n as usize, 4, rows.collect::<Vec<_>>())?;
/// let reference = Coords::new(2, xy.clone())?;
/// let query = Coords::new(2, xy.chunks(2).flat_map(|p| [-p[1], p[0]]).collect())?;
/// let section = |coords| Section { name: "a", coords, embedding: &embedding, weights: None };
/// let found = cast_stack(&section(&query), &section(&reference), &CastStackParams::default(), &Ctx::default())?;
/// assert!((found.transform.affine.rotation() + 90.0).abs() < 1.0);
/// let there = found.transform.apply(&query)?;
/// assert!((0..400).all(|i| (there.point(i)[0] - reference.point(i)[0]).abs() < 0.5));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn cast_stack(
    query: &Section<'_>,
    reference: &Section<'_>,
    params: &CastStackParams,
    ctx: &Ctx<'_>,
) -> Result<Alignment> {
    params.check()?;
    if query.embedding.n_cols() != reference.embedding.n_cols() {
        let columns = |s: &Section<'_>| format!("{} columns", s.embedding.n_cols());
        return Err(Error::shape("the query's embedding", columns(query), columns(reference)));
    }
    let framed = Framed::new(reference, None)?;
    let rigid = params.transform == TransformKind::Rigid;
    let moving = Framed::new(query, rigid.then_some(framed.spread))?;
    let ground = Ground::new(&framed);
    let allowed = Allowed { mirror: params.mirror, rigid, given: moving.spread / framed.spread };
    let begun = begin(&moving, &ground, &matches(&moving, &framed, ctx)?, allowed, ctx)?;
    begun.accept(query, reference, params.require_match, ctx)?;
    let found = Aligning::new(params, &moving, &ground).run(&begun, ctx)?;
    found.tell(query.name, reference.name, ctx);
    Ok(found)
}

impl Alignment {
    /// Warns of what nobody expects: units that differ, and sections that hardly lie on each other.
    fn tell(&self, query: &str, reference: &str, ctx: &Ctx<'_>) {
        let scale = self.transform.affine.scale();
        if !(1.0 / UNITS..=UNITS).contains(&scale) {
            ctx.warn(&format!(
                "section `{query}` is in other units than `{reference}`, or magnified: its coordinates are {:.3e} times as \
                 large",
                1.0 / scale
            ));
        }
        if self.overlap < LITTLE {
            ctx.warn(&format!(
                "section `{query}` has `{reference}` next to only {:.0} % of its observations: what they share may be too \
                 little to tell where it lies",
                100.0 * self.overlap
            ));
        }
    }
}

impl TransformKind {
    /// What is tried in turn: where neighbours seen from both sides get less alike, the section shrank onto a part of the
    /// reference, and less freedom is given.
    fn kinds(self) -> &'static [Self] {
        match self {
            Self::Rigid => &[Self::Rigid],
            Self::Similarity => &[Self::Similarity],
            Self::Affine => &[Self::Affine, Self::Similarity],
        }
    }
}

impl Begun {
    /// Refuses a start that is no better than chance, or warns.
    fn accept(&self, query: &Section<'_>, reference: &Section<'_>, required: bool, ctx: &Ctx<'_>) -> Result<()> {
        let gain = (self.likeness - self.torn) / (1.0 - self.torn);
        if gain > GAIN || self.support > BEYOND_CHANCE * self.chance {
            return Ok(());
        }
        let reason = format!(
            "does not match `{}`: where it fits best the two are alike by {:.2}, torn apart by {:.2}; of the observations \
             most alike {:.0} % lie together, and as many as {:.0} % do by chance; look whether the sections overlap and \
             share the embedding (use_rep), or align them anyway with require_match = false",
            reference.name,
            self.likeness,
            self.torn,
            100.0 * self.support,
            100.0 * self.chance
        );
        let what = format!("section `{}`", query.name);
        if required {
            return Err(Error::data(what, reason));
        }
        ctx.warn(&format!("{what} {reason}"));
        Ok(())
    }
}

impl CastStackParams {
    /// What can be said of the numbers alone.
    fn check(&self) -> Result<()> {
        if self.ffd && !(2..=MOST_NODES).contains(&self.mesh) {
            return Err(Self::refuse("mesh", self.mesh, &format!("from 2 to {MOST_NODES}")));
        }
        if !(self.dist_penalty >= 0.0 && self.dist_penalty.is_finite()) {
            return Err(Self::refuse("dist_penalty", self.dist_penalty, "0 or more"));
        }
        if !(self.attention_weight > 0.0 && self.attention_weight.is_finite()) {
            return Err(Self::refuse("attention_weight", self.attention_weight, "a number above 0"));
        }
        if self.subsample < 100 {
            return Err(Self::refuse("subsample", self.subsample, "at least 100"));
        }
        Ok(())
    }
}

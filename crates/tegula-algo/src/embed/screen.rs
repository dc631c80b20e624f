//! `tl.spasne_screen`: which weights to give `tl.spasne`.

mod keeping;
mod table;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dense, Dict, Error, Need, Outcome, Result, Slot, Step, Value, keys};

pub use table::{Screen, ScreenRow, Stage};

use super::affinity::Points;
use super::descent::descend;
use super::exact::Exact;
use super::run::{Method, Settings, input};
use super::start;
use super::terms::{Balance, Terms};
use keeping::Keeping;

/// The task as progress shows it.
const TASK: &str = "screen";
/// Observations of which all pairs still go into memory.
const MOST: usize = 20_000;

/// Tries weights for `tl.spasne`, and recommends a pair.
///
/// # What it does
/// Runs `tl.spasne` for every pair of `alpha` and `beta` of a wide grid, then of a fine one around the best, each
/// several times from different starts, and writes one line for each: how well distances in expression and in the
/// tissue are kept, and how surely.
///
/// # When to use it
/// Once for a tissue, where nobody has told you α and β. Above 20,000 observations screen a part first
/// (`pp.subsample`).
///
/// # How it works
/// r1 and r2 are Pearson's correlations of all pairwise distances with those in expression and in the tissue. A run
/// whose r1 is not above the mean of t-SNE (`n_tsne` runs) has failed and counts 0. The best run of a cell stands for
/// it; its score is r1 · r2 · exp(1 − sd), sd being the standard deviation of r1 over the runs. Without `fine_alpha`
/// and
/// `fine_beta` the fine grid goes from half to twice the best of the wide one, in steps of a tenth, whole numbers at
/// least. What does not depend on α and β is made once, and all cells start from the same points. No run is cut short:
/// none can be told to be hopeless before it ends.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`, else `obsm["X_pca"]`, else `X`; `obsm[spatial_key]`. Writes `uns[key_added]`: `table` with
/// `stage` (0 t-SNE, 1 wide, 2 fine), `alpha`, `beta`, `r1`, `r2`, `sd`, `failure_rate`, `n_runs`, `score`; the best
/// `alpha` and `beta`; `complete`. After Ctrl-C the table holds what is done, and the same command goes on from there.
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// One embedding for each run, side by side; 1,300 spots, the authors' 3,600 runs: some 15 minutes on two cores, where
/// their code needs two and a half days. Memory 14 N² bytes and 2 N² for each run under way.
///
/// # Differences from the reference
/// The score is that of the authors' notebook; the gradients are exact. They run t-SNE 100 times. On their breast cancer
/// set the same pair is best, (9, 4). Where α is large (above 12 there) runs end in several valleys and a cell is as good
/// as its luckiest start, theirs as ours: look at `sd` before you trust a cell.
///
/// # Example
/// `tegula tl spasne_screen in.h5ad -o out.h5ad --alpha 5,10,20 --beta 1,5,10`
///
/// # References
/// Zhou et al. 2025, <https://doi.org/10.1093/gigascience/giaf002>; the authors' notebook,
/// <https://github.com/Lin-Xu-lab/SpaSNE>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpasneScreenParams {
    /// Weights of the distances in expression to try first.
    pub alpha: Vec<f64>,
    /// Weights of the distances in the tissue to try first.
    pub beta: Vec<f64>,
    /// Runs of each pair of the wide grid.
    pub n_rough: usize,
    /// Runs of each pair of the fine grid; 0 leaves it out.
    pub n_fine: usize,
    /// Runs of t-SNE that set what has to be kept of expression.
    pub n_tsne: usize,
    /// Weights of the distances in expression in the fine grid; by default around the best so far.
    pub fine_alpha: Option<Vec<f64>>,
    /// Weights of the distances in the tissue in the fine grid; by default around the best so far.
    pub fine_beta: Option<Vec<f64>>,
    /// How many neighbours count, softly; at least 2, at most a third of the others.
    pub perplexity: f64,
    /// Factor of the nearness in the first 250 steps.
    pub early_exaggeration: f64,
    /// Steps of a run.
    pub n_iter: usize,
    /// Length of the steps; by default 500, or the number of observations over `early_exaggeration` where that is more.
    pub learning_rate: Option<f64>,
    /// The input in `obsm`, or `X` itself; by default `X_pca`, or where that is absent 200 principal components of `X`.
    pub use_rep: Option<String>,
    /// Use only the first so many columns of the input; all if not given.
    pub n_pcs: Option<usize>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Name of the result in `uns`.
    pub key_added: String,
}

impl Default for SpasneScreenParams {
    fn default() -> Self {
        Self {
            alpha: vec![2.0, 5.0, 10.0, 20.0, 30.0, 50.0],
            beta: vec![1.0, 5.0, 10.0, 15.0, 25.0],
            n_rough: 10,
            n_fine: 20,
            n_tsne: 20,
            fine_alpha: None,
            fine_beta: None,
            perplexity: 50.0,
            early_exaggeration: 4.0,
            n_iter: 1000,
            learning_rate: None,
            use_rep: None,
            n_pcs: None,
            spatial_key: keys::SPATIAL.into(),
            key_added: "spasne_screen".into(),
        }
    }
}

/// What all runs share.
struct Bench<'a> {
    terms: Terms<f32>,
    keeping: Keeping,
    settings: Settings,
    ctx: Ctx<'a>,
}

impl Bench<'_> {
    /// r1 and r2 of runs from so many starts, the same for all weights; `None` where the user wants to stop.
    fn runs(&self, balance: Balance, n_runs: usize) -> Result<Option<Vec<[f64; 2]>>> {
        let runs = (0..n_runs).into_par_iter().with_max_len(1).map(|run| self.run(balance, run as u64));
        let runs: Vec<Option<[f64; 2]>> = runs.collect::<Result<_>>()?;
        Ok(runs.into_iter().collect())
    }

    fn run(&self, balance: Balance, run: u64) -> Result<Option<[f64; 2]>> {
        let n = self.terms.n_obs();
        let schedule = self.settings.schedule(n);
        let mut y = start::random(2 * n, "tl.spasne_screen.init", run, &self.ctx);
        let mut slope = Exact::<f32, 2>::new(&self.terms, balance, schedule.early_exaggeration);
        let done = descend(&mut slope, &mut y, 2, schedule, |_, _, _| {
            self.ctx.tick(TASK, 0)?;
            Ok(!self.ctx.stopping())
        });
        self.ctx.tick(TASK, 1)?;
        match done {
            // Points beyond all bounds keep nothing.
            Err(Error::Data { .. }) => Ok(Some([0.0; 2])),
            Err(e) => Err(e),
            Ok(_) if self.ctx.stopping() => Ok(None),
            Ok(_) => Ok(Some(self.keeping.correlations(&y))),
        }
    }
}

/// Tries weights for an embedding of the rows of `data`, which lie at `coords`; see [`SpasneScreenParams`]. `done` are
/// rows of an earlier screening with the same parameters that was stopped.
///
/// # Errors
/// As [`spasne`](super::spasne()); [`Error::Data`] for more than 20,000 observations.
///
/// ```
/// use tegula_algo::embed::{SpasneScreenParams, spasne_screen};
/// use tegula_core::{Coords, Ctx, Dense};
/// let line = Dense::new(40, 1, (0..40).map(|i| i as f32).collect::<Vec<_>>())?;
/// let coords = Coords::new(2, (0..40).flat_map(|i| [f64::from(i % 8), f64::from(i / 8)]).collect())?;
/// let (alpha, beta, perplexity) = (vec![1.0, 5.0], vec![1.0], 5.0);
/// let few = SpasneScreenParams { n_rough: 2, n_fine: 0, n_tsne: 1, n_iter: 300, ..Default::default() };
/// let params = SpasneScreenParams { alpha, beta, perplexity, ..few };
/// let found = spasne_screen(&line, &coords, &[], &params, &Ctx::new(0))?;
/// assert_eq!(found.rows.len(), 3);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn spasne_screen(
    data: &Dense,
    coords: &Coords,
    done: &[ScreenRow],
    params: &SpasneScreenParams,
    ctx: &Ctx<'_>,
) -> Result<Screen> {
    params.validate()?;
    let settings = params.settings();
    let n = data.n_rows();
    settings.check_size(n)?;
    if n > MOST {
        let reason = format!("{n} are too many to look at all pairs so often; screen a part (pp.subsample)");
        return Err(Error::data("observations", reason));
    }
    if coords.len() != n {
        return Err(Error::shape("positions", format!("({})", coords.len()), format!("({n})")));
    }
    let expression = Points::scaled(data.n_cols(), data.data().iter().map(|&x| f64::from(x)).collect())?;
    let tissue = Points::centred(coords.dim(), coords.data().to_vec(), "the positions")?;
    let every = Balance { alpha: 1.0, beta: 1.0 };
    let terms = Terms::new(&expression, Some(&tissue), params.perplexity, every, ctx)?;
    let bench = Bench { terms, keeping: Keeping::of(&expression, &tissue), settings, ctx: *ctx };
    let mut screen = Screen { rows: Vec::new(), complete: false };
    ctx.begin(TASK, 0);
    let mut threshold = f64::NEG_INFINITY;
    for stage in Stage::ALL {
        let (cells, n_runs) = params.cells(stage, &screen);
        for (alpha, beta) in cells {
            let same = |r: &&ScreenRow| (r.stage, r.alpha, r.beta, r.n_runs) == (stage, alpha, beta, n_runs);
            let row = match done.iter().find(same) {
                Some(row) => *row,
                None => match bench.runs(Balance { alpha, beta }, n_runs)? {
                    Some(runs) => ScreenRow::of(stage, alpha, beta, &runs, threshold),
                    None => return Ok(screen),
                },
            };
            if stage == Stage::Tsne {
                threshold = row.r1;
            } else {
                ctx.metric(TASK, "score", row.score());
            }
            screen.rows.push(row);
        }
    }
    ctx.end(TASK);
    screen.complete = true;
    Ok(screen)
}

impl SpasneScreenParams {
    fn settings(&self) -> Settings {
        Settings {
            id: Self::ID,
            n_components: 2,
            perplexity: self.perplexity,
            early_exaggeration: self.early_exaggeration,
            n_iter: self.n_iter,
            learning_rate: self.learning_rate,
            theta: 0.0,
            method: Method::Exact,
            n_pcs: self.n_pcs,
            balance: Balance::default(),
        }
    }

    /// The pairs of weights of a stage and how often to run each.
    fn cells(&self, stage: Stage, so_far: &Screen) -> (Vec<(f64, f64)>, usize) {
        let grid =
            |alpha: &[f64], beta: &[f64]| alpha.iter().flat_map(|&a| beta.iter().map(move |&b| (a, b))).collect();
        match (stage, so_far.best_of(Stage::Rough)) {
            (Stage::Tsne, _) => (vec![(0.0, 0.0)], self.n_tsne),
            (Stage::Rough, _) => (grid(&self.alpha, &self.beta), self.n_rough),
            (Stage::Fine, Some(best)) if self.n_fine > 0 => {
                let alpha = self.fine_alpha.clone().unwrap_or_else(|| around(best.alpha));
                let beta = self.fine_beta.clone().unwrap_or_else(|| around(best.beta));
                (grid(&alpha, &beta), self.n_fine)
            }
            (Stage::Fine, _) => (Vec::new(), 0),
        }
    }
}

/// From half to twice a weight, in steps of a tenth of it, whole numbers.
fn around(weight: f64) -> Vec<f64> {
    let step = (weight / 10.0).round().max(1.0);
    let from = (weight / 2.0).floor().max(1.0);
    // From half to twice a weight there are 23 steps at most.
    let all = (0..40).map(|k| from + step * f64::from(k));
    all.take_while(|w| *w <= (2.0 * weight).max(from)).collect()
}

impl Step for SpasneScreenParams {
    const ID: &'static str = "tl.spasne_screen";
    const SUMMARY: &'static str = "Tries weights for tl.spasne, and recommends a pair.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = start::reads(self.use_rep.as_deref(), super::Init::Spatial, "", &self.spatial_key);
        slots.push(Slot::uns(&self.key_added));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        self.settings().check()?;
        let lists = [("alpha", Some(&self.alpha)), ("beta", Some(&self.beta))];
        let fine = [("fine_alpha", self.fine_alpha.as_ref()), ("fine_beta", self.fine_beta.as_ref())];
        for (name, list) in lists.into_iter().chain(fine) {
            let Some(list) = list else { continue };
            if list.is_empty() || !list.iter().all(|w| *w >= 0.0 && w.is_finite()) {
                return Err(Self::refuse(name, format!("{list:?}"), "one or more numbers from 0 on"));
            }
        }
        for (name, value) in [("n_rough", self.n_rough), ("n_tsne", self.n_tsne)] {
            if value == 0 {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a table"));
        }
        Ok(())
    }

    fn needs(&self, adata: &AnnData) -> Need {
        let instead = "screen a part of the observations (pp.subsample)";
        Need { instead, ..self.settings().needs(adata.n_obs().min(MOST)) }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let (data, source) = input(adata, self.use_rep.as_deref(), self.n_pcs, Self::ID, ctx)?;
        let coords = adata.coords(&self.spatial_key)?;
        // Rows are good for going on only where everything is as it was.
        let params = serde_json::to_string(self).unwrap_or_default();
        let made_by = format!("{params} seed {} input {source} {:?}", ctx.seed(), (data.n_rows(), data.n_cols()));
        let before = adata.uns().get(&self.key_added).and_then(Value::as_dict);
        let before = before.filter(|d| d.get("made_by").and_then(Value::as_str) == Some(made_by.as_str()));
        let done = match before.and_then(|d| d.get("table")) {
            Some(Value::Frame(table)) => Screen::rows_of(table).unwrap_or_default(),
            _ => Vec::new(),
        };
        let found = spasne_screen(&data, &coords, &done, self, ctx)?;
        let mut outcome = Dict::from([
            ("n_cells".to_owned(), Value::from(found.rows.len())),
            ("complete".to_owned(), Value::from(found.complete)),
        ]);
        if let Some(best) = found.best() {
            for (name, value) in [
                ("alpha", best.alpha),
                ("beta", best.beta),
                ("score", best.score()),
                ("r1", best.r1),
                ("r2", best.r2),
                ("failure_rate", best.failure_rate),
            ] {
                outcome.insert(name.to_owned(), Value::from(value));
            }
        }
        let mut uns = outcome.clone();
        uns.insert("made_by".to_owned(), Value::from(made_by.as_str()));
        uns.insert("table".to_owned(), Value::Frame(found.table()?));
        adata.set_uns(&self.key_added, uns);
        Ok(outcome)
    }
}

//! Negative binomial counts in time proportional to what is counted.

use std::ops::Range;

use rand::Rng;
use tegula_core::{Csr, Ctx, Error, Result, par};

use super::draw::{Alias, logarithmic, normal, poisson, uniform};
use super::genes::{Genes, library_size};
use super::{SimulateParams, TASK};

/// What is drawn for the observations of one domain: clusters of counts.
struct Profile {
    /// Clusters to expect at library size 1.
    rate: f64,
    /// Which gene a cluster is of.
    gene: Alias,
    /// Dispersion × mean of each gene, and the logarithm of one more than that.
    odds: Vec<(f64, f64)>,
}

impl Profile {
    fn new(genes: &Genes, domain: usize, params: &SimulateParams) -> Self {
        let odds = |g| params.dispersion * genes.mean_in(g, domain, params.fold_change);
        let odds: Vec<(f64, f64)> = (0..genes.mean.len()).map(odds).map(|o| (o, o.ln_1p())).collect();
        let weights: Vec<f64> = odds.iter().map(|o| o.1).collect();
        Self { rate: weights.iter().sum::<f64>() / params.dispersion, gene: Alias::new(&weights), odds }
    }

    /// The counts of one observation, added to `row`.
    ///
    /// A gene's clusters come at the rate ln(1 + s·odds) / φ, which max(1, s) times the rate at library size 1 bounds:
    /// that many are drawn and thinned.
    fn draw(&self, s: f64, rng: &mut impl Rng, row: &mut Row) {
        let bound = s.max(1.0);
        poisson(self.rate * bound, rng, |rng| {
            let g = self.gene.draw(rng);
            let (odds, log) = self.odds[g];
            let log_s = (s * odds).ln_1p();
            let at = uniform(rng) * bound * log;
            if at < log_s {
                row.add(g, logarithmic(s * odds, log_s, at / log_s, rng));
            }
        });
    }
}

/// The counts of one observation, all genes beside each other; a bit tells which are there.
struct Row {
    counts: Vec<u32>,
    there: Vec<u64>,
}

impl Row {
    fn add(&mut self, g: usize, count: u32) {
        self.counts[g] = self.counts[g].saturating_add(count);
        self.there[g / 64] |= 1 << (g % 64);
    }

    /// Moves what is there to the end of `block`, gene by gene.
    fn take(&mut self, block: &mut Block) {
        for (w, word) in self.there.iter_mut().enumerate() {
            while *word != 0 {
                let g = w * 64 + word.trailing_zeros() as usize;
                *word &= *word - 1;
                block.indices.push(g as u32);
                block.values.push(std::mem::take(&mut self.counts[g]) as f32);
            }
        }
        block.ends.push(block.indices.len());
    }
}

/// Rows that follow each other.
#[derive(Default)]
struct Block {
    indices: Vec<u32>,
    values: Vec<f32>,
    ends: Vec<usize>,
    library_size: Vec<f64>,
}

/// Non-zeros in a block, and blocks that are drawn before they are joined: what is held beside the result.
const ENTRIES: f64 = 65_536.0;
const WAVE: usize = 128;

/// The counts, and the library size of each observation.
///
/// # Errors
/// [`Error::Data`] where there is no room for them; [`Error::Cancelled`].
pub(super) fn counts(domain: &[u32], genes: &Genes, params: &SimulateParams, ctx: &Ctx<'_>) -> Result<(Csr, Vec<f64>)> {
    let (n, per_row) = (domain.len(), params.density * params.n_vars as f64);
    let profiles = par::map(params.n_domains, 1, |d| Profile::new(genes, d.start, params));
    let draw = |rows: Range<usize>| {
        let expected = (1.1 * per_row * rows.len() as f64) as usize;
        let mut block =
            Block { indices: Vec::with_capacity(expected), values: Vec::with_capacity(expected), ..Block::default() };
        let mut row = Row { counts: vec![0; params.n_vars], there: vec![0; params.n_vars.div_ceil(64)] };
        for i in rows {
            let mut rng = ctx.rng("simulate.counts", i as u64);
            let s = library_size(params.library_sigma, normal(&mut rng));
            profiles[domain[i] as usize].draw(s, &mut rng, &mut row);
            row.take(&mut block);
            block.library_size.push(s);
        }
        block
    };

    let size = ((ENTRIES / per_row) as usize).clamp(1, 1024);
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    let room = (1.01 * per_row * n as f64) as usize;
    let reserved = indices.try_reserve(room).and_then(|()| values.try_reserve(room));
    reserved.map_err(|_| {
        let reason =
            format!("about {room} counts do not fit into memory; ask for fewer observations or a lower density");
        Error::data("X", reason)
    })?;
    let (mut indptr, mut sizes) = (Vec::with_capacity(n + 1), Vec::with_capacity(n));
    indptr.push(0);
    for start in (0..n).step_by(size * WAVE) {
        if ctx.stopping() {
            return Err(Error::Cancelled);
        }
        let wave = par::map((n - start).min(size * WAVE), size, |rows| {
            ctx.tick(TASK, rows.len() as u64)?;
            Ok(draw(start + rows.start..start + rows.end))
        });
        for block in wave {
            let block: Block = block?;
            indptr.extend(block.ends.iter().map(|end| indices.len() + end));
            indices.extend(block.indices);
            values.extend(block.values);
            sizes.extend(block.library_size);
        }
    }
    Ok((Csr::new(n, params.n_vars, indptr, indices, values)?, sizes))
}

//! Mean and variance of the genes of one batch, drawn towards what all genes say.

/// A round that changes nothing by more than this ends the iteration.
const CONVERGED: f64 = 1e-4;
/// More rounds than any data need: usually there are five to thirty.
const MAX_ROUNDS: usize = 10_000;

/// What a gene's standardised values in a batch amount to.
pub(super) struct Moments {
    /// Number of observations.
    pub(super) n: f64,
    /// Sum of the values.
    pub(super) sum: f64,
    /// Sum of their squares.
    pub(super) squares: f64,
}

/// Posterior mean of a gene's additive and multiplicative effect of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Adjustment {
    pub(super) gamma: f64,
    pub(super) delta: f64,
}

/// Empirical Bayes estimates for every gene of one batch.
pub(super) fn adjust(genes: &[Moments]) -> Vec<Adjustment> {
    let start: Vec<Adjustment> = genes
        .iter()
        .map(|g| {
            let gamma = g.sum / g.n;
            Adjustment { gamma, delta: ((g.squares - g.sum * gamma) / (g.n - 1.0)).max(0.0) }
        })
        .collect();
    let (gamma_mean, gamma_variance) = spread(start.iter().map(|s| s.gamma), 0.0);
    let (m, v) = spread(start.iter().map(|s| s.delta), 1.0);
    if genes.len() < 2 || v == 0.0 || gamma_variance == 0.0 {
        // One gene says nothing about others: its own estimate stands.
        return start
            .into_iter()
            .map(|s| Adjustment { delta: if s.delta > 0.0 { s.delta } else { 1.0 }, ..s })
            .collect();
    }
    // Shape and scale of the inverse gamma distribution with these moments.
    let (shape, scale) = ((2.0 * v + m * m) / v, (m * v + m * m * m) / v);
    let mut now = start.clone();
    for _ in 0..MAX_ROUNDS {
        let (mut worst_gamma, mut worst_delta) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for ((g, first), now) in genes.iter().zip(&start).zip(&mut now) {
            let weight = gamma_variance * g.n;
            let gamma = (weight * first.gamma + now.delta * gamma_mean) / (weight + now.delta);
            let squares = g.squares - 2.0 * gamma * g.sum + g.n * gamma * gamma;
            let delta = (0.5 * squares + scale) / (g.n / 2.0 + shape - 1.0);
            // The quotient keeps the sign of γ, as in the authors' code: it decides when to stop.
            worst_gamma = worst_gamma.max((gamma - now.gamma).abs() / now.gamma);
            worst_delta = worst_delta.max((delta - now.delta).abs() / now.delta);
            *now = Adjustment { gamma, delta };
        }
        if worst_gamma.max(worst_delta) <= CONVERGED {
            break;
        }
    }
    now
}

/// Mean and variance with `ddof`.
fn spread(x: impl ExactSizeIterator<Item = f64> + Clone, ddof: f64) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, x.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - ddof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_evidence_is_drawn_to_the_others() {
        let gene = |n: f64, mean: f64, variance: f64| Moments {
            n,
            sum: n * mean,
            squares: variance * (n - 1.0) + n * mean * mean,
        };
        let few: Vec<Moments> = [(0.0, 1.0), (0.1, 1.2), (0.2, 0.8), (2.0, 4.0)].map(|(m, v)| gene(3.0, m, v)).into();
        let many: Vec<Moments> = [(0.0, 1.0), (0.1, 1.2), (0.2, 0.8), (2.0, 4.0)].map(|(m, v)| gene(3e4, m, v)).into();
        let (few, many) = (adjust(&few)[3], adjust(&many)[3]);
        assert!(few.gamma < 1.8 && few.delta < 3.5, "{few:?}");
        assert!((many.gamma - 2.0).abs() < 1e-3 && (many.delta - 4.0).abs() < 1e-2, "{many:?}");
    }
}

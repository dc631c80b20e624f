//! Mutual information that two random labellings have on average.

use rayon::prelude::*;

/// Expected mutual information of labellings with these cluster sizes when their pairing is random: the mean over the
/// hypergeometric distribution of every cell of the table (Vinh, Epps & Bailey 2010).
pub(super) fn expected_information(rows: &[u64], cols: &[u64], n: usize) -> f64 {
    let ln = LnFactorial::up_to(n);
    let total = n as u64;
    // Cells depend on the sizes alone, and sizes repeat when there are many clusters.
    let (rows, cols) = (by_size(rows), by_size(cols));
    let parts: Vec<f64> = rows
        .par_iter()
        .map(|&(a, times_a)| {
            let of_cell = |&(b, times_b): &(u64, f64)| {
                let fixed = ln.of(a) + ln.of(b) + ln.of(total - a) + ln.of(total - b) - ln.of(total);
                let range = (a + b).saturating_sub(total).max(1)..=a.min(b);
                let sum: f64 = range
                    .map(|x| {
                        let p = (fixed - ln.of(x) - ln.of(a - x) - ln.of(b - x) - ln.of(total + x - a - b)).exp();
                        let x = x as f64;
                        let n = n as f64;
                        x / n * (n * x / (a as f64 * b as f64)).ln() * p
                    })
                    .sum();
                sum * times_b
            };
            cols.iter().map(of_cell).sum::<f64>() * times_a
        })
        .collect();
    parts.into_iter().sum()
}

/// Each size above 0 and how many clusters have it.
fn by_size(counts: &[u64]) -> Vec<(u64, f64)> {
    let mut sizes: Vec<u64> = counts.iter().copied().filter(|&c| c > 0).collect();
    sizes.sort_unstable();
    sizes.chunk_by(|a, b| a == b).map(|g| (g[0], g.len() as f64)).collect()
}

/// ln 0!, ln 1!, …: sums with compensation, so that a million terms lose nothing.
struct LnFactorial(Vec<f64>);

impl LnFactorial {
    fn up_to(n: usize) -> Self {
        let (mut sum, mut lost) = (0.0f64, 0.0f64);
        let mut table = Vec::with_capacity(n + 1);
        table.push(0.0);
        for i in 1..=n {
            let term = (i as f64).ln() - lost;
            let next = sum + term;
            lost = (next - sum) - term;
            sum = next;
            table.push(sum);
        }
        Self(table)
    }

    fn of(&self, n: u64) -> f64 {
        self.0[n as usize]
    }
}

//! What a screening found, and the pair of weights it recommends.

use std::f64::consts::E;

use tegula_core::{Column, Frame, Result};

/// Part of a screening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// t-SNE: what α and β have to beat.
    Tsne,
    /// The first grid, wide.
    Rough,
    /// The second grid, around the best of the first.
    Fine,
}

impl Stage {
    pub(super) const ALL: [Self; 3] = [Self::Tsne, Self::Rough, Self::Fine];

    /// As tables have it.
    pub fn name(self) -> &'static str {
        ["tsne", "rough", "fine"][self as usize]
    }
}

/// One pair of weights and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScreenRow {
    /// Part of the screening.
    pub stage: Stage,
    /// Weight of the distances in expression.
    pub alpha: f64,
    /// Weight of the distances in the tissue.
    pub beta: f64,
    /// Correlation of distances with those in expression, of the best run; of t-SNE the mean of all.
    pub r1: f64,
    /// Correlation of distances with those in the tissue, of the same run.
    pub r2: f64,
    /// Standard deviation of r1 over the runs, failed ones counting 0.
    pub sd: f64,
    /// Share of the runs whose r1 is not above t-SNE's.
    pub failure_rate: f64,
    /// Number of runs.
    pub n_runs: usize,
}

impl ScreenRow {
    /// The row of these runs, pairs of r1 and r2; r1 has to be above `threshold`. The best is that of largest r1·r2.
    pub(super) fn of(stage: Stage, alpha: f64, beta: f64, runs: &[[f64; 2]], threshold: f64) -> Self {
        let n = runs.len().max(1) as f64;
        let counted: Vec<[f64; 2]> = runs.iter().map(|&[a, b]| [if a > threshold { a } else { 0.0 }, b]).collect();
        let mean = |k: usize| counted.iter().map(|r| r[k]).sum::<f64>() / n;
        let sd = (counted.iter().map(|r| (r[0] - mean(0)).powi(2)).sum::<f64>() / n).sqrt();
        let mut best = counted.first().copied().unwrap_or_default();
        for &run in &counted {
            if run[0] * run[1] > best[0] * best[1] {
                best = run;
            }
        }
        let [r1, r2] = if stage == Stage::Tsne { [mean(0), mean(1)] } else { best };
        let failure_rate = counted.iter().filter(|r| r[0] == 0.0).count() as f64 / n;
        Self { stage, alpha, beta, r1, r2, sd, failure_rate, n_runs: runs.len() }
    }

    /// r1 · r2 · exp(1 − sd): what is kept of both distances, less where it depends on the start.
    pub fn score(&self) -> f64 {
        self.r1 * self.r2 * E * (-self.sd).exp()
    }
}

/// All rows so far, t-SNE first, α slowest in each grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Screen {
    /// One for each pair of weights.
    pub rows: Vec<ScreenRow>,
    /// Whether nothing is left to do.
    pub complete: bool,
}

impl Screen {
    /// The row of the highest score in the last grid begun; the first of equals.
    pub fn best(&self) -> Option<&ScreenRow> {
        let last = if self.rows.iter().any(|r| r.stage == Stage::Fine) { Stage::Fine } else { Stage::Rough };
        self.best_of(last)
    }

    pub(super) fn best_of(&self, stage: Stage) -> Option<&ScreenRow> {
        let rows = self.rows.iter().filter(|r| r.stage == stage);
        rows.fold(
            None,
            |best, row| if best.is_some_and(|b: &ScreenRow| b.score() >= row.score()) { best } else { Some(row) },
        )
    }

    /// The rows as a table, a column for each field and the score.
    ///
    /// # Errors
    /// None that can happen: the columns have one length.
    pub fn table(&self) -> Result<Frame> {
        let mut table = Frame::with_range_index(self.rows.len());
        let real = |f: &dyn Fn(&ScreenRow) -> f64| Column::Float(self.rows.iter().map(f).collect());
        table.insert("stage", Column::Int(self.rows.iter().map(|r| r.stage as i64).collect()))?;
        table.insert("alpha", real(&|r| r.alpha))?;
        table.insert("beta", real(&|r| r.beta))?;
        table.insert("r1", real(&|r| r.r1))?;
        table.insert("r2", real(&|r| r.r2))?;
        table.insert("sd", real(&|r| r.sd))?;
        table.insert("failure_rate", real(&|r| r.failure_rate))?;
        table.insert("n_runs", Column::Int(self.rows.iter().map(|r| r.n_runs as i64).collect()))?;
        table.insert("score", real(&ScreenRow::score))?;
        Ok(table)
    }

    /// The rows of such a table; `None` where it is another.
    pub(super) fn rows_of(table: &Frame) -> Option<Vec<ScreenRow>> {
        let column = |name: &str| table.get(name)?.to_f64();
        let (stage, alpha, beta) = (column("stage")?, column("alpha")?, column("beta")?);
        let (r1, r2, sd) = (column("r1")?, column("r2")?, column("sd")?);
        let (failure_rate, n_runs) = (column("failure_rate")?, column("n_runs")?);
        (0..table.n_rows())
            .map(|k| {
                let stage = *Stage::ALL.get(stage[k] as usize)?;
                let (alpha, beta, r1, r2) = (alpha[k], beta[k], r1[k], r2[k]);
                Some(ScreenRow {
                    stage,
                    alpha,
                    beta,
                    r1,
                    r2,
                    sd: sd[k],
                    failure_rate: failure_rate[k],
                    n_runs: n_runs[k] as usize,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_authors() {
        let row = ScreenRow::of(Stage::Fine, 9.0, 4.0, &[[0.6, 0.5], [0.2, 0.9], [0.6, 0.7]], 0.3);
        // Their notebook: r1 of a failed run is 0, the variance is np.var of r1, the best run stands for the cell.
        let sd = (0.08f64).sqrt();
        assert_eq!((row.r1, row.r2, row.failure_rate, row.n_runs), (0.6, 0.7, 1.0 / 3.0, 3));
        assert!((row.sd - sd).abs() < 1e-12 && (row.score() - 0.42 * (1.0 - sd).exp()).abs() < 1e-12);
    }

    #[test]
    fn the_last_grid_decides_and_a_table_is_read_back() {
        let row = |stage, alpha, r: f64| ScreenRow::of(stage, alpha, 1.0, &[[r, r]], 0.1);
        let mut screen =
            Screen { rows: vec![row(Stage::Tsne, 0.0, 0.9), row(Stage::Rough, 5.0, 0.8)], complete: false };
        assert_eq!(screen.best().map(|r| r.alpha), Some(5.0));
        screen.rows.extend([row(Stage::Fine, 6.0, 0.7), row(Stage::Fine, 7.0, 0.7)]);
        assert_eq!(screen.best().map(|r| r.alpha), Some(6.0));
        assert_eq!(Screen::rows_of(&screen.table().unwrap()), Some(screen.rows));
    }
}

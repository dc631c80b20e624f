//! Rows cut into cells, each row to the nearest of many centres.

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Result, par};

use super::super::knn::{Centred, TASK};
use crate::index::panels::{Panels, Queries, length2, scan};
use crate::linalg::panel::W;

/// Rows per cell in the mean …
const ROWS: usize = 256;
/// … and at most: larger ones are cut anyhow.
const MOST: usize = 1024;
/// Cells at most, times the root of the number of rows: each row is measured against all centres.
const CELLS: f64 = 4.0;
/// Rows per centre from which the centres are found, and rounds of k-means on them.
const SAMPLE: usize = 32;
const ROUNDS: usize = 4;
/// Rows measured against all centres together.
const BLOCK: usize = 128;

/// A cell: its rows, about its centre.
pub(super) struct Cell {
    pub(super) rows: Vec<u32>,
    pub(super) centre: Vec<f32>,
    pub(super) panels: Panels,
}

/// Cuts all rows into cells.
pub(super) fn cells(data: &Centred<'_>, ctx: &Ctx<'_>) -> Result<Vec<Cell>> {
    let n = data.data.n_rows();
    let wanted = (n / ROWS).min((CELLS * (n as f64).sqrt()) as usize).max(1);
    let centres = centres(data, wanted, ctx)?;
    let all: Vec<u32> = (0..n as u32).collect();
    let mut members = vec![Vec::new(); centres.len()];
    for (i, c) in (0..).zip(assigned(data, &all, &centres, ctx)?) {
        members[c as usize].push(i);
    }
    let pieces = members.iter().zip(&centres).flat_map(|(rows, centre)| rows.chunks(MOST).map(move |r| (r, centre)));
    let pieces: Vec<(&[u32], &Vec<f32>)> = pieces.collect();
    let cell = |(rows, centre): (&[u32], &Vec<f32>)| {
        let about = |i: usize, to: &mut [f32]| {
            data.write(rows[i] as usize, to);
            to.iter_mut().zip(centre).for_each(|(x, c)| *x -= c);
        };
        let panels = Panels::new(rows.len(), data.dim(), about);
        ctx.tick(TASK, 0).map(|()| Cell { rows: rows.to_vec(), centre: centre.clone(), panels })
    };
    pieces.into_par_iter().map(cell).collect()
}

/// Centres by k-means on a sample, from rows of it.
fn centres(data: &Centred<'_>, wanted: usize, ctx: &Ctx<'_>) -> Result<Vec<Vec<f32>>> {
    let n = data.data.n_rows() as u64;
    let mut rng = ctx.rng("pp.neighbors.centres", 0);
    let mut draw = |count: usize| -> Vec<u32> { (0..count).map(|_| rng.random_range(0..n) as u32).collect() };
    let row = |&i: &u32| {
        let mut row = vec![0f32; data.dim()];
        data.write(i as usize, &mut row);
        row
    };
    let mut centres: Vec<Vec<f32>> = draw(wanted).iter().map(row).collect();
    let sample = draw(SAMPLE * wanted);
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0f64; data.dim()]; wanted];
        let mut counts = vec![0u32; wanted];
        for (i, c) in sample.iter().zip(assigned(data, &sample, &centres, ctx)?) {
            counts[c as usize] += 1;
            sums[c as usize].iter_mut().zip(row(i)).for_each(|(s, x)| *s += f64::from(x));
        }
        for ((centre, sum), count) in centres.iter_mut().zip(sums).zip(counts).filter(|e| e.1 > 0) {
            centre.iter_mut().zip(sum).for_each(|(c, s)| *c = (s / f64::from(count)) as f32);
        }
    }
    Ok(centres)
}

/// The nearest centre of each of these rows.
fn assigned(data: &Centred<'_>, rows: &[u32], centres: &[Vec<f32>], ctx: &Ctx<'_>) -> Result<Vec<u32>> {
    let mut queries = Queries::new(data.dim());
    for c in centres {
        queries.push(c);
    }
    let lengths = lengths(centres.iter());
    let parts: Vec<Vec<u32>> = par::blocks(rows.len(), BLOCK)
        .map(|range| {
            let rows = &rows[range];
            let panels = Panels::new(rows.len(), data.dim(), |i, to| data.write(rows[i] as usize, to));
            let (mut least, mut nearest) = (vec![f32::INFINITY; BLOCK], vec![0u32; BLOCK]);
            let all = |c: usize, first: usize, scores: &[f32; W], limit: f32| {
                let (least, nearest) = (&mut least[first..first + W], &mut nearest[first..first + W]);
                for l in 0..W {
                    let d2 = scores[l] + lengths[c];
                    nearest[l] = if d2 < least[l] { c as u32 } else { nearest[l] };
                    least[l] = if d2 < least[l] { d2 } else { least[l] };
                }
                limit
            };
            scan(&panels, 0..panels.n_groups(), &queries, &mut vec![f32::INFINITY; centres.len()], all);
            nearest.truncate(rows.len());
            ctx.tick(TASK, 0).map(|()| nearest)
        })
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}

/// Squared lengths.
pub(super) fn lengths<'a>(rows: impl Iterator<Item = &'a Vec<f32>>) -> Vec<f32> {
    rows.map(|c| length2(c) as f32).collect()
}

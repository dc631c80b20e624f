//! A mesh that follows the clues, as smooth as they let it.

use tegula_core::{Ctx, Result};

use super::clues::{Clue, Level};
use super::follow::{Chosen, SHARED, STILL, STUDENT, Settling};
use super::mesh::{Mesh, Spot};
use super::{Affine, Point};
use crate::linalg::solve;

/// Rounds of weighing clues by how far they lie off.
const ROUNDS: usize = 4;
/// The smallest growth of areas that is let pass.
const LEAST: f64 = 0.1;

/// The second differences of the displacements of neighbouring control points, squared and summed: a matrix of stencils.
struct Bending {
    side: usize,
    step: Point,
}

impl Bending {
    /// Adds `tight` times the bending of both components to the normal equations of `2 n` unknowns.
    fn add(&self, tight: f64, normal: &mut [f64]) {
        let (side, n) = (self.side, self.side * self.side);
        let tight = tight / (self.step[0] * self.step[1]);
        let mut stencil = |at: &[(usize, f64)], times: f64| {
            for &(k, v) in at {
                for &(l, w) in at {
                    for a in [0, n] {
                        normal[(k + a) * 2 * n + l + a] += tight * times * v * w;
                    }
                }
            }
        };
        for i in 0..side {
            for j in 0..side {
                let at = |di: usize, dj: usize| (i + di) * side + j + dj;
                if i + 2 < side {
                    stencil(&[(at(0, 0), 1.0), (at(1, 0), -2.0), (at(2, 0), 1.0)], 1.0);
                }
                if j + 2 < side {
                    stencil(&[(at(0, 0), 1.0), (at(0, 1), -2.0), (at(0, 2), 1.0)], 1.0);
                }
                if i + 1 < side && j + 1 < side {
                    stencil(&[(at(0, 0), 1.0), (at(0, 1), -1.0), (at(1, 0), -1.0), (at(1, 1), 1.0)], 2.0);
                }
            }
        }
    }
}

/// The mesh that fits the clues best, and how far observations moved (root mean square).
fn fitted(chosen: &Chosen<'_>, mesh: &Mesh, spots: &[Spot], clues: &[Clue], bend: f64) -> (Mesh, f64) {
    let n = mesh.side() * mesh.side();
    let before: Vec<Point> = spots.iter().map(|s| mesh.displacement(s)).collect();
    let bending = Bending { side: mesh.side(), step: mesh.step() };
    let mut next = mesh.clone();
    for _ in 0..ROUNDS {
        let (mut normal, mut right) = (vec![0.0; 4 * n * n], vec![0.0; 2 * n]);
        for (k, (clue, spot)) in clues.iter().zip(spots).enumerate() {
            if clue.precision == [0.0; 3] {
                continue;
            }
            let (now, was) = (next.displacement(spot), before[k]);
            let miss2 = clue.miss2([now[0] - was[0], now[1] - was[1]]);
            let weight = chosen.query.weights[chosen.of[k] as usize] / (1.0 + miss2 / STUDENT) / SHARED;
            let [xx, xy, yy] = clue.precision.map(|v| weight * v);
            // The clue is about the displacement from here; the unknowns are those from the affine map.
            let pull =
                [weight * clue.pull[0] + xx * was[0] + xy * was[1], weight * clue.pull[1] + xy * was[0] + yy * was[1]];
            let splines = mesh.splines(spot);
            for &(i, v) in &splines {
                right[i] += v * pull[0];
                right[i + n] += v * pull[1];
                for &(j, w) in &splines {
                    let vw = v * w;
                    normal[i * 2 * n + j] += vw * xx;
                    normal[(i + n) * 2 * n + j] += vw * xy;
                    normal[(i + n) * 2 * n + j + n] += vw * yy;
                }
            }
        }
        let most = (0..2 * n).map(|i| normal[i * 2 * n + i]).fold(0.0, f64::max);
        bending.add(1.0 / (bend * bend), &mut normal);
        (0..2 * n).for_each(|i| normal[i * 2 * n + i] += 1e-6 * most.max(1e-9));
        // Only the lower triangle is filled where x and y meet, and only it is read.
        let Some(x) = solve(&normal, &right) else { return (mesh.clone(), 0.0) };
        next.set((0..n).map(|i| [x[i], x[i + n]]).collect());
    }
    let far = spots.iter().zip(&before).map(|(spot, was)| {
        let now = next.displacement(spot);
        (now[0] - was[0]).powi(2) + (now[1] - was[1]).powi(2)
    });
    let squares: f64 = far.sum();
    (next, (squares / spots.len().max(1) as f64).sqrt())
}

/// Follows the clues level by level; where the warp would fold, it is made stiffer until it does not.
///
/// `rounds` bounds the steps over all levels; `watch` sees the places before every step and may add to the clues.
pub(super) fn warp(
    chosen: &Chosen<'_>,
    map: &Affine,
    mut mesh: Mesh,
    levels: &[Level<'_>],
    (mut bend, rounds): (f64, usize),
    mut watch: impl FnMut(&[Point], &mut [Clue]) -> Result<bool>,
    ctx: &Ctx<'_>,
) -> Result<Mesh> {
    let start = chosen.places(map);
    let spots: Vec<Spot> = start.iter().map(|&p| mesh.spot(p)).collect();
    let mut round = 0;
    'levels: for level in levels {
        let mut settling = Settling::default();
        loop {
            if round == rounds {
                break 'levels;
            }
            round += 1;
            let place = |(p, spot): (&Point, &Spot)| {
                let by = mesh.displacement(spot);
                [p[0] + by[0], p[1] + by[1]]
            };
            let at: Vec<Point> = start.iter().zip(&spots).map(place).collect();
            let mut clues = level.clues(&at, ctx)?;
            if !watch(&at, &mut clues)? {
                break 'levels;
            }
            let (mut next, mut far) = fitted(chosen, &mesh, &spots, &clues, bend);
            while next.least_jacobian() < LEAST && bend > 1e-6 {
                bend *= 0.5;
                (next, far) = fitted(chosen, &mesh, &spots, &clues, bend);
            }
            if next.least_jacobian() < LEAST {
                // Not bends fold it: the clues lie on a line.
                break 'levels;
            }
            mesh = next;
            if settling.settled(far, STILL * level.spacing) {
                break;
            }
        }
    }
    Ok(mesh)
}

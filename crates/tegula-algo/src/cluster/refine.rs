//! Leiden's refinement: every community is taken apart and rebuilt from single nodes, inside its own bounds.

use rand::Rng;

use super::level::Level;
use super::moving::shuffled;

/// Randomness of the choice among mergers that gain: Traag's θ, in units of the mean edge weight.
const THETA: f64 = 0.01;

/// Splits every community into well connected parts; returns the part of every node, labels below their number.
///
/// A node that is still alone and well connected to its community joins a well connected part of it, drawn with
/// probability ∝ exp(gain / θ) among the gains that are not negative.
pub(super) fn refine(level: &Level<'_>, membership: &[u32], unit: f64, rng: &mut impl Rng) -> Vec<u32> {
    let n = level.len();
    let scale = level.scale;
    let mut community = vec![0.0f64; n];
    for (i, &c) in membership.iter().enumerate() {
        community[c as usize] += level.mass[i];
    }
    // Of every part: weight towards the rest of its community, mass, and whether it is still one lone node.
    let mut outward: Vec<f64> = (0..n)
        .map(|i| {
            let (nodes, weights) = level.row(i);
            let inside = nodes.iter().zip(weights).filter(|&(&j, _)| membership[j as usize] == membership[i]);
            inside.map(|(_, &w)| f64::from(w)).sum()
        })
        .collect();
    let mut tot = level.mass.clone();
    let mut alone = vec![true; n];
    let mut part: Vec<u32> = (0..n as u32).collect();
    let (mut sum, mut touched) = (vec![0.0f64; n], Vec::<u32>::new());
    let mut choice: Vec<(u32, f64)> = Vec::new();

    for node in shuffled(n, rng) {
        let (i, k) = (node as usize, level.mass[node as usize]);
        let all = community[membership[i] as usize];
        if !alone[i] || outward[i] < scale * k * (all - k) {
            continue;
        }
        let (nodes, weights) = level.row(i);
        for (&j, &w) in nodes.iter().zip(weights) {
            if membership[j as usize] == membership[i] {
                let s = &mut sum[part[j as usize] as usize];
                if *s == 0.0 {
                    touched.push(part[j as usize]);
                }
                *s += f64::from(w);
            }
        }
        let mut top = 0.0f64;
        for &c in &touched {
            let t = tot[c as usize];
            let gain = sum[c as usize] - scale * k * t;
            if gain >= 0.0 && outward[c as usize] >= scale * t * (all - t) {
                top = top.max(gain);
                choice.push((c, gain));
            }
        }
        if let Some(c) = draw(&mut choice, top, THETA * unit, rng) {
            outward[c as usize] += outward[i] - 2.0 * sum[c as usize];
            tot[c as usize] += k;
            alone[c as usize] = false;
            alone[i] = false;
            part[i] = c;
        }
        for c in touched.drain(..) {
            sum[c as usize] = 0.0;
        }
    }
    part
}

/// One of the choices, or `None` for staying alone (a gain of 0); empties the list.
fn draw(choice: &mut Vec<(u32, f64)>, top: f64, theta: f64, rng: &mut impl Rng) -> Option<u32> {
    /// exp(−40) is below what the draw can tell from 0.
    const FAR: f64 = -40.0;
    let alone = -top / theta;
    choice.retain(|c| (c.1 - top) / theta > FAR);
    if choice.is_empty() || (choice.len() == 1 && alone <= FAR) {
        return choice.pop().map(|c| c.0);
    }
    let mut sum = if alone > FAR { alone.exp() } else { 0.0 };
    let stay = sum;
    for c in choice.iter_mut() {
        sum += ((c.1 - top) / theta).exp();
        c.1 = sum;
    }
    let at = sum * (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    let found = if at < stay { None } else { choice.iter().find(|c| at < c.1).or(choice.last()).map(|c| c.0) };
    choice.clear();
    found
}

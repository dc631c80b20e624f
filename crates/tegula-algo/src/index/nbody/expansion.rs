//! Taylor expansions of the kernel's field between two cells, up to the fifth derivative.

/// Derivatives kept.
const ORDER: usize = 5;
/// As many terms as three dimensions need.
pub(super) const TERMS: usize = 56;

/// One number for each term of an expansion.
pub(super) type Numbers = [f64; TERMS];
/// Cells whose fields are taken over together.
pub(super) const CELLS: usize = 8;
/// One number for each of them.
pub(super) type Cells = [f64; CELLS];

/// The terms xⁿ / n! of an expansion in `D` variables with |n| ≤ 5, by degree, and how they hang together.
pub(super) struct Expansion<const D: usize> {
    /// How many there are of each degree or below.
    counts: Vec<usize>,
    /// For each term the one with a variable once less.
    lessened: Vec<[Option<usize>; D]>,
    /// For each term but the first, how it is made of smaller ones.
    steps: Vec<Step>,
    /// For each term k: the terms n with |k + n| ≤ 5, and k + n.
    sums: Vec<Vec<(usize, usize)>>,
    /// For each term n: the terms j that divide it, and n − j.
    parts: Vec<Vec<(usize, usize)>>,
}

/// A term by one of its variables.
struct Step {
    axis: usize,
    /// Its power.
    power: f64,
    /// The term with that variable once less, and twice less.
    once: usize,
    twice: Option<usize>,
}

impl<const D: usize> Expansion<D> {
    pub(super) fn new() -> Self {
        let total = |p: &[usize; D]| p.iter().sum::<usize>();
        let mut powers: Vec<[usize; D]> = (0..(ORDER + 1).pow(D as u32))
            .map(|code| std::array::from_fn(|a| code / (ORDER + 1).pow(a as u32) % (ORDER + 1)))
            .filter(|p| total(p) <= ORDER)
            .collect();
        powers.sort_by_key(total);
        let find = |p: [usize; D]| powers.iter().position(|&q| q == p);
        let less = |p: &[usize; D], q: &[usize; D]| -> Option<[usize; D]> {
            (0..D).all(|a| p[a] >= q[a]).then(|| std::array::from_fn(|a| p[a] - q[a]))
        };
        let unit = |axis| std::array::from_fn(|a| usize::from(a == axis));
        let lessened: Vec<[Option<usize>; D]> =
            powers.iter().map(|p| std::array::from_fn(|a| find(less(p, &unit(a))?))).collect();
        let steps = (1..powers.len()).filter_map(|k| {
            let axis = (0..D).find(|&a| powers[k][a] > 0)?;
            let once = lessened[k][axis]?;
            Some(Step { axis, power: powers[k][axis] as f64, once, twice: lessened[once][axis] })
        });
        let counts = (0..=ORDER).map(|d| powers.iter().filter(|p| total(p) <= d).count()).collect();
        let sum = |p: &[usize; D], q: &[usize; D]| find(std::array::from_fn(|a| p[a] + q[a]));
        let indexed = || powers.iter().enumerate();
        let sums = powers.iter().map(|k| indexed().filter_map(|(n, q)| Some((n, sum(k, q)?))).collect()).collect();
        let parts =
            powers.iter().map(|n| indexed().filter_map(|(j, q)| Some((j, find(less(n, q)?)?))).collect()).collect();
        Self { counts, steps: steps.collect(), sums, parts, lessened }
    }

    fn len(&self) -> usize {
        self.lessened.len()
    }

    /// xⁿ / n! for every term.
    pub(super) fn monomials(&self, x: [f64; D]) -> Numbers {
        let mut out = [0.0; TERMS];
        out[0] = 1.0;
        for (n, step) in self.steps.iter().enumerate() {
            out[n + 1] = out[step.once] * x[step.axis] / step.power;
        }
        out
    }

    /// The derivatives of a kernel at each `r`: of φ = ½ log(1 + r²), whose own value is left out, for `first` 0; of
    /// q − 1 with q = 1 / (1 + r²) for 1.
    ///
    /// With `g_0 = φ` and `g_{k+1} = 2 dg_k / d(r²)`, so that `g_1 = q` and `g_{k+1} = −2k q g_k`, a derivative more of
    /// `g_k` is `r` times one of `g_{k+1}`, and what comes of deriving `r`.
    #[inline(always)]
    pub(super) fn derivatives(&self, r: &[Cells; D], first: usize) -> [Cells; TERMS] {
        let each = |f: &dyn Fn(usize) -> f64| -> Cells { std::array::from_fn(f) };
        let r2 = each(&|l| r.iter().map(|r| r[l] * r[l]).sum::<f64>());
        let q = each(&|l| 1.0 / (1.0 + r2[l]));
        let mut g = [[0.0; CELLS]; ORDER + 2];
        g[1] = q;
        (1..=ORDER).for_each(|k| g[k + 1] = each(&|l| -2.0 * k as f64 * q[l] * g[k][l]));
        let (mut old, mut new) = ([[0.0; CELLS]; TERMS], [[0.0; CELLS]; TERMS]);
        old[0] = g[first + ORDER];
        for k in (0..ORDER).rev() {
            new[0] = g[first + k];
            for (n, step) in self.steps[..self.counts[ORDER - k] - 1].iter().enumerate() {
                let (r, once) = (&r[step.axis], &old[step.once]);
                let (power, twice) = step.twice.map_or((0.0, &old[0]), |t| (step.power - 1.0, &old[t]));
                for l in 0..CELLS {
                    new[n + 1][l] = r[l] * once[l] + power * twice[l];
                }
            }
            std::mem::swap(&mut old, &mut new);
        }
        if first == 1 {
            old[0] = each(&|l| -r2[l] * q[l]);
        }
        old
    }

    /// Adds a charge at `v` from the centre of a cell to its moments.
    #[inline(always)]
    pub(super) fn charge<const G: usize>(&self, v: [f64; D], charge: &[f64; G], moments: &mut [[f64; G]]) {
        let terms = self.monomials(v.map(|x| -x));
        for (moment, t) in moments.iter_mut().zip(&terms) {
            (0..G).for_each(|g| moment[g] += t * charge[g]);
        }
    }

    /// Adds the moments of a cell whose centre lies at `s` from another's to those of the other.
    #[inline(always)]
    pub(super) fn up<const G: usize>(&self, s: [f64; D], from: &[[f64; G]], to: &mut [[f64; G]]) {
        let shift = self.monomials(s.map(|x| -x));
        for (to, parts) in to.iter_mut().zip(&self.parts) {
            for &(j, rest) in parts {
                (0..G).for_each(|g| to[g] += shift[rest] * from[j][g]);
            }
        }
    }

    /// Adds the fields of up to [`CELLS`] moments, each with the way `r` from its centre, to an expansion.
    #[inline(always)]
    pub(super) fn across<const G: usize>(
        &self,
        from: &[([f64; D], &[[f64; G]])],
        first: usize,
        field: &mut [[f64; G]],
    ) {
        let mut r = [[0.0; CELLS]; D];
        for (l, (of, _)) in from.iter().enumerate() {
            (0..D).for_each(|a| r[a][l] = of[a]);
        }
        let derivatives = self.derivatives(&r, first);
        if G == 1 {
            // Side by side the cells, where there is but one channel; else its channels.
            let mut moments = [[0.0; CELLS]; TERMS];
            for (l, (_, of)) in from.iter().enumerate() {
                moments.iter_mut().zip(*of).for_each(|(m, of)| m[l] = of[0]);
            }
            for (out, sums) in field.iter_mut().zip(&self.sums) {
                out[0] += products(sums, |n, both| (derivatives[both], moments[n])).iter().sum::<f64>();
            }
            return;
        }
        for (l, (_, moments)) in from.iter().enumerate() {
            for (out, sums) in field.iter_mut().zip(&self.sums) {
                let sum = products(sums, |n, both| ([derivatives[both][l]; G], moments[n]));
                (0..G).for_each(|g| out[g] += sum[g]);
            }
        }
    }

    /// The expansion of a field about a place at `s` from where it is now.
    #[inline(always)]
    pub(super) fn down<const G: usize>(&self, s: [f64; D], from: &[[f64; G]]) -> Vec<[f64; G]> {
        let (shift, mut to) = (self.monomials(s), self.zeros());
        for (from, parts) in from.iter().zip(&self.parts) {
            for &(j, rest) in parts {
                (0..G).for_each(|g| to[j][g] += shift[rest] * from[g]);
            }
        }
        to
    }

    /// Value and gradient at `u` from the centre, the channels weighed by their targets.
    #[inline(always)]
    pub(super) fn at<const G: usize>(&self, u: [f64; D], field: &[[f64; G]], target: &[f64; G]) -> (f64, [f64; D]) {
        let terms = self.monomials(u);
        let (mut value, mut gradient) = (0.0, [0.0; D]);
        for (k, channels) in field.iter().enumerate() {
            let weight: f64 = channels.iter().zip(target).map(|(f, t)| f * t).sum();
            value += weight * terms[k];
            for a in 0..D {
                if let Some(once) = self.lessened[k][a] {
                    gradient[a] += weight * terms[once];
                }
            }
        }
        (value, gradient)
    }

    /// No moments, no field.
    pub(super) fn zeros<const G: usize>(&self) -> Vec<[f64; G]> {
        vec![[0.0; G]; self.len()]
    }
}

/// The sums of products of two vectors for each pair; four sums side by side, since one alone waits for each addition
/// to end.
#[inline(always)]
fn products<const N: usize>(
    pairs: &[(usize, usize)],
    factors: impl Fn(usize, usize) -> ([f64; N], [f64; N]),
) -> [f64; N] {
    let mut sum = [[0.0; N]; 4];
    let add = |sum: &mut [f64; N], (n, both): (usize, usize)| {
        let (a, b) = factors(n, both);
        (0..N).for_each(|k| sum[k] += a[k] * b[k]);
    };
    let (fours, rest) = pairs.as_chunks::<4>();
    for four in fours {
        (0..4).for_each(|l| add(&mut sum[l], four[l]));
    }
    for &pair in rest {
        add(&mut sum[0], pair);
    }
    std::array::from_fn(|k| (sum[0][k] + sum[1][k]) + (sum[2][k] + sum[3][k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_differences() {
        let (terms, r, h) = (Expansion::<3>::new(), [0.7, -0.4, 1.1], 1e-5);
        assert_eq!(terms.len(), TERMS);
        for first in [0, 1] {
            let derivatives = |r: [f64; 3]| terms.derivatives(&r.map(|x| [x; CELLS]), first).map(|of| of[CELLS - 1]);
            let all = derivatives(r);
            for k in 1..TERMS {
                for a in 0..3 {
                    let Some(once) = terms.lessened[k][a] else { continue };
                    // The value of φ itself is left out.
                    if once == 0 && first == 0 {
                        continue;
                    }
                    let at =
                        |step: f64| derivatives(std::array::from_fn(|b| r[b] + if a == b { step } else { 0.0 }))[once];
                    let difference = (at(h) - at(-h)) / (2.0 * h);
                    assert!(
                        (all[k] - difference).abs() < 1e-7 * (1.0 + difference.abs()),
                        "{first} {k}: {} {difference}",
                        all[k]
                    );
                }
            }
        }
    }

    #[test]
    fn the_field_of_a_small_cell_is_that_of_its_charge_wherever_it_is_expanded() {
        let terms = Expansion::<2>::new();
        let (source, target) = ([3.1, 0.2], [0.05, -0.1]);
        let (mut moments, mut above, mut far) = (terms.zeros(), terms.zeros(), terms.zeros());
        terms.charge([0.1, 0.2], &[2.0], &mut moments);
        terms.up([0.1, -0.1], &moments, &mut above);
        // The source's cell: centre (3, 0), its parent's (2.9, 0.1); the target's: (0, 0), from (0.1, 0).
        terms.across(&[([0.1 - 2.9, -0.1], &above)], 1, &mut far);
        let (value, gradient) = terms.at(target, &terms.down([-0.1, 0.0], &far), &[1.0]);
        let d = [target[0] - source[0], target[1] - source[1]];
        let q = 1.0 / (1.0 + d[0] * d[0] + d[1] * d[1]);
        assert!((value - 2.0 * (q - 1.0)).abs() < 1e-5, "{value} for {}", 2.0 * (q - 1.0));
        assert!((gradient[0] + 4.0 * q * q * d[0]).abs() < 1e-4 && (gradient[1] + 4.0 * q * q * d[1]).abs() < 1e-4);
    }
}

//! Convolution of charges on the nodes of a mesh with a kernel, by Fourier transforms.

use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

use super::spline;

/// Rows transformed together: their values of one frequency fill two cache lines.
const ROWS: usize = 8;
/// Free nodes beyond twice the mesh. The kernel's edge lies among them, and what interpolation makes of an edge has
/// died away (0.43 per node) before it meets two points.
const GUARD: usize = 24;

type Spectrum = Vec<Complex<f64>>;

/// The plans, the transformed kernel and the room for up to `G` channels of a mesh of `nodes`.
///
/// Row transforms skip the rows of zeros that a convolution without wrapping needs; columns go forward, through the
/// kernel and back while they lie in the first cache.
pub(super) struct Convolver<const G: usize> {
    planners: (RealFftPlanner<f64>, FftPlanner<f64>),
    plans: Option<Plans>,
    rows: Spectrum,
    columns: Spectrum,
}

struct Plans {
    nodes: [usize; 2],
    lengths: [usize; 2],
    spacing: f64,
    /// By frequency along the rows, then along the columns up to the middle; real and even, as the kernel is.
    kernel: Vec<f64>,
    row: Arc<dyn RealToComplex<f64>>,
    row_back: Arc<dyn ComplexToReal<f64>>,
    column: Arc<dyn Fft<f64>>,
    column_back: Arc<dyn Fft<f64>>,
}

impl<const G: usize> Convolver<G> {
    pub(super) fn new() -> Self {
        let planners = (RealFftPlanner::new(), FftPlanner::new());
        Self { planners, plans: None, rows: Vec::new(), columns: Vec::new() }
    }

    /// Makes ready for a mesh; the kernel, a function of the squared distance, is transformed again only where the
    /// lengths or the spacing are other than before.
    pub(super) fn prepare(&mut self, nodes: [usize; 2], spacing: f64, kernel: fn(f64) -> f64) {
        let lengths = nodes.map(|n| good_length(2 * n + GUARD));
        if let Some(plans) = &mut self.plans
            && plans.lengths == lengths
            && plans.spacing == spacing
        {
            plans.nodes = nodes;
            return;
        }
        let (real, complex) = &mut self.planners;
        let row = real.plan_fft_forward(lengths[1]);
        let kernel = transformed(lengths, spacing, kernel, &row, &real.plan_fft_forward(lengths[0]));
        self.plans = Some(Plans {
            nodes,
            lengths,
            spacing,
            kernel,
            row,
            row_back: real.plan_fft_inverse(lengths[1]),
            column: complex.plan_fft_forward(lengths[0]),
            column_back: complex.plan_fft_inverse(lengths[0]),
        });
    }

    /// Replaces the first `channels` of `G` interleaved channels on the nodes (rows of `stride` nodes) by their
    /// convolution with the kernel.
    pub(super) fn apply(&mut self, grid: &mut [f64], stride: usize, channels: usize) {
        let Some(plans) = &self.plans else { return };
        let [n0, n1] = plans.nodes;
        let frequencies = plans.lengths[1] / 2 + 1;
        let (q, zero) = (channels * frequencies, Complex::new(0.0, 0.0));
        self.rows.resize(n0.div_ceil(ROWS) * q * ROWS, zero);
        self.columns.resize(q * n0, zero);

        let room = || (plans.row.make_input_vec(), plans.row.make_output_vec(), plans.row.make_scratch_vec());
        let blocks = self.rows.par_chunks_mut(q * ROWS).zip(grid.par_chunks(ROWS * stride * G));
        blocks.for_each_init(room, |(values, spectrum, scratch), (out, rows)| {
            for (c, out) in out.chunks_exact_mut(frequencies * ROWS).enumerate() {
                for (r, row) in rows.chunks_exact(stride * G).enumerate() {
                    values[n1..].fill(0.0);
                    values[..n1].iter_mut().zip(row.chunks_exact(G)).for_each(|(v, node)| *v = node[c]);
                    plans.row.process_with_scratch(values, spectrum, scratch).expect("lengths of the plan");
                    out.iter_mut().skip(r).step_by(ROWS).zip(&*spectrum).for_each(|(o, s)| *o = *s);
                }
            }
        });

        let (rows, half) = (&self.rows, plans.lengths[0] / 2 + 1);
        let scratch_len = plans.column.get_inplace_scratch_len().max(plans.column_back.get_inplace_scratch_len());
        let room = || (vec![zero; plans.lengths[0]], vec![zero; scratch_len]);
        self.columns.par_chunks_mut(n0).with_min_len(ROWS).enumerate().for_each_init(
            room,
            |(column, scratch), (at, out)| {
                for (b, part) in column[..n0].chunks_mut(ROWS).enumerate() {
                    let from = (b * q + at) * ROWS;
                    part.copy_from_slice(&rows[from..from + part.len()]);
                }
                column[n0..].fill(zero);
                plans.column.process_with_scratch(column, scratch);
                let kernel = &plans.kernel[at % frequencies * half..][..half];
                let (front, back) = column.split_at_mut(half);
                front.iter_mut().zip(kernel).for_each(|(v, k)| *v *= k);
                back.iter_mut().zip(kernel[1..half - 1].iter().rev()).for_each(|(v, k)| *v *= k);
                plans.column_back.process_with_scratch(column, scratch);
                out.copy_from_slice(&column[..n0]);
            },
        );

        let columns = &self.columns;
        let room = || {
            let spectra = vec![zero; ROWS * frequencies];
            (spectra, plans.row_back.make_output_vec(), plans.row_back.make_scratch_vec())
        };
        grid.par_chunks_mut(ROWS * stride * G).enumerate().for_each_init(
            room,
            |(spectra, values, scratch), (b, rows)| {
                let count = rows.len() / (stride * G);
                for c in 0..channels {
                    let of_channel = columns[c * frequencies * n0..].chunks_exact(n0);
                    for (k, column) in of_channel.take(frequencies).enumerate() {
                        let part = &column[b * ROWS..][..count];
                        spectra.iter_mut().skip(k).step_by(frequencies).zip(part).for_each(|(s, v)| *s = *v);
                    }
                    for (row, spectrum) in rows.chunks_exact_mut(stride * G).zip(spectra.chunks_exact_mut(frequencies))
                    {
                        // Real in exact arithmetic.
                        spectrum[0].im = 0.0;
                        spectrum[frequencies - 1].im = 0.0;
                        plans.row_back.process_with_scratch(spectrum, values, scratch).expect("lengths of the plan");
                        row.chunks_exact_mut(G).zip(&values[..n1]).for_each(|(node, v)| node[c] = *v);
                    }
                }
            },
        );
    }
}

/// The kernel's transform over that of the spline, squared, and over the number of nodes, which the transforms of
/// the crate leave to us.
fn transformed(
    lengths: [usize; 2],
    spacing: f64,
    kernel: fn(f64) -> f64,
    row: &Arc<dyn RealToComplex<f64>>,
    column: &Arc<dyn RealToComplex<f64>>,
) -> Vec<f64> {
    let half = lengths.map(|m| m / 2 + 1);
    let squared = |i: usize, m: usize| (i.min(m - i) as f64 * spacing).powi(2);
    let divisor = |k: usize, m: usize| spline::transform(std::f64::consts::TAU * k as f64 / m as f64).powi(2);
    let mut rows = vec![0.0; half[0] * half[1]];
    rows.par_chunks_mut(half[1]).enumerate().for_each(|(i, out)| {
        let far = squared(i, lengths[0]);
        let mut values: Vec<f64> = (0..lengths[1]).map(|j| kernel(far + squared(j, lengths[1]))).collect();
        let mut spectrum = row.make_output_vec();
        row.process(&mut values, &mut spectrum).expect("lengths of the plan");
        out.iter_mut().zip(spectrum).enumerate().for_each(|(k, (o, s))| *o = s.re / divisor(k, lengths[1]));
    });
    let size = (lengths[0] * lengths[1]) as f64;
    let mut out = vec![0.0; half[0] * half[1]];
    out.par_chunks_mut(half[0]).enumerate().for_each(|(k, out)| {
        let at = |i: usize| rows[i.min(lengths[0] - i) * half[1] + k];
        let mut values: Vec<f64> = (0..lengths[0]).map(at).collect();
        let mut spectrum = column.make_output_vec();
        column.process(&mut values, &mut spectrum).expect("lengths of the plan");
        out.iter_mut().zip(spectrum).enumerate().for_each(|(i, (o, s))| *o = s.re / divisor(i, lengths[0]) / size);
    });
    out
}

/// The smallest even length from `n` on without a prime factor above 5.
fn good_length(n: usize) -> usize {
    let smooth = |mut m: usize| {
        for p in [2, 3, 5] {
            while m.is_multiple_of(p) {
                m /= p;
            }
        }
        m == 1
    };
    (n.div_ceil(2)..=n.next_power_of_two()).find(|&m| smooth(m)).map_or(2 * n, |m| 2 * m)
}

//! What the examples that measure share: time, memory, arrays.

use std::path::Path;
use std::time::Instant;

use tegula_core::{Coords, Csr, Error, Labels, Matrix, Progress, Result};

/// When each epoch ended: seconds on the clock, seconds of the processor.
#[derive(Default)]
pub(crate) struct Stamps(std::sync::Mutex<Vec<(f64, f64)>>);

impl Stamps {
    /// Seconds per epoch on the clock and of the processor: the medians.
    pub(crate) fn medians(self) -> (f64, f64) {
        let stamps = self.0.into_inner().unwrap_or_default();
        let mut epochs: Vec<(f64, f64)> = stamps.windows(2).map(|w| (w[1].0 - w[0].0, w[1].1 - w[0].1)).collect();
        let mut median = |of: fn(&(f64, f64)) -> f64| {
            epochs.sort_by(|a, b| of(a).total_cmp(&of(b)));
            epochs.get(epochs.len() / 2).map_or(0.0, of)
        };
        (median(|e| e.0), median(|e| e.1))
    }
}

impl Progress for Stamps {
    fn metric(&self, _: &str, _: &str, _: f64) {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let now = START.get_or_init(Instant::now).elapsed().as_secs_f64();
        if let Ok(mut all) = self.0.lock() {
            all.push((now, processor()));
        }
    }
}

/// Seconds of the processor that this process used (Linux), to a hundredth.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|v| v.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The peak of memory in MiB (Linux).
pub(crate) fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

pub(crate) fn read(folder: &Path) -> Result<(Matrix, Coords, Labels, f64)> {
    let whole = |name: &str| npy(&folder.join(name), i64::from_le_bytes);
    let small = |name: &str| npy(&folder.join(name), i32::from_le_bytes);
    let shape = whole("shape.npy")?;
    let indptr: Vec<usize> = whole("indptr.npy")?.into_iter().map(|v| v as usize).collect();
    let indices: Vec<u32> = small("indices.npy")?.into_iter().map(|v| v as u32).collect();
    let values = npy(&folder.join("data.npy"), f32::from_le_bytes)?;
    let x = Csr::new(shape[0] as usize, shape[1] as usize, indptr, indices, values)?;
    let coords = Coords::new(2, npy(&folder.join("coords.npy"), f64::from_le_bytes)?)?;
    let codes = small("labels.npy")?;
    let names = (0..=codes.iter().copied().max().unwrap_or(0)).map(|c| c.to_string()).collect();
    let radius = npy(&folder.join("radius.npy"), f64::from_le_bytes)?[0];
    Ok((x.into(), coords, Labels::new(codes, names, false)?, radius))
}

/// The values of an array file, whose type the caller knows.
fn npy<const N: usize, T>(path: &Path, of: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    Ok(bytes[10 + header..].as_chunks::<N>().0.iter().map(|b| of(*b)).collect())
}

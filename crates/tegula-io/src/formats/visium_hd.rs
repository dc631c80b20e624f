//! Visium HD: Space Ranger's folder of square bins, each a Visium folder of its own.

use std::path::{Path, PathBuf};

use tegula_core::{Error, Result};

use super::source::names;
use super::visium::Outs;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as};

/// Side of the bins that are read where nobody says, in µm: what Space Ranger's own analysis takes.
const BIN_SIZE: u32 = 8;

pub(crate) const FORMAT: Format = Format {
    name: "visium_hd",
    title: "Visium HD folder of Space Ranger",
    looks_for: "`binned_outputs` (also in `outs`) with folders `square_008um`, …, or these folders themselves",
    is: |source| bins(source).is_some(),
    read: |source, options, notes| {
        let missing = || Error::format(&source.path, "", "this is not a Visium HD folder");
        let (folder, sizes) = bins(source).ok_or_else(missing)?;
        let inner = Source::open(&folder.join(square(choose(&sizes, options, notes)?)))?;
        let outs = Outs::of(&inner).ok_or_else(|| {
            let reason = "holds no matrix of counts with positions; copy the whole folder";
            Error::format(&inner.path, "", reason)
        })?;
        outs.read(source, options, notes)
    },
};

/// Reads a Visium HD folder in square bins of [`ReadOptions::bin_size`] µm (8 where none is given), with the slots of
/// [`read_visium`](crate::read_visium).
///
/// ```
/// let err = tegula_io::read_visium_hd("no/such/folder", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_visium_hd(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// The folder with the bins, and the sizes there are, ascending.
fn bins(source: &Source) -> Option<(PathBuf, Vec<u32>)> {
    let below = ["", "binned_outputs", "outs/binned_outputs"];
    let first = source.name(|n| n == "outs" || n == "binned_outputs" || size(n).is_some());
    first?;
    below.iter().find_map(|b| {
        let folder = source.path.join(b);
        let mut sizes: Vec<u32> = names(&folder).ok()?.iter().filter_map(|n| size(n)).collect();
        sizes.sort_unstable();
        (!sizes.is_empty()).then_some((folder, sizes))
    })
}

fn square(size: u32) -> String {
    format!("square_{size:03}um")
}

fn size(name: &str) -> Option<u32> {
    name.strip_prefix("square_")?.strip_suffix("um")?.parse().ok()
}

fn choose(sizes: &[u32], options: &ReadOptions, notes: &mut Notes) -> Result<u32> {
    let listed = || sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match options.bin_size {
        Some(n) if sizes.contains(&n) => Ok(n),
        Some(n) => Err(Error::config("bin_size", format!("there are no bins of {n} µm; there are {}", listed()))),
        None => {
            let chosen = if sizes.contains(&BIN_SIZE) { BIN_SIZE } else { sizes[sizes.len() - 1] };
            notes.push(format!("bins of {chosen} µm are read; choose another `bin_size` of {}", listed()));
            Ok(chosen)
        }
    }
}

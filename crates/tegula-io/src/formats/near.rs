//! What lies within a path that is no format, and around one that is but a part of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use tegula_core::Error;

use super::{Format, Kind, Source, tenx_mtx};

/// Names in a folder that are looked at.
const MOST: usize = 64;

/// Folders above a path that are looked at: pictures and positions lie two below theirs.
const ABOVE: usize = 2;

/// What to name instead of a path that is no format, if anything near it is one.
pub(super) fn way_out(source: &Source) -> Option<String> {
    let within = within(source);
    let shown: Vec<String> = within.iter().take(3).map(|(name, f)| format!("`{name}` ({})", f.name)).collect();
    match within.len() {
        0 => around(&source.path, |_| true).map(|(folder, f)| lies_in(&folder, f)),
        1 => Some(format!("name {} in it", shown[0])),
        n if n > shown.len() => Some(format!("name one of {}, … in it", shown.join(", "))),
        _ => Some(format!("name one of {} in it", shown.join(", "))),
    }
}

/// Adds to an error what to name instead, if the path is a part of a folder that is a format.
pub(super) fn pointed(e: Error, path: &Path) -> Error {
    match (e, around(path, |_| true)) {
        (Error::Format { path, at, reason }, Some((folder, f))) => {
            Error::Format { path, at, reason: format!("{reason}; {}", lies_in(&folder, f)) }
        }
        (e, _) => e,
    }
}

/// What to say of counts alone that lie in a folder which holds positions too.
pub(super) fn note(path: &Path) -> Option<String> {
    let (folder, f) = around(path, |f| f.name != tenx_mtx::FORMAT.name)?;
    Some(format!("{} to read positions too", lies_in(&folder, f)))
}

fn lies_in(folder: &Path, format: &Format) -> String {
    format!("it lies in `{}` ({}): name that", folder.display(), format.name)
}

/// What in a folder is a format; texts may be anything and are left out.
fn within(source: &Source) -> Vec<(&str, &'static Format)> {
    let format = |name: &str| {
        let inner = Source::open(&source.path.join(name)).ok()?;
        if matches!(inner.kind, Kind::Text(_)) { None } else { Format::of(&inner) }
    };
    source.names().iter().take(MOST).filter_map(|name| Some((name.as_str(), format(name)?))).collect()
}

/// The nearest folder above a path that is of a format wanted.
fn around(path: &Path, wanted: impl Fn(&Format) -> bool) -> Option<(PathBuf, &'static Format)> {
    // `.` has no parent to name.
    let named = path.parent().is_some_and(|p| !p.as_os_str().is_empty()) && path.file_name().is_some();
    let path = if named { path.to_path_buf() } else { fs::canonicalize(path).ok()? };
    path.ancestors().skip(1).take(ABOVE).find_map(|folder| {
        let format = Format::of(&Source::folder(folder).ok()?)?;
        wanted(format).then(|| (folder.to_path_buf(), format))
    })
}

//! Standard input and pipes as inputs, standard output as output.

use std::borrow::Cow;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tegula::io::Spooled;
use tegula::{Error, Result};

/// Standard input as an input, standard output as an output.
const STANDARD: &str = "-";

/// Copies of what came in streams. Where a result is written, what was not understood is still taken from them.
static KEPT: Mutex<Vec<Arc<Spooled>>> = Mutex::new(Vec::new());

/// True for the name of standard input and output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

/// What to call an input.
pub(crate) fn shown(path: &Path) -> Cow<'_, str> {
    if is_standard(path) { "standard input".into() } else { path.to_string_lossy() }
}

/// Where an input can be read more than once: itself, or a copy of standard input or a pipe.
pub(crate) fn lasting(path: &Path) -> Result<Cow<'_, Path>> {
    let fail = |e| Error::io(path, e);
    let mut stream: Box<dyn Read> = if is_standard(path) {
        let input = std::io::stdin();
        if input.is_terminal() {
            let reason = "standard input is a terminal; pipe a file into it, as in `zcat x.gem.gz | tegula info -`";
            return Err(Error::config(STANDARD, reason));
        }
        Box::new(input)
    } else if is_pipe(path) {
        Box::new(std::fs::File::open(path).map_err(fail)?)
    } else {
        return Ok(path.into());
    };
    let copy = Arc::new(Spooled::empty()?);
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&copy));
    copy.fill(&mut stream)?;
    Ok(copy.path().into())
}

/// The error with the name that the person gave instead of the copy's.
pub(crate) fn named(e: Error, kept: &Path, given: &Path) -> Error {
    let given = || shown(given).into_owned().into();
    match e {
        Error::Io { path, source } if path == kept => Error::Io { path: given(), source },
        Error::Format { path, at, reason } if path == kept => Error::Format { path: given(), at, reason },
        other => other,
    }
}

/// Takes a closed pipe for no error: whoever reads may have enough (`| head`).
pub(crate) fn unless_closed(written: std::io::Result<()>) -> std::io::Result<()> {
    written.or_else(|e| if e.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
}

/// Removes the copies, also one that is still being made where the program ends at once.
pub(crate) fn tidy() {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|copy| copy.remove());
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|m| m.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

//! The one error type of the library. Variants are told apart by what the caller does next.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::room::bytes;

/// Result of every fallible function of Tegula.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by what the caller does next.
///
/// Messages are lower case, name the thing in back-ticks and end with the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter has a value the method cannot work with: pass another.
    #[error("`{name}` of `{method}` is {value}; it must be {must}")]
    Param {
        /// Id of the method, as `tl.leiden`.
        method: String,
        /// Name of the parameter.
        name: String,
        /// The value it had, as text.
        value: String,
        /// What would be accepted.
        must: String,
    },
    /// A recipe, a flag or a mapping cannot be understood: correct it.
    #[error("{at}: {reason}")]
    Config {
        /// Where it stands: a file, a flag, a key.
        at: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An input slot is not there: run the step that makes it, or name another.
    #[error("{slot}[\"{key}\"] is missing; {hint}{}", Present(.present))]
    Missing {
        /// `obs`, `obsm`, `obsp`, ….
        slot: &'static str,
        /// The key looked for.
        key: String,
        /// The way out.
        hint: String,
        /// The keys that are there.
        present: Vec<String>,
    },
    /// Two things that belong together have different sizes.
    #[error("{what} has shape {got}; {want} is needed")]
    Shape {
        /// The thing with the wrong shape.
        what: String,
        /// Its shape.
        got: String,
        /// The shape it must have.
        want: String,
    },
    /// The numbers themselves cannot be worked with (NaN, negative counts, nothing left).
    #[error("{what}: {reason}")]
    Data {
        /// The slot or matrix.
        what: String,
        /// What is wrong with it, and the way out.
        reason: String,
    },
    /// The operating system refused a file.
    #[error("`{}`: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// A file was opened but is not what it should be.
    #[error("`{}`{}: {reason}", .path.display(), At(.at))]
    Format {
        /// The file.
        path: PathBuf,
        /// Where inside the file; empty for the file as a whole.
        at: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The device asked for is not there.
    #[error("device `{device}`: {reason}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why it cannot be used, and what can.
        reason: String,
    },
    /// There is not enough memory: do it with less, or allow more.
    #[error(
        "`{method}` needs about {} of memory and may take {}; {instead}, or allow more (max_memory)",
        bytes(*.needs), bytes(*.most)
    )]
    Memory {
        /// Id of the method.
        method: String,
        /// Bytes it needs beside the data.
        needs: u64,
        /// Bytes it may take.
        most: u64,
        /// How it can be done with less.
        instead: String,
    },
    /// The user stopped the work.
    #[error("stopped by the user")]
    Cancelled,
}

impl Error {
    /// A [`Error::Param`]; `value` is anything that prints.
    pub fn param(method: &str, name: &str, value: impl Display, must: impl Display) -> Self {
        Self::Param { method: method.into(), name: name.into(), value: value.to_string(), must: must.to_string() }
    }

    /// A [`Error::Config`].
    pub fn config(at: impl Display, reason: impl Display) -> Self {
        Self::Config { at: at.to_string(), reason: reason.to_string() }
    }

    /// A [`Error::Data`].
    pub fn data(what: impl Display, reason: impl Display) -> Self {
        Self::Data { what: what.to_string(), reason: reason.to_string() }
    }

    /// A [`Error::Shape`].
    pub fn shape(what: impl Display, got: impl Display, want: impl Display) -> Self {
        Self::Shape { what: what.to_string(), got: got.to_string(), want: want.to_string() }
    }

    /// A [`Error::Io`].
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A [`Error::Format`].
    pub fn format(path: impl Into<PathBuf>, at: impl Display, reason: impl Display) -> Self {
        Self::Format { path: path.into(), at: at.to_string(), reason: reason.to_string() }
    }

    /// The exit code of the command for this error: 2 for a wrong call, 130 for a stop, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Param { .. } | Self::Config { .. } => 2,
            Self::Cancelled => 130,
            _ => 1,
        }
    }
}

/// The list of present keys at the end of a message, shortened.
struct Present<'a>(&'a [String]);

impl Display for Present<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        match self.0 {
            [] => Ok(()),
            keys if keys.len() <= SHOWN => write!(f, " (present: {})", keys.join(", ")),
            keys => write!(f, " (present: {}, … {} in all)", keys[..SHOWN].join(", "), keys.len()),
        }
    }
}

/// ` at X`, or nothing.
struct At<'a>(&'a str);

impl Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at `{}`", self.0) }
    }
}

/// The system's reason in words that say what to do.
fn io_reason(source: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match source.kind() {
        K::NotFound => "no such file; check the path".into(),
        K::PermissionDenied => "permission denied; check who may read or write it".into(),
        K::StorageFull => "the disk is full; free some space or write elsewhere".into(),
        K::IsADirectory => "this is a folder; name a file".into(),
        _ => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_names_the_way_out_and_what_is_there() {
        let e = Error::Missing {
            slot: "obsp",
            key: "connectivities".into(),
            hint: "run pp.neighbors first, or pass neighbors_key".into(),
            present: vec!["spatial_connectivities".into()],
        };
        assert_eq!(
            e.to_string(),
            "obsp[\"connectivities\"] is missing; run pp.neighbors first, or pass neighbors_key \
             (present: spatial_connectivities)"
        );
    }

    #[test]
    fn exit_codes_tell_a_wrong_call_from_a_wrong_file() {
        assert_eq!(Error::param("tl.scc", "s_neigh", 0, "at least 1").exit_code(), 2);
        assert_eq!(Error::Cancelled.exit_code(), 130);
        assert_eq!(Error::data("X", "holds NaN").exit_code(), 1);
    }
}

//! What annotated matrices are encoded into: an HDF5 file or a zarr folder.

use tegula_core::{Error, Result};

use super::{Attr, Cells, Node, Store, Type};

/// A tree being written, from its leaves to its root: each object is added once and known by a number until then.
pub(crate) trait Target {
    /// Adds an array, or a scalar where `shape` is empty.
    fn array(&mut self, t: &Type, shape: &[usize], cells: Cells<'_>, attrs: &[Attr]) -> Result<u64>;

    /// Adds an array of texts.
    fn texts<S: AsRef<str>>(&mut self, shape: &[usize], values: &[S], attrs: &[Attr]) -> Result<u64>;

    /// Texts as a field of records: the type of the field, and its values side by side.
    fn field_of_texts(&mut self, values: &[String]) -> Result<(Type, Vec<u8>)>;

    /// Adds a group over objects that were added before.
    fn group(&mut self, children: &[(String, u64)], attrs: &[Attr]) -> Result<u64>;

    /// Carries an object over as it stands, with more attributes; `None` where it must be encoded anew.
    fn carry(&mut self, from: &Store, node: &Node, more: Vec<Attr>) -> Result<Option<u64>>;
}

/// Refuses what neither HDF5 nor zarr takes as a name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if !["", ".", ".."].contains(&name) && !name.contains(['/', '\0']) {
        return Ok(());
    }
    let reason = "cannot be a key of a file (`/`, `.`, `..` and the empty name are not allowed); rename it";
    Err(Error::data(format!("the name `{name}`"), reason))
}

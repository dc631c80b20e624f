//! Writing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tegula_core::{AnnData, Dict, Error, Frame, Origin, Result, Value};

use super::encode::{self, Children};
use super::{MAPS, UNREAD};
use crate::WriteOptions;
use crate::atomic::AtomicFile;
use crate::store::copy::can_copy;
use crate::store::file::stamp;
use crate::store::{Attr, Branch, Node, Store, Target, Writer};

/// Writes an h5ad file that Python's `anndata` 0.10 and later read, whole or not at all.
///
/// What was not changed since it was read is carried over from its file exactly as it stands there, in the types and
/// with the packing it has; so is what Tegula does not understand (see [`not_understood`]), except what belonged to
/// observations or variables once some of these were dropped. The target may be that very file.
///
/// # Errors
/// [`Error::Io`] where the target cannot be written; [`Error::Data`] where a key cannot be a name in the file, or
/// something would be lost (see [`WriteOptions::allow_loss`]).
pub fn write_h5ad(adata: &AnnData, path: impl AsRef<Path>, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    let origin = adata.origin().and_then(Source::open);
    check_losses(adata, origin.as_ref(), path, options)?;
    let file = AtomicFile::create(path)?;
    let mut writer = Writer::new(file, path, options.gzip)?;
    // What is carried over may never have been looked into; a panic of the HDF5 library means that it is damaged.
    let done = catch_unwind(AssertUnwindSafe(|| {
        let root = Job { adata, source: origin.as_ref(), w: &mut writer }.run()?;
        writer.finish(root)
    }));
    let damaged = || {
        let from = adata.origin().map_or(path, |o| &o.path);
        Error::format(from, "", "a part that was to be carried over is damaged; copy or make the file again")
    };
    done.unwrap_or_else(|_| Err(damaged()))?.commit()
}

/// Encodes everything anew into a tree that carries nothing over; gives its root.
pub(crate) fn encode_into<T: Target>(adata: &AnnData, target: &mut T) -> Result<u64> {
    Job { adata, source: None, w: target }.run()
}

/// Paths, inside the file the data came from, of what Tegula does not understand: it can only carry it over.
///
/// ```
/// let adata = tegula_core::AnnData::default();
/// assert!(tegula_io::not_understood(&adata).is_empty());
/// ```
pub fn not_understood(adata: &AnnData) -> Vec<String> {
    let paths = adata.origin().map(|o| o.pristine.iter().filter_map(|p| p.strip_prefix(UNREAD)));
    paths.into_iter().flatten().map(str::to_owned).collect()
}

/// The file the data came from, as long as it is still the same.
struct Source<'a> {
    store: Store,
    root: Branch,
    origin: &'a Origin,
}

impl<'a> Source<'a> {
    fn open(origin: &'a Origin) -> Option<Self> {
        let same = || stamp(&origin.path).is_ok_and(|s| s == origin.stamp);
        if origin.pristine.is_empty() || !same() {
            return None;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| Store::open(&origin.path).ok()));
        let (store, root) = opened.ok()??;
        same().then_some(Self { store, root, origin })
    }

    /// What lies at a path that nobody changed.
    fn untouched(&self, path: &str) -> Option<&Node> {
        if self.origin.pristine.contains(path) { self.root.find(path) } else { None }
    }
}

/// What must be carried over because it was never understood: pairs of its path and the slot it belongs to.
fn unread(origin: &Origin) -> impl Iterator<Item = (&str, String)> {
    origin.pristine.iter().filter_map(|p| p.strip_prefix(UNREAD)).filter_map(|p| {
        let mut parts = p.split('/');
        let slot = match (parts.next()?, parts.next()) {
            (head, None) => head.to_owned(),
            ("raw", _) => "raw".to_owned(),
            (head, Some(key)) if origin.pristine.contains(&format!("{head}/{key}")) => format!("{head}/{key}"),
            (head, _) => head.to_owned(),
        };
        origin.pristine.contains(&slot).then_some((p, slot))
    })
}

fn check_losses(adata: &AnnData, source: Option<&Source<'_>>, path: &Path, options: &WriteOptions) -> Result<()> {
    let Some(origin) = adata.origin().filter(|_| !options.allow_loss) else { return Ok(()) };
    let kept = |slot: &str| source.and_then(|s| s.untouched(slot)).is_some_and(can_copy);
    let lost: Vec<&str> = unread(origin).filter(|(_, slot)| !kept(slot)).map(|(p, _)| p).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let why = if source.is_some() { "cannot be carried over from" } else { "can no longer be carried over from" };
    let reason = format!(
        "`{}` would be lost: it {why} `{}`{}; read that file again, or allow the loss (`allow_loss`)",
        lost.join("`, `"),
        origin.path.display(),
        if source.is_some() { "" } else { ", which has changed since" },
    );
    Err(Error::data(format!("`{}`", path.display()), reason))
}

struct Job<'a, T: Target> {
    adata: &'a AnnData,
    source: Option<&'a Source<'a>>,
    w: &'a mut T,
}

impl<T: Target> Job<'_, T> {
    fn run(mut self) -> Result<u64> {
        let a = self.adata;
        let mut root = Children::new();
        if let Some(x) = a.x() {
            let at = self.keep("X", is_current)?.map_or_else(|| encode::matrix(self.w, x), Ok)?;
            root.push(("X".into(), at));
        }
        let mut layers = Children::new();
        for (key, m) in a.layers() {
            let at = self.keep(&format!("layers/{key}"), is_current)?;
            layers.push((key.clone(), at.map_or_else(|| encode::matrix(self.w, m), Ok)?));
        }
        root.push(("layers".into(), self.map("layers", layers)?));
        root.push(("obs".into(), self.frame("obs", a.obs())?));
        root.push(("var".into(), self.frame("var", a.var())?));
        for (attr, d) in MAPS.into_iter().zip([a.obsm(), a.varm(), a.obsp(), a.varp()]) {
            let children = self.entries(attr, d, is_current)?;
            root.push((attr.into(), self.map(attr, children)?));
        }
        let uns = self.entries("uns", a.uns(), |_| true)?;
        root.push(("uns".into(), self.map("uns", uns)?));
        if let Some(raw) = a.raw() {
            let at = self.keep("raw", is_current)?.map_or_else(|| encode::raw(self.w, raw), Ok)?;
            root.push(("raw".into(), at));
        }
        for key in self.others("") {
            if let Some(at) = self.keep(&key, |_| true)? {
                root.push((key, at));
            }
        }
        self.w.group(&root, &Attr::encoding("anndata", "0.1.0"))
    }

    /// Carries a slot over from the origin, if it is unchanged and `suits`.
    fn keep(&mut self, path: &str, suits: impl Fn(&Node) -> bool) -> Result<Option<u64>> {
        let Some(source) = self.source else { return Ok(None) };
        let Some(node) = source.untouched(path).filter(|n| suits(n)) else { return Ok(None) };
        let bare = matches!(node, Node::Data(_)) && node.attrs().encoding().is_empty();
        let numeric = matches!(node, Node::Data(l) if l.dtype.as_ref().is_some_and(|t| !t.is_text()));
        let more =
            if bare && numeric && !path.starts_with("uns/") { Attr::encoding("array", "0.2.0") } else { Vec::new() };
        self.w.carry(&source.store, node, more)
    }

    /// Keys directly under `attr` (or at the top, for "") that were never understood.
    fn others(&self, attr: &str) -> Vec<String> {
        let Some(source) = self.source else { return Vec::new() };
        let direct = |p: &str| match p.split_once('/') {
            None => attr.is_empty().then(|| p.to_owned()),
            Some((head, key)) => (head == attr && !key.contains('/')).then(|| key.to_owned()),
        };
        unread(source.origin).filter_map(|(p, _)| direct(p)).collect()
    }

    fn map(&mut self, attr: &str, mut children: Children) -> Result<u64> {
        for key in self.others(attr) {
            if children.iter().all(|c| c.0 != key)
                && let Some(at) = self.keep(&format!("{attr}/{key}"), |_| true)?
            {
                children.push((key, at));
            }
        }
        self.w.group(&children, &Attr::encoding("dict", "0.1.0"))
    }

    fn entries(&mut self, attr: &str, d: &Dict, suits: fn(&Node) -> bool) -> Result<Children> {
        let mut out = Children::new();
        for (key, v) in d {
            let kept = self.keep(&format!("{attr}/{key}"), suits)?;
            let at = match kept {
                Some(at) => Some(at),
                None if *v == Value::Null => None,
                None => encode::value(self.w, v)?,
            };
            out.extend(at.map(|at| (key.clone(), at)));
        }
        Ok(out)
    }

    fn frame(&mut self, attr: &str, f: &Frame) -> Result<u64> {
        let key = encode::index_key(f);
        let index = self.keep(&format!("{attr}/{key}"), is_current)?;
        let mut children = vec![(key.clone(), index.map_or_else(|| encode::index(self.w, f), Ok)?)];
        for (name, c) in f.columns() {
            let kept = self.keep(&format!("{attr}/{name}"), is_current)?;
            children.push((name.clone(), kept.map_or_else(|| encode::column(self.w, c), Ok)?));
        }
        for name in self.others(attr) {
            if f.get(&name).is_none()
                && let Some(at) = self.keep(&format!("{attr}/{name}"), |_| true)?
            {
                children.push((name, at));
            }
        }
        let listed = self.source.and_then(|s| s.root.group(attr)?.attrs.texts("column-order")).unwrap_or_default();
        let mut order: Vec<String> = children[1..].iter().map(|c| c.0.clone()).collect();
        // Columns keep the places they had; new ones follow.
        order.sort_by_key(|n| listed.iter().position(|l| l == n).unwrap_or(listed.len()));
        let attrs = encode::frame_attrs(&key, order);
        self.w.group(&children, &attrs)
    }
}

/// True for what today's readers take as it is: elements that state their encoding, and plain arrays of numbers.
fn is_current(node: &Node) -> bool {
    match node {
        Node::Group(g) => {
            let ok = |n: &Node| !matches!(n, Node::Group(_)) || is_current(n);
            let table = g.attrs.encoding() == "dataframe" && g.group("__categories").is_some();
            !g.attrs.encoding().is_empty() && !table && g.children.values().all(ok)
        }
        Node::Data(l) => {
            let numeric = l.dtype.as_ref().is_some_and(|t| {
                matches!(t, crate::store::Type::Int { .. } | crate::store::Type::Float { .. }) || t.is_bool()
            });
            !l.attrs.has("categories") && (!l.attrs.encoding().is_empty() || numeric)
        }
    }
}

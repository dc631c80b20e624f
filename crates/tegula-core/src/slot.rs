//! The address of one thing inside an [`AnnData`](crate::AnnData).

use std::fmt::{self, Display};

/// The address of one thing inside an [`AnnData`](crate::AnnData).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The main matrix.
    X,
    /// A layer.
    Layer(String),
    /// The frozen copy `raw`.
    Raw,
    /// A column of `obs`.
    Obs(String),
    /// A column of `var`.
    Var(String),
    /// An entry of `obsm`.
    Obsm(String),
    /// An entry of `varm`.
    Varm(String),
    /// An entry of `obsp`.
    Obsp(String),
    /// An entry of `varp`.
    Varp(String),
    /// An entry of `uns`.
    Uns(String),
    /// The observations themselves: written by steps that drop some.
    ObsAxis,
    /// The variables themselves: written by steps that drop some.
    VarAxis,
}

impl Slot {
    /// `X`, or the layer of that name.
    pub fn matrix(layer: Option<&str>) -> Self {
        layer.map_or(Self::X, |l| Self::Layer(l.to_owned()))
    }

    /// A column of `obs`.
    pub fn obs(key: &str) -> Self {
        Self::Obs(key.to_owned())
    }

    /// A column of `var`.
    pub fn var(key: &str) -> Self {
        Self::Var(key.to_owned())
    }

    /// An entry of `obsm`.
    pub fn obsm(key: &str) -> Self {
        Self::Obsm(key.to_owned())
    }

    /// What represents the observations, as scanpy's `use_rep` names it: an entry of `obsm`, or with `X` the matrix itself.
    ///
    /// ```
    /// use tegula_core::Slot;
    /// assert_eq!([Slot::rep("X"), Slot::rep("X_pca")], [Slot::X, Slot::obsm("X_pca")]);
    /// ```
    pub fn rep(key: &str) -> Self {
        if key == "X" { Self::X } else { Self::obsm(key) }
    }

    /// An entry of `varm`.
    pub fn varm(key: &str) -> Self {
        Self::Varm(key.to_owned())
    }

    /// An entry of `obsp`.
    pub fn obsp(key: &str) -> Self {
        Self::Obsp(key.to_owned())
    }

    /// An entry of `uns`.
    pub fn uns(key: &str) -> Self {
        Self::Uns(key.to_owned())
    }

    /// Name of the attribute that holds it: `X`, `layers`, `obs`, ….
    pub fn attr(&self) -> &'static str {
        match self {
            Self::X => "X",
            Self::Layer(_) => "layers",
            Self::Raw => "raw",
            Self::Obs(_) => "obs",
            Self::Var(_) => "var",
            Self::Obsm(_) => "obsm",
            Self::Varm(_) => "varm",
            Self::Obsp(_) => "obsp",
            Self::Varp(_) => "varp",
            Self::Uns(_) => "uns",
            Self::ObsAxis => "obs_names",
            Self::VarAxis => "var_names",
        }
    }

    /// The key inside the attribute, where there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Layer(k)
            | Self::Obs(k)
            | Self::Var(k)
            | Self::Obsm(k)
            | Self::Varm(k)
            | Self::Obsp(k)
            | Self::Varp(k)
            | Self::Uns(k) => Some(k),
            Self::X | Self::Raw | Self::ObsAxis | Self::VarAxis => None,
        }
    }

    /// The path inside an h5ad file, as `obsm/X_pca`.
    pub fn path(&self) -> String {
        self.key().map_or_else(|| self.attr().to_owned(), |k| format!("{}/{k}", self.attr()))
    }
}

impl Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key() {
            Some(k) => write!(f, "{}[\"{k}\"]", self.attr()),
            None => f.write_str(self.attr()),
        }
    }
}

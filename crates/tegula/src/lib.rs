//! Tegula: an engine for spatial transcriptomics. Raw file in; spatial domains, maps, alignments and figures out.
//!
//! This crate is the front door of the library: it re-exports the data types and methods, holds the [registry] of
//! methods, [recipes](recipe) (steps as a TOML file) and the [pipeline] that takes a tissue from file to domains.
//!
//! ```no_run
//! use tegula::prelude::*;
//!
//! let mut adata = tegula::io::read("tissue.h5ad")?;
//! let ctx = Ctx::new(0);
//! for (method, params) in [("pp.normalize_total", "{}"), ("pp.log1p", "{}"), ("pp.pca", r#"{"n_comps": 30}"#)] {
//!     let params = serde_json::from_str(params).expect("valid JSON");
//!     tegula::registry::find(method)?.step(params)?.run(&mut adata, &ctx)?;
//! }
//! # Ok::<(), tegula::Error>(())
//! ```

pub mod field;
pub mod memory;
pub mod pipeline;
pub mod recipe;
pub mod registry;

pub use tegula_algo as algo;
pub use tegula_core::{self as core, AnnData, Ctx, Error, Result};
pub use tegula_io as io;
pub use tegula_neural as neural;
pub use tegula_plot as plot;

/// What nearly every program needs.
pub mod prelude {
    pub use tegula_core::{
        AnnData, Column, Coords, Ctx, Dense, Error, Frame, Graph, Labels, Matrix, Method, Result, Step, Value,
    };
}

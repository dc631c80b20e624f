//! Linear algebra that the methods share: sparse times dense, orthonormal bases, eigenvectors of symmetric matrices.
//!
//! Everything here gives the same bits for any number of threads: work is cut into blocks by size alone, and faer is
//! called on one thread inside a block.

mod basis;
mod cholesky;
mod columns;
mod eigh;
mod inverse;
mod lanczos;
pub mod panel;
mod product;
mod spmm;

pub use basis::Basis;
pub(crate) use basis::{dot, orthonormalise};
pub(crate) use cholesky::{factor, solve};
pub(crate) use columns::{centre, column_means};
pub use eigh::{Eigh, eigenvalues, eigh};
pub(crate) use inverse::inverse;
pub(crate) use lanczos::{Symmetric, Wanted, lanczos};
pub use product::sparse_product;
pub(crate) use spmm::gather;
pub use spmm::{spmm, spmm_t, sum_rows};

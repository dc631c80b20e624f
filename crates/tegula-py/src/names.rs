//! Names of observations and variables.

use pyo3::prelude::*;

use tegula::core::{Buf, Frame};

/// Names taken over from Python once and shared by all calls they are passed to.
#[pyclass(frozen)]
pub(crate) struct Names(Buf<String>);

#[pymethods]
impl Names {
    #[new]
    fn new(names: Vec<String>) -> Self {
        Self(names.into())
    }

    fn tolist(&self) -> Vec<String> {
        self.0.to_vec()
    }
}

impl Names {
    /// A table without columns.
    pub(crate) fn frame(&self) -> Frame {
        Frame::sharing(self.0.clone())
    }
}

//! NumPy arrays lent to the library without a copy, and given back as the same objects.
#![expect(unsafe_code, reason = "reading NumPy memory while the GIL is released; see `Lent`")]

use std::sync::Arc;

use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use tegula::core::Buf;

/// Memory of a NumPy array, kept alive by a reference to the array.
struct Lent<T> {
    _owner: Py<PyAny>,
    start: *const T,
    len: usize,
}

// SAFETY: the memory is only read, and lives as long as `_owner`, whose reference count pyo3 handles from any thread.
// As for every NumPy extension that releases the GIL, the caller must not write the array meanwhile.
unsafe impl<T: Sync> Send for Lent<T> {}
// SAFETY: as above; shared reading only.
unsafe impl<T: Sync> Sync for Lent<T> {}

impl<T> AsRef<[T]> for Lent<T> {
    fn as_ref(&self) -> &[T] {
        // SAFETY: `start` and `len` come from one contiguous, aligned NumPy array that `_owner` keeps alive.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// Remembers which arrays were lent, so that an array the step did not change goes back as the very same object.
#[derive(Default)]
pub(crate) struct Lender {
    lent: Vec<(usize, usize, Py<PyAny>)>,
}

impl Lender {
    /// A one-dimensional contiguous array as a buffer of `T`, without a copy. `S` is NumPy's type for it: the same as
    /// `T`, or (columns of sparse matrices) `i32` for `u32`.
    pub(crate) fn lend<S: Element, T: Clone + Sync + 'static>(
        &mut self,
        array: &Bound<'_, PyArray1<S>>,
    ) -> PyResult<Buf<T>> {
        const { assert!(size_of::<S>() == size_of::<T>() && align_of::<S>() == align_of::<T>()) };
        if array.is_empty() {
            return Ok(Vec::new().into());
        }
        if !array.is_c_contiguous() {
            return Err(PyValueError::new_err("an array is not contiguous; pass numpy.ascontiguousarray(array)"));
        }
        let start = array.data().cast_const().cast::<T>();
        if !start.is_aligned() {
            return Err(PyValueError::new_err("an array is not aligned; pass a copy of it"));
        }
        let owner = array.as_any().clone().unbind();
        self.lent.push((start as usize, array.len(), owner.clone_ref(array.py())));
        Ok(Buf::Foreign(Arc::new(Lent { _owner: owner, start, len: array.len() })))
    }

    /// The array that this buffer was lent from, if it was.
    pub(crate) fn owner<'py, T>(&self, py: Python<'py>, buf: &Buf<T>) -> Option<Bound<'py, PyAny>> {
        let (start, len) = (buf.as_ptr() as usize, buf.len());
        self.lent.iter().find(|l| (l.0, l.1) == (start, len)).map(|l| l.2.bind(py).clone())
    }
}

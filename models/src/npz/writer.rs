//! [`NpzWriter`]: arrays that become a file.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ndarray::{ArrayView, IxDyn};
use ndarray_npy::{WritableElement, WriteNpyExt};

use super::NpzError;
use super::text::{MAX_TEXT_LEN, Text};
use crate::atomic_file;

/// Arrays to be written into one file.
pub struct NpzWriter {
    zip: ndarray_npy::NpzWriter<Cursor<Vec<u8>>>,
}

impl std::fmt::Debug for NpzWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NpzWriter").finish_non_exhaustive()
    }
}

impl Default for NpzWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl NpzWriter {
    /// No array yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            zip: ndarray_npy::NpzWriter::new_compressed(Cursor::new(Vec::new())),
        }
    }

    /// Adds an array of doubles.
    ///
    /// # Errors
    /// If the shape does not fit, or the name is there already.
    pub fn f64(&mut self, name: &str, shape: &[usize], data: &[f64]) -> Result<(), NpzError> {
        self.add(name, shape, data)
    }

    /// Adds an array of singles.
    ///
    /// # Errors
    /// As [`NpzWriter::f64`].
    pub fn f32(&mut self, name: &str, shape: &[usize], data: &[f32]) -> Result<(), NpzError> {
        self.add(name, shape, data)
    }

    /// Adds an array of whole numbers.
    ///
    /// # Errors
    /// As [`NpzWriter::f64`].
    pub fn i64(&mut self, name: &str, shape: &[usize], data: &[i64]) -> Result<(), NpzError> {
        self.add(name, shape, data)
    }

    /// Adds an array of truth values.
    ///
    /// # Errors
    /// As [`NpzWriter::f64`].
    pub fn bool(&mut self, name: &str, shape: &[usize], data: &[bool]) -> Result<(), NpzError> {
        self.add(name, shape, data)
    }

    /// Adds a text without dimensions, of at most 256 characters.
    ///
    /// # Errors
    /// If it is longer.
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), NpzError> {
        if text.chars().count() > MAX_TEXT_LEN {
            return Err(unwritten(name, "a text of more than 256 characters"));
        }
        self.add(name, &[], &[Text(text.to_owned())])
    }

    fn add<T: WritableElement>(
        &mut self,
        name: &str,
        shape: &[usize],
        data: &[T],
    ) -> Result<(), NpzError> {
        let view = ArrayView::from_shape(IxDyn(shape), data)
            .map_err(|reason| unwritten(name, &reason.to_string()))?;
        self.add_view(name, &view)
    }

    fn add_view(&mut self, name: &str, array: &impl WriteNpyExt) -> Result<(), NpzError> {
        self.zip
            .add_array(name, array)
            .map_err(|reason| unwritten(name, &reason.to_string()))
    }

    /// Writes `path` whole or not at all.
    ///
    /// # Errors
    /// Whatever the file system answers.
    pub fn write(self, path: &Path) -> Result<(), NpzError> {
        let error = |reason: String| NpzError {
            path: path.to_owned(),
            problem: format!("cannot be written: {reason}"),
        };
        let bytes = self.zip.finish().map_err(|r| error(r.to_string()))?;
        atomic_file::replace(path, &bytes.into_inner()).map_err(|r| error(r.to_string()))
    }
}

fn unwritten(name: &str, problem: &str) -> NpzError {
    NpzError {
        path: PathBuf::from("npz"),
        problem: format!("array `{name}` cannot be written: {problem}"),
    }
}

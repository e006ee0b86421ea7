//! Arrays in `.npz` files as [`Array`]s: reads the numeric types, writes `float32` and, for whole numbers, `int64`.

use std::collections::BTreeMap;
use std::path::Path;

use rlfd_models::npz::{ElementType, Npz, NpzError, NpzWriter};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;

/// All arrays of a file, by name.
///
/// # Errors
/// The file cannot be read, or an array is of a type that is no number; both are named.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, ExportError> {
    let mut npz = Npz::open(path)?;
    let mut arrays = BTreeMap::new();
    for name in npz.names().to_vec() {
        let numbers = npz.numbers(&name)?;
        let array = Array {
            shape: numbers.shape,
            data: numbers.data,
            dtype: dtype(numbers.element_type),
        };
        arrays.insert(name, array);
    }
    Ok(arrays)
}

fn dtype(element_type: ElementType) -> Dtype {
    match element_type {
        ElementType::F32 => Dtype::F32,
        ElementType::F64 => Dtype::F64,
        ElementType::I64 => Dtype::I64,
        ElementType::I32 => Dtype::I32,
        ElementType::I8 => Dtype::I8,
        ElementType::U8 => Dtype::U8,
        ElementType::I16 => Dtype::I16,
        ElementType::U16 => Dtype::U16,
        ElementType::Bool => Dtype::Bool,
    }
}

/// Writes `path` whole or not at all.
///
/// # Errors
/// The file system refuses.
pub fn write(path: &Path, arrays: &[(String, Array)]) -> Result<(), ExportError> {
    let mut npz = NpzWriter::new();
    for (name, array) in arrays {
        if array.dtype.is_float() {
            npz.f32(name, &array.shape, &array.to_f32())?;
        } else {
            let whole: Vec<i64> = array.data.iter().map(|x| *x as i64).collect();
            npz.i64(name, &array.shape, &whole)?;
        }
    }
    Ok(npz.write(path)?)
}

impl From<NpzError> for ExportError {
    fn from(error: NpzError) -> Self {
        Self::Model(error.problem).in_file(&error.path)
    }
}

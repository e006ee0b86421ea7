//! Arrays in `.npz` files, as NumPy writes them: reads the numeric types, writes `float32` and, for whole numbers, `int64`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpzError, ReadableElement};
use rlfd_models::atomic_file;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;

/// All arrays of a file, by name.
///
/// # Errors
/// The file cannot be read, or an array is of a type that is no number; both are named.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, ExportError> {
    let in_file = |error: ExportError| error.in_file(path);
    let damaged =
        |error: &dyn std::fmt::Display| in_file(ExportError::Model(format!("no .npz: {error}")));
    let file = File::open(path).map_err(|error| in_file(error.into()))?;
    let mut npz = NpzReader::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let names = npz.names().map_err(|error| damaged(&error))?;
    let mut arrays = BTreeMap::new();
    for name in names {
        let array = read_array(&mut npz, &name).map_err(|problem| {
            in_file(ExportError::Tensor {
                name: name.clone(),
                problem,
            })
        })?;
        arrays.insert(name.trim_end_matches(".npy").to_string(), array);
    }
    Ok(arrays)
}

type Reader = NpzReader<BufReader<File>>;

fn read_array(npz: &mut Reader, name: &str) -> Result<Array, String> {
    let mut last = String::new();
    for read in [
        of_type::<f32>,
        of_type::<f64>,
        of_type::<i64>,
        of_type::<i32>,
        of_type::<i8>,
        of_type::<u8>,
        of_type::<i16>,
        of_type::<u16>,
        of_type::<bool>,
    ] {
        match read(npz, name) {
            Ok(array) => return Ok(array),
            Err(problem) => last = problem,
        }
    }
    Err(format!("it is no array of numbers: {last}"))
}

/// A number and its type.
trait Number: ReadableElement + Copy {
    const DTYPE: Dtype;
    fn number(self) -> f64;
}

macro_rules! numbers {
    ($($type:ty = $dtype:ident),*) => {
        $(impl Number for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            fn number(self) -> f64 {
                self as f64
            }
        })*
    };
}
numbers!(
    f32 = F32,
    f64 = F64,
    i64 = I64,
    i32 = I32,
    i8 = I8,
    u8 = U8,
    i16 = I16,
    u16 = U16
);

impl Number for bool {
    const DTYPE: Dtype = Dtype::Bool;
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

fn of_type<T: Number>(npz: &mut Reader, name: &str) -> Result<Array, String> {
    let array = npz.by_name::<OwnedRepr<T>, IxDyn>(name);
    let array = array.map_err(|error: ReadNpzError| error.to_string())?;
    Ok(Array {
        shape: array.shape().to_vec(),
        data: array.iter().map(|x| x.number()).collect(),
        dtype: T::DTYPE,
    })
}

/// Writes `path` whole or not at all.
///
/// # Errors
/// The file system refuses.
pub fn write(path: &Path, arrays: &[(String, Array)]) -> Result<(), ExportError> {
    let in_file = |error: ExportError| error.in_file(path);
    let failed = |error: &dyn std::fmt::Display| {
        in_file(ExportError::Model(format!("cannot be written: {error}")))
    };
    let mut bytes = Vec::new();
    let mut npz = NpzWriter::new_compressed(Cursor::new(&mut bytes));
    for (name, array) in arrays {
        let shape = IxDyn(&array.shape);
        let written = match array.dtype.is_float() {
            true => ArrayD::from_shape_vec(shape, array.to_f32())
                .map(|array| npz.add_array(name, &array)),
            false => {
                let whole = array.data.iter().map(|x| *x as i64).collect();
                ArrayD::from_shape_vec(shape, whole).map(|array| npz.add_array(name, &array))
            }
        };
        written
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
    }
    npz.finish().map_err(|error| failed(&error))?;
    atomic_file::replace(path, &bytes).map_err(|error| in_file(error.into()))
}

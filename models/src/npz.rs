//! Arrays in `.npz` files, as NumPy writes them: numbers of any of its plain types, and text. It reads no Python objects:
//! those would have to be run.
//!
//! ```no_run
//! use rlfd_models::npz::{Npz, NpzWriter};
//!
//! let mut writer = NpzWriter::new();
//! writer.f64("x", &[2, 1], &[0.5, 1.5])?;
//! writer.text("env", "FetchReach-v4")?;
//! writer.write("x.npz".as_ref())?;
//! let x = Npz::open("x.npz".as_ref())?.numbers("x")?;
//! assert_eq!((x.shape, x.data), (vec![2, 1], vec![0.5, 1.5]));
//! # Ok::<(), rlfd_models::npz::NpzError>(())
//! ```

mod text;
mod writer;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError, ReadableElement};

use text::Text;
pub use writer::NpzWriter;

/// Why a file of arrays cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct NpzError {
    /// The file.
    pub path: PathBuf,
    /// Which array, what was expected and what was found.
    pub problem: String,
}

/// The plain types of NumPy that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as everywhere")]
pub enum ElementType {
    F32,
    F64,
    I64,
    I32,
    I8,
    U8,
    I16,
    U16,
    Bool,
}

/// An array of numbers, whatever its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers, the last dimension fastest.
    pub data: Vec<f64>,
    /// Type in the file.
    pub element_type: ElementType,
}

type Reader = NpzReader<BufReader<File>>;

/// A file that has been opened.
pub struct Npz {
    path: PathBuf,
    reader: Reader,
    names: Vec<String>,
}

impl std::fmt::Debug for Npz {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Npz")
            .field("path", &self.path)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Npz {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// If the file cannot be read or is no `.npz` file.
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        let error = |problem: String| NpzError {
            path: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(|reason| error(reason.to_string()))?;
        let mut reader = NpzReader::new(BufReader::new(file))
            .map_err(|reason| error(format!("no .npz: {reason}")))?;
        let names = reader
            .names()
            .map_err(|reason| error(format!("no .npz: {reason}")))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            names,
        })
    }

    /// The file's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The arrays, in the order of the file.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is an array of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Reads an array of numbers.
    ///
    /// # Errors
    /// If there is none of this name, or its elements are no plain numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Numbers, NpzError> {
        self.require(name)?;
        let mut descriptor = String::new();
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
            match read(&mut self.reader, name) {
                Ok(numbers) => return Ok(numbers),
                Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(found))) => {
                    descriptor = found.to_string();
                }
                Err(reason) => return Err(self.error(name, &reason.to_string())),
            }
        }
        let problem = match descriptor.as_str() {
            "'|O'" => "holds Python objects, which are not plain numbers".to_owned(),
            other => format!("is no array of numbers; its type is {other}"),
        };
        Err(self.error(name, &problem))
    }

    /// Reads a text without dimensions.
    ///
    /// # Errors
    /// If there is none of this name, or it is something else.
    pub fn text(&mut self, name: &str) -> Result<String, NpzError> {
        self.require(name)?;
        let read = self.reader.by_name::<OwnedRepr<Text>, IxDyn>(name);
        let array = read.map_err(|reason| self.error(name, &reason.to_string()))?;
        match array.iter().next() {
            Some(text) if array.len() == 1 => Ok(text.0.clone()),
            _ => Err(self.error(name, &format!("expected one text, found {}", array.len()))),
        }
    }

    fn require(&self, name: &str) -> Result<(), NpzError> {
        if self.contains(name) {
            return Ok(());
        }
        let found = match self.names.is_empty() {
            true => "none".to_owned(),
            false => self.names.join(", "),
        };
        Err(NpzError {
            path: self.path.clone(),
            problem: format!("no array `{name}`; found {found}"),
        })
    }

    fn error(&self, name: &str, problem: &str) -> NpzError {
        NpzError {
            path: self.path.clone(),
            problem: format!("array `{name}`: {problem}"),
        }
    }
}

/// A number and its type.
trait Number: ReadableElement + Copy {
    const TYPE: ElementType;
    fn number(self) -> f64;
}

macro_rules! numbers {
    ($($type:ty = $name:ident),*) => {
        $(impl Number for $type {
            const TYPE: ElementType = ElementType::$name;
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
    const TYPE: ElementType = ElementType::Bool;
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

fn of_type<T: Number>(reader: &mut Reader, name: &str) -> Result<Numbers, ReadNpzError> {
    let array: ArrayD<T> = reader.by_name::<OwnedRepr<T>, IxDyn>(name)?;
    Ok(Numbers {
        shape: array.shape().to_vec(),
        data: array.iter().map(|x| x.number()).collect(),
        element_type: T::TYPE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.npz");
        let mut writer = NpzWriter::new();
        writer.f64("a", &[2, 2], &[1.0, -2.0, 0.1, 4.0]).unwrap();
        writer.f32("b", &[1], &[0.5]).unwrap();
        writer.i64("c", &[], &[7]).unwrap();
        writer.bool("d", &[2], &[true, false]).unwrap();
        writer.text("e", "Größe-v1").unwrap();
        assert!(writer.f64("f", &[3], &[1.0]).is_err());
        writer.write(&path).unwrap();

        let mut npz = Npz::open(&path).unwrap();
        assert_eq!(npz.names(), ["a", "b", "c", "d", "e"]);
        let a = npz.numbers("a").unwrap();
        assert_eq!(
            (a.shape, a.data, a.element_type),
            (vec![2, 2], vec![1.0, -2.0, 0.1, 4.0], ElementType::F64)
        );
        assert_eq!(npz.numbers("b").unwrap().element_type, ElementType::F32);
        assert_eq!(npz.numbers("c").unwrap().data, [7.0]);
        assert_eq!(npz.numbers("d").unwrap().data, [1.0, 0.0]);
        assert_eq!(npz.text("e").unwrap(), "Größe-v1");

        let message = npz.numbers("g").unwrap_err().to_string();
        assert!(message.contains("some.npz: no array `g`; found a, b"));
        let message = npz.numbers("e").unwrap_err().to_string();
        assert!(message.contains("array `e`: is no array"), "{message}");
        std::fs::write(&path, b"PK no zip").unwrap();
        assert!(Npz::open(&path).unwrap_err().problem.contains("no .npz"));
    }
}

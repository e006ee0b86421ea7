//! [`Array`]: a row-major `f64` array with NumPy's broadcasting, for the reference evaluation. Slow and plain on purpose.

mod strides;

pub use strides::Strides;

use crate::dtype::Dtype;
use crate::graph::{Data, Value};

/// Elements an array has at most: a few broadcasts in a small file could ask for any number. A fuzzer, which looks for other
/// things, is not kept waiting.
pub const MAX_LEN: usize = if cfg!(fuzzing) { 1 << 14 } else { 1 << 24 };

/// Lengths of axes and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of the axes, slowest first.
    pub shape: Vec<usize>,
    /// Row-major; integers are held exactly up to 2^53.
    pub data: Vec<f64>,
    /// What its numbers are held as outside; no `f64` here is rounded to it.
    pub dtype: Dtype,
}

impl Array {
    /// An array of `float32`.
    ///
    /// # Errors
    /// The number of elements does not fit the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f64>, dtype: Dtype) -> Result<Self, String> {
        if element_count(&shape)? != data.len() {
            return Err(format!("{} numbers for shape {shape:?}", data.len()));
        }
        Ok(Self { shape, data, dtype })
    }

    /// An array of zeros.
    ///
    /// # Errors
    /// It would be too large.
    pub fn zeros(shape: &[usize], dtype: Dtype) -> Result<Self, String> {
        Ok(Self {
            shape: shape.to_vec(),
            data: vec![0.0; element_count(shape)?],
            dtype,
        })
    }

    /// A vector of integers.
    #[must_use]
    pub fn integers(data: impl IntoIterator<Item = usize>) -> Self {
        let data: Vec<f64> = data.into_iter().map(|n| n as f64).collect();
        Self {
            shape: vec![data.len()],
            data,
            dtype: Dtype::I64,
        }
    }

    /// One number without axes.
    #[must_use]
    pub fn scalar(value: f64, dtype: Dtype) -> Self {
        Self {
            shape: Vec::new(),
            data: vec![value],
            dtype,
        }
    }

    /// The numbers of a constant, unrounded.
    ///
    /// # Errors
    /// Its element type is none of ours.
    pub fn of(value: &Value) -> Result<Self, String> {
        let (data, dtype) = match &value.data {
            Data::F32(data) => (data.iter().map(|x| f64::from(*x)).collect(), Dtype::F32),
            Data::F16(data) => (data.iter().map(|x| f64::from(*x)).collect(), Dtype::F16),
            Data::F64(data) => (data.clone(), Dtype::F64),
            Data::I64(data) => (data.iter().map(|x| *x as f64).collect(), Dtype::I64),
            Data::Integers(dtype, data) => (data.iter().map(|x| *x as f64).collect(), *dtype),
            Data::Other(dtype) => return Err(format!("{dtype} is not supported")),
        };
        Self::new(value.shape.clone(), data, dtype)
    }

    /// As a constant of its type: each number is rounded to it once.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let data = self.data.iter();
        Value {
            shape: self.shape.clone(),
            data: match self.dtype {
                Dtype::F32 => Data::F32(data.map(|x| *x as f32).collect()),
                Dtype::F16 => Data::F16(data.map(|x| Dtype::F16.cast(*x) as f32).collect()),
                Dtype::F64 => Data::F64(data.copied().collect()),
                Dtype::I64 => Data::I64(data.map(|x| *x as i64).collect()),
                dtype => Data::Integers(dtype, data.map(|x| *x as i64).collect()),
            },
        }
    }

    /// The numbers rounded to `float32`.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|x| *x as f32).collect()
    }

    /// Its only number.
    ///
    /// # Errors
    /// It has another count of numbers; `what` says which thing is wrong.
    pub fn only(&self, what: &str) -> Result<f64, String> {
        match self.data.as_slice() {
            [only] => Ok(*only),
            data => Err(format!("{what} has {} numbers, 1 is expected", data.len())),
        }
    }

    /// Each number on its own.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            shape: self.shape.clone(),
            data: self.data.iter().map(|x| f(*x)).collect(),
            dtype: self.dtype,
        }
    }

    /// The same numbers, called another type.
    #[must_use]
    pub fn typed(mut self, dtype: Dtype) -> Self {
        self.dtype = dtype;
        self
    }

    /// The same numbers, axes of other lengths.
    ///
    /// # Errors
    /// The number of elements differs.
    pub fn reshaped(&self, shape: Vec<usize>) -> Result<Self, String> {
        if element_count(&shape)? != self.data.len() {
            return Err(format!("{:?} cannot become {shape:?}", self.shape));
        }
        Ok(Self {
            shape,
            data: self.data.clone(),
            dtype: self.dtype,
        })
    }

    /// The elements that `strides` selects, in its shape.
    #[must_use]
    pub fn strided(&self, strides: &Strides) -> Self {
        Self {
            shape: strides.dims.clone(),
            data: strides.take(&self.data),
            dtype: self.dtype,
        }
    }

    /// Repeats along axes of length 1 to `shape`.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn broadcast(&self, shape: &[usize]) -> Result<Self, String> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        Ok(self.strided(&Strides::of(&self.shape).broadcast(shape)?))
    }

    /// `f` of each pair of numbers after broadcasting both; the type is that of `self`.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Result<Self, String> {
        let shape = broadcast_shape(&self.shape, &other.shape)?;
        let (a, b) = (self.broadcast(&shape)?, other.broadcast(&shape)?);
        let data = a.data.iter().zip(&b.data).map(|(a, b)| f(*a, *b)).collect();
        Ok(Self {
            shape,
            data,
            dtype: self.dtype,
        })
    }

    /// Axes in another order: axis `i` of the result is axis `order[i]`.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        self.strided(&Strides::of(&self.shape).permuted(order))
    }

    /// Rows and columns swapped; of two axes only.
    ///
    /// # Errors
    /// It has not two axes.
    pub fn transposed(&self) -> Result<Self, String> {
        self.two_axes()?;
        Ok(self.permuted(&[1, 0]))
    }

    /// Matrix product of two matrices.
    ///
    /// # Errors
    /// Their shapes do not fit.
    pub fn product(&self, other: &Self) -> Result<Self, String> {
        let ([rows, inner], [other_inner, columns]) = (self.two_axes()?, other.two_axes()?);
        if inner != other_inner {
            return Err(format!(
                "{:?} and {:?} cannot be multiplied",
                self.shape, other.shape
            ));
        }
        let mut data = vec![0.0; element_count(&[rows, columns])?];
        for row in 0..rows {
            let out = &mut data[row * columns..(row + 1) * columns];
            for k in 0..inner {
                let factor = self.data[row * inner + k];
                let line = &other.data[k * columns..(k + 1) * columns];
                for (out, weight) in out.iter_mut().zip(line) {
                    *out += factor * weight;
                }
            }
        }
        Ok(Self {
            shape: vec![rows, columns],
            data,
            dtype: self.dtype,
        })
    }

    fn two_axes(&self) -> Result<[usize; 2], String> {
        <[usize; 2]>::try_from(self.shape.as_slice())
            .map_err(|_| format!("shape {:?} is not that of a matrix", self.shape))
    }
}

/// Number of elements of a shape.
///
/// # Errors
/// There are more than [`MAX_LEN`].
pub fn element_count(shape: &[usize]) -> Result<usize, String> {
    let len = shape.iter().try_fold(1_usize, |len, n| len.checked_mul(*n));
    len.filter(|len| *len <= MAX_LEN)
        .ok_or_else(|| format!("shape {shape:?} has more than {MAX_LEN} elements"))
}

/// The shape that two shapes broadcast to.
///
/// # Errors
/// They do not.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(axis) => shape[axis],
        None => 1,
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        shape.push(match (length(a, axis), length(b, axis)) {
            (a, b) if a == b => a,
            (1, n) | (n, 1) => n,
            _ => return Err(format!("{a:?} and {b:?} do not broadcast")),
        });
    }
    element_count(&shape)?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize]) -> Array {
        let len: usize = shape.iter().product();
        let data = (0..len).map(|i| i as f64).collect();
        Array::new(shape.to_vec(), data, Dtype::F32).unwrap()
    }

    #[test]
    fn broadcasting_repeats_along_axes_of_length_one() {
        // numpy: np.arange(3).reshape(3, 1) + np.arange(2)
        let sum = array(&[3, 1]).zip(&array(&[2]), |a, b| a + b).unwrap();
        assert_eq!(sum.shape, [3, 2]);
        assert_eq!(sum.data, [0.0, 1.0, 1.0, 2.0, 2.0, 3.0]);
        assert!(array(&[3]).zip(&array(&[2]), |a, b| a + b).is_err());
        assert!(array(&[2]).broadcast(&[1, 2, 3]).is_err());
        let huge = array(&[9000, 1]).zip(&array(&[9000]), |a, b| a + b);
        assert!(huge.unwrap_err().contains("elements"));
    }

    #[test]
    fn a_product_is_rows_times_columns() {
        // numpy: np.arange(6).reshape(2, 3) @ np.arange(6).reshape(3, 2)
        let product = array(&[2, 3]).product(&array(&[3, 2])).unwrap();
        assert_eq!(product.data, [10.0, 13.0, 28.0, 40.0]);
        assert_eq!(
            array(&[2, 3]).transposed().unwrap().data,
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert!(array(&[2, 3]).product(&array(&[2, 3])).is_err());
    }
}

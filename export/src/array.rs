//! [`Array`]: a row-major `f64` array with NumPy's broadcasting, for the reference evaluation. Slow and plain on purpose.

use crate::graph::{Data, Value};

/// Elements an array has at most: a few broadcasts in a small file could ask for any number.
const MAX_LEN: usize = 1 << 26;

/// Lengths of axes and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of the axes, slowest first.
    pub shape: Vec<usize>,
    /// Row-major; integers are held exactly up to 2^53.
    pub data: Vec<f64>,
}

impl Array {
    /// An array of zeros.
    #[must_use]
    pub fn zeros(shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            data: vec![0.0; shape.iter().product()],
        }
    }

    /// The numbers of a constant, unrounded.
    ///
    /// # Errors
    /// Its element type is none of ours.
    pub fn of(value: &Value) -> Result<Self, String> {
        let data = match &value.data {
            Data::F32(data) => data.iter().map(|x| f64::from(*x)).collect(),
            Data::I64(data) => data.iter().map(|x| *x as f64).collect(),
            Data::Other(dtype) => return Err(format!("{dtype} is not supported")),
        };
        Ok(Self {
            shape: value.shape.clone(),
            data,
        })
    }

    /// Each number on its own.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            shape: self.shape.clone(),
            data: self.data.iter().map(|x| f(*x)).collect(),
        }
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
        })
    }

    /// Repeats along axes of length 1 to `shape`.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn broadcast(&self, shape: &[usize]) -> Result<Self, String> {
        let fits = self.shape.len() <= shape.len()
            && self
                .shape
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(own, n)| own == n || *own == 1);
        if !fits {
            return Err(format!("{:?} does not broadcast to {shape:?}", self.shape));
        }
        let len = element_count(shape)?;
        let mut data = Vec::with_capacity(len);
        for flat in 0..len {
            let (mut rest, mut index, mut step) = (flat, 0, 1);
            for (axis, n) in shape.iter().enumerate().rev() {
                let at = rest % n;
                rest /= n;
                let own = (axis + self.shape.len()).checked_sub(shape.len());
                if let Some(own) = own.map(|axis| self.shape[axis]) {
                    if own != 1 {
                        index += at * step;
                    }
                    step *= own;
                }
            }
            data.push(self.data[index]);
        }
        Ok(Self {
            shape: shape.to_vec(),
            data,
        })
    }

    /// `f` of each pair of numbers after broadcasting both.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Result<Self, String> {
        let shape = broadcast_shape(&self.shape, &other.shape)?;
        let (a, b) = (self.broadcast(&shape)?, other.broadcast(&shape)?);
        let data = a.data.iter().zip(&b.data).map(|(a, b)| f(*a, *b)).collect();
        Ok(Self { shape, data })
    }

    /// Rows and columns swapped; of two axes only.
    ///
    /// # Errors
    /// It has not two axes.
    pub fn transposed(&self) -> Result<Self, String> {
        let [rows, columns] = self.two_axes()?;
        let mut data = Vec::with_capacity(self.data.len());
        for column in 0..columns {
            data.extend((0..rows).map(|row| self.data[row * columns + column]));
        }
        Ok(Self {
            shape: vec![columns, rows],
            data,
        })
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
        })
    }

    fn two_axes(&self) -> Result<[usize; 2], String> {
        <[usize; 2]>::try_from(self.shape.as_slice())
            .map_err(|_| format!("shape {:?} is not that of a matrix", self.shape))
    }
}

/// Length of a vector is counted along its one axis that is not 1.
#[must_use]
pub fn is_vector(shape: &[usize]) -> bool {
    shape.iter().filter(|n| **n != 1).count() <= 1
}

fn element_count(shape: &[usize]) -> Result<usize, String> {
    let len = shape.iter().try_fold(1_usize, |len, n| len.checked_mul(*n));
    len.filter(|len| *len <= MAX_LEN)
        .ok_or_else(|| format!("shape {shape:?} has more than {MAX_LEN} elements"))
}

fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
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
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize]) -> Array {
        let len: usize = shape.iter().product();
        Array {
            shape: shape.to_vec(),
            data: (0..len).map(|i| i as f64).collect(),
        }
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

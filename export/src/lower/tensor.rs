//! [`Tensor`]: a value while an image is made: a constant, or a run of a buffer that operations write.

use std::rc::Rc;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::ops::Scheme;

/// A value with its shape.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// What the graph holds it as; the engine holds singles.
    pub dtype: Dtype,
    /// Where its numbers are.
    pub(super) place: Place,
}

/// Where the numbers of a [`Tensor`] are.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Known when the image is made; integers that it was dequantised from are kept.
    Constant(Rc<Array>, Option<Rc<Quantized>>),
    /// In a buffer, from a word on, row-major.
    Buffer(usize, usize),
    /// Whole numbers of 16 bits in a buffer of their own, less their zero point; times `scale` if that is known.
    Packed {
        buffer: usize,
        zero: i32,
        /// No number less its zero point is greater.
        greatest: f64,
        scale: Option<f32>,
    },
}

/// Integers that a constant was dequantised from.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// As in the file, in the shape of the constant.
    pub values: Array,
    /// What they stand for.
    pub scheme: Scheme,
}

impl Tensor {
    /// A constant.
    #[must_use]
    pub fn of(array: Array) -> Self {
        Self::quantized(array, None)
    }

    /// A constant, with the integers it was dequantised from.
    #[must_use]
    pub fn quantized(array: Array, quantized: Option<Rc<Quantized>>) -> Self {
        Self {
            shape: array.shape.clone(),
            dtype: array.dtype,
            place: Place::Constant(Rc::new(array), quantized),
        }
    }

    /// Its numbers, if they are known. The array may be of another shape of as many numbers.
    #[must_use]
    pub fn constant(&self) -> Option<&Array> {
        match &self.place {
            Place::Constant(array, _) => Some(array),
            _ => None,
        }
    }

    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same numbers in another shape of as many; any other shape is ignored.
    #[must_use]
    pub fn with_shape(mut self, shape: &[usize]) -> Self {
        if shape.iter().product::<usize>() != self.len() {
            return self;
        }
        if let Place::Constant(array, _) = &mut self.place
            && let Ok(reshaped) = array.reshaped(shape.to_vec())
            && array.shape != shape
        {
            *array = Rc::new(reshaped);
        }
        self.shape = shape.to_vec();
        self
    }

    /// Called another type.
    #[must_use]
    pub fn typed(mut self, dtype: Dtype) -> Self {
        self.dtype = dtype;
        self
    }
}

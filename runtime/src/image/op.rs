//! The operations of an image: how a writer states them ([`Layer`]), how they lie ([`OpRecord`]), how they are read
//! ([`Op`]).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ImageError;
use crate::nn::{Activation, dense, elementwise};

/// What an operation does; the discriminants are the codes of the format and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OpCode {
    /// `(x - mean) * std_reciprocal`
    Normalize = 1,
    /// `activation(W x + b)`
    Dense = 2,
    /// `x * scale + offset`
    ScaleShift = 3,
    /// `clamp(x, low, high)`
    Clamp = 4,
    /// `activation(x)`
    Activate = 5,
}

impl OpCode {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Normalize),
            2 => Some(Self::Dense),
            3 => Some(Self::ScaleShift),
            4 => Some(Self::Clamp),
            5 => Some(Self::Activate),
            _ => None,
        }
    }
}

/// An operation as a writer states it. Arrays are as long as the width at that place.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// `x = (x - mean) * std_reciprocal`, two roundings.
    Normalize {
        /// `[width]`
        mean: &'a [f32],
        /// `[width]`
        std_reciprocal: &'a [f32],
    },
    /// `y = activation(W x + b)`.
    Dense {
        /// `[out, in]`, row-major.
        weight: &'a [f32],
        /// `[out]`
        bias: &'a [f32],
        /// Applied to each output; `None` for none.
        activation: Option<Activation>,
    },
    /// `x = x * scale + offset`, two roundings.
    ScaleShift {
        /// `[width]`
        scale: &'a [f32],
        /// `[width]`
        offset: &'a [f32],
    },
    /// `x` moved into `[low, high]`.
    Clamp {
        /// `[width]`, may be negative infinity.
        low: &'a [f32],
        /// `[width]`, may be infinity.
        high: &'a [f32],
    },
    /// `x = activation(x)`.
    Activate(Activation),
}

/// An operation of an image, its numbers where they lie.
#[derive(Clone, Copy, Debug)]
pub enum Op<'a> {
    /// See [`Layer::Normalize`].
    Normalize {
        /// `[width]`
        mean: &'a [f32],
        /// `[width]`
        std_reciprocal: &'a [f32],
    },
    /// See [`Layer::Dense`].
    Dense(Dense<'a>),
    /// See [`Layer::ScaleShift`].
    ScaleShift {
        /// `[width]`
        scale: &'a [f32],
        /// `[width]`
        offset: &'a [f32],
    },
    /// See [`Layer::Clamp`].
    Clamp {
        /// `[width]`
        low: &'a [f32],
        /// `[width]`
        high: &'a [f32],
    },
    /// See [`Layer::Activate`].
    Activate {
        /// Which function.
        activation: Activation,
        /// Of how many numbers.
        width: usize,
    },
}

/// A dense layer of an image.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    /// Numbers in.
    pub input_dim: usize,
    /// In panels, see [`nn::dense`](crate::nn::dense).
    pub panels: &'a [f32],
    /// `[out]`
    pub bias: &'a [f32],
    /// Applied to each output.
    pub activation: Option<Activation>,
}

impl Dense<'_> {
    /// Numbers out.
    #[must_use]
    pub fn output_dim(&self) -> usize {
        self.bias.len()
    }

    /// The weight from input `i` to output `o`, `None` outside of the layer.
    #[must_use]
    pub fn weight(&self, o: usize, i: usize) -> Option<f32> {
        if o >= self.output_dim() || i >= self.input_dim {
            return None;
        }
        let index = dense::weight_index(self.input_dim, self.output_dim(), o, i);
        self.panels.get(index).copied()
    }
}

impl Op<'_> {
    /// Numbers in.
    #[must_use]
    pub fn input_dim(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.input_dim,
            Self::Normalize { mean: array, .. }
            | Self::ScaleShift { scale: array, .. }
            | Self::Clamp { low: array, .. } => array.len(),
            Self::Activate { width, .. } => *width,
        }
    }

    /// Numbers out.
    #[must_use]
    pub fn output_dim(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.output_dim(),
            _ => self.input_dim(),
        }
    }

    /// Runs on the first [`input_dim`](Self::input_dim) numbers of `current`. A dense layer answers in `other` and
    /// the two change places, so that the answer is always in `current`.
    pub(super) fn run<'b>(
        &self,
        current: &mut &'b mut [f32],
        other: &mut &'b mut [f32],
    ) -> Option<()> {
        let input = current.get_mut(..self.input_dim())?;
        match self {
            Self::Normalize {
                mean,
                std_reciprocal,
            } => elementwise::normalize(input, mean, std_reciprocal),
            Self::ScaleShift { scale, offset } => elementwise::scale_shift(input, scale, offset),
            Self::Clamp { low, high } => elementwise::clamp(input, low, high),
            Self::Activate { activation, .. } => activation.apply(input),
            Self::Dense(layer) => {
                let output = other.get_mut(..layer.output_dim())?;
                dense::dense(layer.panels, layer.bias, input, output);
                if let Some(activation) = layer.activation {
                    activation.apply(output);
                }
                core::mem::swap(current, other);
            }
        }
        Some(())
    }

    /// Checks every number of an operation.
    pub(super) fn check_numbers(&self, index: usize) -> Result<(), ImageError> {
        let number = |what, expected, holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(ImageError::Number {
                    index,
                    what,
                    expected,
                })
            }
        };
        match self {
            Self::Normalize {
                mean,
                std_reciprocal,
            } => {
                number("mean", "finite", finite(mean))?;
                number("std_reciprocal", "finite", finite(std_reciprocal))
            }
            Self::Dense(layer) => {
                number("weight", "finite", finite(layer.panels))?;
                number("bias", "finite", finite(layer.bias))
            }
            Self::ScaleShift { scale, offset } => {
                number("scale", "finite", finite(scale))?;
                number("offset", "finite", finite(offset))
            }
            Self::Clamp { low, high } => {
                let ordered = low.iter().zip(*high).all(|(low, high)| low <= high);
                number("bounds", "low not above high", ordered)
            }
            Self::Activate { .. } => Ok(()),
        }
    }
}

fn finite(numbers: &[f32]) -> bool {
    numbers.iter().all(|number| number.is_finite())
}

/// An operation as it lies in the image.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct OpRecord {
    pub code: u8,
    /// Code of the activation, 0 for none.
    pub activation: u8,
    /// Type of the weights, 0 for f32.
    pub dtype: u8,
    pub reserved: u8,
    pub input_dim: u32,
    pub output_dim: u32,
    /// Where the first array starts, in numbers from the start of the weight section.
    pub first: u32,
    /// Where the second array starts.
    pub second: u32,
}

/// Type of the weights: the only one this version knows.
const DTYPE_F32: u8 = 0;

/// Arrays start at multiples of this many numbers, which is [`ALIGNMENT`](super::ALIGNMENT) bytes.
pub(super) const ARRAY_ALIGNMENT: usize = super::ALIGNMENT / size_of::<f32>();

impl OpRecord {
    /// Reads a record whose fields are known to be right; `None` where they are not.
    pub fn op<'a>(&self, weights: &'a [f32]) -> Option<Op<'a>> {
        let code = OpCode::from_code(self.code)?;
        let (input_dim, output_dim) = (self.input_dim as usize, self.output_dim as usize);
        let first_len = match code {
            OpCode::Dense => dense::weight_len(input_dim, output_dim)?,
            _ => input_dim,
        };
        let first = || weights.get(self.first as usize..)?.get(..first_len);
        let second = || weights.get(self.second as usize..)?.get(..output_dim);
        Some(match code {
            OpCode::Normalize => Op::Normalize {
                mean: first()?,
                std_reciprocal: second()?,
            },
            OpCode::Dense => Op::Dense(Dense {
                input_dim,
                panels: first()?,
                bias: second()?,
                activation: Activation::from_code(self.activation),
            }),
            OpCode::ScaleShift => Op::ScaleShift {
                scale: first()?,
                offset: second()?,
            },
            OpCode::Clamp => Op::Clamp {
                low: first()?,
                high: second()?,
            },
            OpCode::Activate => Op::Activate {
                activation: Activation::from_code(self.activation)?,
                width: input_dim,
            },
        })
    }

    /// Checks every field, and the numbers the record points at.
    pub fn check<'a>(&self, index: usize, weights: &'a [f32]) -> Result<Op<'a>, ImageError> {
        let Some(op) = OpCode::from_code(self.code) else {
            return Err(ImageError::UnknownOp {
                index,
                code: self.code,
            });
        };
        let optional = op == OpCode::Dense && self.activation == 0;
        let absent = !matches!(op, OpCode::Dense | OpCode::Activate) && self.activation == 0;
        let activation_holds = optional || absent || {
            matches!(op, OpCode::Dense | OpCode::Activate)
                && Activation::from_code(self.activation).is_some()
        };
        for (field, value, holds) in [
            ("activation", self.activation, activation_holds),
            ("number type", self.dtype, self.dtype == DTYPE_F32),
            ("reserved byte", self.reserved, self.reserved == 0),
        ] {
            if !holds {
                return Err(ImageError::UnknownField {
                    index,
                    op,
                    field,
                    value,
                });
            }
        }
        if op != OpCode::Dense && self.input_dim != self.output_dim {
            return Err(ImageError::Width {
                index,
                what: "output",
                expected: self.input_dim as usize,
                found: self.output_dim as usize,
            });
        }
        let starts = [self.first as usize, self.second as usize];
        let aligned = starts
            .iter()
            .all(|start| start.is_multiple_of(ARRAY_ALIGNMENT));
        let viewed = self.op(weights).filter(|_| aligned);
        let viewed = viewed.ok_or(ImageError::Weights { index })?;
        viewed.check_numbers(index)?;
        Ok(viewed)
    }
}

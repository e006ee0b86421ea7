//! [`Chain`]: a program for layers that follow one another, for networks written by hand. What comes from an ONNX file is laid out by the
//! exporter.

use alloc::vec::Vec;

use super::{Constants, ImageError, Op, OpCode, Place, Port, ProgramSource, WeightType};
use crate::nn::{Function, ZipFunction};

/// A layer of a chain. Arrays are as long as the width at that place.
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
        activation: Option<Function>,
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
    Activate(Function),
}

/// Layers as operations that work in two places by turns.
#[derive(Clone, Debug)]
pub struct Chain {
    ops: Vec<Op>,
    constants: Constants,
    inputs: [Port<'static>; 1],
    outputs: [Port<'static>; 1],
    arena_len: u32,
}

impl Chain {
    /// Lays out layers, first layer first, for an observation of `width` numbers.
    ///
    /// # Errors
    /// [`ImageError::Width`] where an array does not fit its place, [`ImageError::Missing`] for a layer without outputs.
    pub fn new(width: usize, layers: &[Layer<'_>]) -> Result<Self, ImageError> {
        let widest = layers.iter().fold(width, |widest, layer| match layer {
            Layer::Dense { bias, .. } => widest.max(bias.len()),
            _ => widest,
        });
        let mut builder = Builder {
            ops: Vec::new(),
            constants: Constants::new(),
            place: 0,
            other: small(widest)?,
            width,
        };
        let input = builder.port("observation")?;
        for (index, layer) in layers.iter().enumerate() {
            builder.push(index, layer)?;
        }
        let output = builder.port("action")?;
        Ok(Self {
            ops: builder.ops,
            constants: builder.constants,
            inputs: [input],
            outputs: [output],
            arena_len: small(widest.saturating_mul(2))?,
        })
    }

    /// What an image is written of.
    #[must_use]
    pub fn source(&self) -> ProgramSource<'_> {
        ProgramSource {
            ops: &self.ops,
            constants: self.constants.words(),
            inputs: &self.inputs,
            outputs: &self.outputs,
            arena_len: self.arena_len,
            state_len: 0,
        }
    }
}

struct Builder {
    ops: Vec<Op>,
    constants: Constants,
    place: u32,
    other: u32,
    width: usize,
}

impl Builder {
    fn push(&mut self, index: usize, layer: &Layer<'_>) -> Result<(), ImageError> {
        match layer {
            Layer::Normalize {
                mean,
                std_reciprocal,
            } => {
                self.zip(index, "mean", ZipFunction::Sub, mean)?;
                self.zip(index, "std_reciprocal", ZipFunction::Mul, std_reciprocal)
            }
            Layer::ScaleShift { scale, offset } => {
                self.zip(index, "scale", ZipFunction::Mul, scale)?;
                self.zip(index, "offset", ZipFunction::Add, offset)
            }
            Layer::Clamp { low, high } => {
                self.zip(index, "low", ZipFunction::Max, low)?;
                self.zip(index, "high", ZipFunction::Min, high)
            }
            Layer::Activate(function) => {
                let op = Op {
                    function: function.code(),
                    n: [small(self.width)?, 0, 0, 0],
                    ..self.op(OpCode::Map)
                };
                self.ops.push(op);
                Ok(())
            }
            Layer::Dense {
                weight,
                bias,
                activation,
            } => self.dense(index, weight, bias, *activation),
        }
    }

    fn zip(
        &mut self,
        index: usize,
        what: &'static str,
        function: ZipFunction,
        array: &[f32],
    ) -> Result<(), ImageError> {
        expect_len(index, what, self.width, array.len())?;
        let op = Op {
            function: function.code(),
            b: self.constants.f32(array)?,
            n: [1, small(self.width)?, 1, 0],
            ..self.op(OpCode::Zip)
        };
        self.ops.push(op);
        Ok(())
    }

    fn dense(
        &mut self,
        index: usize,
        weight: &[f32],
        bias: &[f32],
        activation: Option<Function>,
    ) -> Result<(), ImageError> {
        let (inputs, outputs) = (self.width, bias.len());
        if outputs == 0 {
            return Err(ImageError::Missing("outputs of a layer"));
        }
        expect_len(
            index,
            "weight",
            inputs.saturating_mul(outputs),
            weight.len(),
        )?;
        let op = Op {
            function: activation.map_or(0, Function::code),
            out: self.other,
            b: self.constants.panels(weight, inputs, outputs)?,
            c: self.constants.f32(bias)?,
            n: [small(inputs)?, small(outputs)?, 1, 0],
            ..self.op(OpCode::Dense)
        };
        self.ops.push(op);
        core::mem::swap(&mut self.place, &mut self.other);
        self.width = outputs;
        Ok(())
    }

    /// An operation on the current place.
    fn op(&self, code: OpCode) -> Op {
        Op {
            code,
            function: 0,
            weights: WeightType::F32,
            out: self.place,
            a: Place::Arena(self.place),
            b: Place::None,
            c: Place::None,
            n: [0; 4],
            // The factor of an ELU or of the slope of none; other activations here have no parameter.
            p: [1.0, 0.0],
        }
    }

    fn port(&self, name: &'static str) -> Result<Port<'static>, ImageError> {
        Ok(Port {
            name,
            shape: "",
            place: Place::Arena(self.place),
            len: small(self.width)?,
        })
    }
}

fn expect_len(
    index: usize,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), ImageError> {
    if expected == found {
        return Ok(());
    }
    Err(ImageError::Width {
        index,
        what,
        expected,
        found,
    })
}

fn small(value: usize) -> Result<u32, ImageError> {
    u32::try_from(value).map_err(|_| ImageError::TooLarge {
        what: "layer width",
    })
}

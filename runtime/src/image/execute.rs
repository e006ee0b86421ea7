//! One operation in its memory: finds the operands and calls the kernel.

#[cfg(feature = "quantized")]
use super::WeightType;
#[cfg(any(feature = "tensor", feature = "quantized"))]
use zerocopy::{FromBytes, IntoBytes};

use super::op::Extents;
use super::{Op, OpCode, Place};
use crate::nn::{Function, ZipFunction, dense};
#[cfg(feature = "tensor")]
use crate::nn::{arg_max, copy, gather, layer_norm, matmul, reduce::Reduction, select, softmax};
#[cfg(feature = "quantized")]
use crate::nn::{
    dense_half,
    dense_quantized::{Output, dense_i8, dense_i16},
    quantize::{QuantizedType, dequantize, quantize},
};

/// The arena around the place an operation writes, and the constants.
pub(super) struct Memory<'m> {
    before: &'m [f32],
    out: &'m mut [f32],
    after: &'m [f32],
    constants: &'m [f32],
}

impl<'m> Memory<'m> {
    /// `None` where the result lies outside of the arena.
    pub fn split(
        arena: &'m mut [f32],
        constants: &'m [f32],
        start: u32,
        len: usize,
    ) -> Option<Self> {
        let (before, rest) = arena.split_at_mut_checked(start as usize)?;
        let (out, after) = rest.split_at_mut_checked(len)?;
        Some(Self {
            before,
            out,
            after,
            constants,
        })
    }

    /// Runs the operation; `None` where an operand is missing, which [`check`](super::check) has ruled out.
    pub fn execute(self, op: &Op, extents: Extents) -> Option<()> {
        #[cfg(feature = "tensor")]
        let constants = self.constants;
        let a = self.operand(op.a, extents.a, op.out);
        let b = self.operand(op.b, extents.b, op.out);
        let c = self.operand(op.c, extents.c, op.out);
        let out = self.out;
        let [n0, n1, n2, n3] = op.n.map(|n| n as usize);
        match op.code {
            OpCode::Dense => {
                let (input, weight) = (a?, b?);
                let rows = input.chunks(n0.max(1)).zip(out.chunks_mut(n1.max(1)));
                for (row, (input, output)) in rows.enumerate() {
                    let bias = c.unwrap_or_default();
                    let bias = match op.c {
                        Place::Arena(_) => bias.get(row * n1..).unwrap_or_default(),
                        _ => bias,
                    };
                    match (op.weights, bias.get(..output.len())) {
                        #[cfg(feature = "quantized")]
                        (WeightType::F16, bias) => {
                            start_with(bias, output);
                            dense_half::accumulate(halves(weight)?, input, output);
                        }
                        (_, Some(bias)) => dense::dense(weight, bias, input, output),
                        (_, None) => {
                            output.fill(0.0);
                            dense::accumulate(weight, input, output);
                        }
                    }
                }
                activate(op, out);
            }
            OpCode::Map => {
                fill(op.a, op.out, a, out);
                Function::from_code(op.function)?.apply(op.p, out);
            }
            OpCode::Zip => {
                fill(op.a, op.out, a, out);
                let function = ZipFunction::from_code(op.function)?;
                function.apply(n3 != 0, [n0, n1, n2], out, b?);
            }
            #[cfg(feature = "tensor")]
            OpCode::Select => select::select(a?, b?, c?, out),
            #[cfg(feature = "tensor")]
            OpCode::Copy => copy::copy(whole(b?)?, a?, out),
            #[cfg(feature = "tensor")]
            OpCode::Gather => gather::gather(b?, a?, [n1, n2], out),
            #[cfg(feature = "tensor")]
            OpCode::MatMul => matmul::matmul(a?, b?, [n0, n1, n2], out),
            #[cfg(feature = "tensor")]
            OpCode::Conv => {
                let shape = op.conv_shape(constants)?;
                shape.run(a?, b?, c.unwrap_or_default(), out);
                activate(op, out);
            }
            #[cfg(feature = "tensor")]
            OpCode::Reduce => Reduction::from_code(op.function)?.apply(a?, [n1, n2], out),
            #[cfg(feature = "tensor")]
            OpCode::Softmax => softmax::softmax(op.function == 1, a?, [n1, n2], out),
            #[cfg(feature = "tensor")]
            OpCode::LayerNorm => {
                let [epsilon, _] = op.p;
                layer_norm::layer_norm(a?, n1, epsilon, b, c, out);
            }
            #[cfg(feature = "tensor")]
            OpCode::ArgMax => arg_max::arg_max(op.function, a?, [n1, n2], out),
            #[cfg(feature = "quantized")]
            OpCode::Quantize => {
                let [scale, zero_point] = op.p;
                let integers = QuantizedType::from_code(op.function)?;
                quantize(integers, scale, zero_point, a?, halves_mut(out)?);
            }
            #[cfg(feature = "quantized")]
            OpCode::Dequantize => {
                let [scale, _] = op.p;
                dequantize(scale, activations(a?)?, out);
            }
            #[cfg(feature = "quantized")]
            OpCode::DenseQuantized => {
                let multipliers = self.constants.get(n3..)?.get(..n1)?;
                dense_quantized(op, a?, b?, c?, multipliers, out)?;
            }
            #[cfg(not(all(feature = "tensor", feature = "quantized")))]
            _ => return None,
        }
        Some(())
    }

    /// An operand of `len` words; the result starts at `out`.
    fn operand(&self, place: Place, len: usize, out: u32) -> Option<&'m [f32]> {
        let (memory, start) = match place {
            Place::None => return None,
            Place::Constant(start) => (self.constants, start as usize),
            Place::Arena(start) if start < out => (self.before, start as usize),
            Place::Arena(start) => {
                let after = (out as usize).checked_add(self.out.len())?;
                (self.after, (start as usize).checked_sub(after)?)
            }
        };
        memory.get(start..)?.get(..len)
    }
}

/// Sums start at their bias, at 0 where there is none.
#[cfg(feature = "quantized")]
fn start_with(bias: Option<&[f32]>, sums: &mut [f32]) {
    match bias.filter(|bias| bias.len() == sums.len()) {
        Some(bias) => sums.copy_from_slice(bias),
        None => sums.fill(0.0),
    }
}

/// Applies the activation of a layer, if it has one.
fn activate(op: &Op, values: &mut [f32]) {
    if let Some(function) = Function::from_code(op.function) {
        function.apply(op.p, values);
    }
}

/// Words of the constants as whole numbers.
#[cfg(any(feature = "tensor", feature = "quantized"))]
pub(super) fn whole(words: &[f32]) -> Option<&[i32]> {
    FromBytes::ref_from_bytes(words.as_bytes()).ok()
}

/// A layer in integers, row by row.
#[cfg(feature = "quantized")]
fn dense_quantized(
    op: &Op,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    multipliers: &[f32],
    out: &mut [f32],
) -> Option<()> {
    let [inputs, outputs, ..] = op.n.map(|n| n as usize);
    let bias = whole(bias)?;
    let row_words = match op.function {
        0 => outputs.div_ceil(2),
        _ => outputs,
    };
    let rows = input.chunks(inputs.div_ceil(2).max(1));
    for (input, out) in rows.zip(out.chunks_mut(row_words.max(1))) {
        let input = activations(input)?;
        let output = match op.function {
            0 => {
                let [low, high] = op.p;
                Output::Integers {
                    values: halves_mut(out)?,
                    low: low as i16,
                    high: high as i16,
                }
            }
            _ => Output::Reals(out),
        };
        match op.weights {
            WeightType::I16 => dense_i16(activations(weight)?, bias, multipliers, input, output),
            _ => dense_i8(weight.as_bytes(), bias, multipliers, input, output),
        }
    }
    Some(())
}

/// Words of the arena as activations of 16 bits, or of the constants as weights of 16 bits.
#[cfg(feature = "quantized")]
fn activations(words: &[f32]) -> Option<&[i16]> {
    FromBytes::ref_from_bytes(words.as_bytes()).ok()
}

/// Words of the arena as activations to write.
#[cfg(feature = "quantized")]
fn halves_mut(words: &mut [f32]) -> Option<&mut [i16]> {
    FromBytes::mut_from_bytes(words.as_mut_bytes()).ok()
}

/// Words of the constants as halves.
#[cfg(feature = "quantized")]
pub(super) fn halves(words: &[f32]) -> Option<&[u16]> {
    FromBytes::ref_from_bytes(words.as_bytes()).ok()
}

/// Puts the first operand where the result goes, unless it is there.
fn fill(a: Place, out: u32, operand: Option<&[f32]>, result: &mut [f32]) {
    if a != Place::Arena(out) {
        for (to, from) in result.iter_mut().zip(operand.unwrap_or_default()) {
            *to = *from;
        }
    }
}

/// Whether an operation's function exists, in some build.
pub(super) fn function_is_known(op: &Op) -> bool {
    let known = match op.code {
        OpCode::Dense | OpCode::Conv if op.function == 0 => return true,
        OpCode::Dense | OpCode::Conv | OpCode::Map => {
            return Function::from_code(op.function).is_some();
        }
        OpCode::Zip => return ZipFunction::from_code(op.function).is_some(),
        OpCode::Reduce => 1..=8,
        OpCode::Softmax | OpCode::DenseQuantized => 0..=1,
        OpCode::ArgMax => 0..=3,
        OpCode::Quantize => 0..=3,
        _ => 0..=0,
    };
    known.contains(&op.function)
}

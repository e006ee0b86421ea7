//! One operation in its memory: borrows the operands and calls the kernel. What [`check`](super::check) has seen is not looked
//! at again: lengths are as they lie in the record.

#[cfg(any(feature = "tensor", feature = "half", feature = "quantized"))]
use zerocopy::{FromBytes, IntoBytes};

#[cfg(any(feature = "half", feature = "quantized"))]
use super::WeightType;
use super::op::OpRecord;
use super::slot::Memory;
use super::{Op, OpCode};
#[cfg(feature = "half")]
use crate::nn::dense_half;
use crate::nn::{Function, ZipFunction, dense};
#[cfg(feature = "tensor")]
use crate::nn::{
    arg_max, conv, copy, gather, layer_norm, matmul, reduce::Reduction, select, softmax,
};
#[cfg(feature = "quantized")]
use crate::nn::{
    dense_quantized::{Output, dense_i8, dense_i16},
    quantize::{QuantizedType, dequantize, quantize},
};

impl OpRecord {
    /// Runs the operation; `None` where an operand is missing, which [`check`](super::check) has ruled out.
    #[inline]
    pub(super) fn run(&self, arena: &mut [f32], constants: &[f32]) -> Option<()> {
        let (out, memory) = Memory::around(self.out, arena, constants)?;
        let [a, b, c] = self.operands;
        let in_place = a.place == self.out.place;
        // Only Map and Zip answer where their operand lies, and do not ask for it there.
        let a = if in_place { &[] } else { memory.operand(a)? };
        let (b, c) = (memory.operand(b)?, memory.operand(c)?);
        match OpCode::from_code(self.code)? {
            OpCode::Dense => {
                self.dense(a, b, c, out)?;
                self.activate(out)?;
            }
            OpCode::Map => {
                start_with(a, out);
                Function::from_code(self.function)?.apply(self.p, out);
            }
            #[cfg(feature = "zip")]
            OpCode::Zip => {
                start_with(a, out);
                let [n0, n1, n2, n3] = self.n;
                let lengths = [n0, n1, n2].map(|n| n as usize);
                ZipFunction::from_code(self.function)?.apply(n3 != 0, lengths, out, b);
            }
            #[cfg(feature = "quantized")]
            OpCode::Quantize => {
                let [scale, zero_point] = self.p;
                let integers = QuantizedType::from_code(self.function)?;
                quantize(integers, scale, zero_point, a, halves_mut(out)?);
            }
            #[cfg(feature = "quantized")]
            OpCode::Dequantize => {
                let [scale, _] = self.p;
                dequantize(scale, activations(a)?, out);
            }
            #[cfg(feature = "quantized")]
            OpCode::DenseQuantized => {
                let [_, n1, _, n3] = self.n.map(|n| n as usize);
                let multipliers = constants.get(n3..)?.get(..n1)?;
                self.dense_quantized(a, b, c, multipliers, out)?;
            }
            #[cfg(feature = "tensor")]
            code => self.tensor(code, [a, b, c], constants, out)?,
            #[cfg(not(feature = "tensor"))]
            _ => return None,
        }
        Some(())
    }

    /// A layer of singles or halves, row by row. The bias is one for all rows, or one for each, or left out.
    #[inline]
    fn dense(&self, input: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) -> Option<()> {
        let [inputs, outputs, rows, _] = self.n.map(|n| n as usize);
        let each_row = bias.len() == out.len();
        let (mut input, mut bias, mut out) = (input, bias, out);
        for _ in 0..rows {
            let (row, later) = input.split_at_checked(inputs)?;
            let (output, below) = out.split_at_mut_checked(outputs)?;
            self.dense_row(row, weight, bias.get(..outputs).unwrap_or_default(), output)?;
            (input, out) = (later, below);
            if each_row {
                bias = bias.get(outputs..)?;
            }
        }
        Some(())
    }

    #[inline]
    fn dense_row(
        &self,
        input: &[f32],
        weight: &[f32],
        bias: &[f32],
        output: &mut [f32],
    ) -> Option<()> {
        #[cfg(feature = "half")]
        if self.weights == WeightType::F16 as u8 {
            start_with(bias, output);
            if bias.is_empty() {
                output.fill(0.0);
            }
            dense_half::accumulate(halves(weight)?, input, output);
            return Some(());
        }
        if bias.is_empty() {
            output.fill(0.0);
            dense::accumulate(weight, input, output);
        } else {
            dense::dense(weight, bias, input, output);
        }
        Some(())
    }

    /// Applies the activation of a layer, if it has one.
    #[inline]
    fn activate(&self, values: &mut [f32]) -> Option<()> {
        if self.function != 0 {
            Function::from_code(self.function)?.apply(self.p, values);
        }
        Some(())
    }

    /// A layer in integers, row by row.
    #[cfg(feature = "quantized")]
    fn dense_quantized(
        &self,
        input: &[f32],
        weight: &[f32],
        bias: &[f32],
        multipliers: &[f32],
        out: &mut [f32],
    ) -> Option<()> {
        let [inputs, outputs, ..] = self.n.map(|n| n as usize);
        let bias = whole(bias)?;
        let row_words = match self.function {
            0 => outputs.div_ceil(2),
            _ => outputs,
        };
        let rows = input.chunks(inputs.div_ceil(2).max(1));
        for (input, out) in rows.zip(out.chunks_mut(row_words.max(1))) {
            let input = activations(input)?;
            let output = match self.function {
                0 => {
                    let [low, high] = self.p;
                    Output::Integers {
                        values: halves_mut(out)?,
                        low: low as i16,
                        high: high as i16,
                    }
                }
                _ => Output::Reals(out),
            };
            if self.weights == WeightType::I16 as u8 {
                dense_i16(activations(weight)?, bias, multipliers, input, output);
            } else {
                dense_i8(weight.as_bytes(), bias, multipliers, input, output);
            }
        }
        Some(())
    }

    /// The operations that networks other than perceptrons and recurrent cells need.
    #[cfg(feature = "tensor")]
    #[inline(never)]
    fn tensor(
        &self,
        code: OpCode,
        [a, b, c]: [&[f32]; 3],
        constants: &[f32],
        out: &mut [f32],
    ) -> Option<()> {
        let [n0, n1, n2, _] = self.n.map(|n| n as usize);
        match code {
            OpCode::Select => select::select(a, b, c, out),
            OpCode::Copy => copy::copy(whole(b)?, a, out),
            OpCode::Gather => gather::gather(b, a, [n1, n2], out),
            OpCode::MatMul => matmul::matmul(a, b, [n0, n1, n2], out),
            OpCode::Conv => {
                let words = super::op::conv_words(n0, constants)?;
                conv::ConvShape::from_words(words).run(a, b, c, out);
                self.activate(out)?;
            }
            OpCode::Reduce => Reduction::from_code(self.function)?.apply(a, [n1, n2], out),
            OpCode::Softmax => softmax::softmax(self.function == 1, a, [n1, n2], out),
            OpCode::LayerNorm => {
                let [epsilon, _] = self.p;
                let [scale, bias] = [b, c].map(|slice| (!slice.is_empty()).then_some(slice));
                layer_norm::layer_norm(a, n1, epsilon, scale, bias, out);
            }
            OpCode::ArgMax => arg_max::arg_max(self.function, a, [n1, n2], out),
            _ => return None,
        }
        Some(())
    }
}

/// Puts numbers where a result goes, if there are any.
#[inline]
fn start_with(numbers: &[f32], result: &mut [f32]) {
    if numbers.len() == result.len() {
        result.copy_from_slice(numbers);
    }
}

/// Words of the constants as whole numbers.
#[cfg(any(feature = "tensor", feature = "quantized"))]
pub(super) fn whole(words: &[f32]) -> Option<&[i32]> {
    FromBytes::ref_from_bytes(words.as_bytes()).ok()
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
#[cfg(feature = "half")]
pub(super) fn halves(words: &[f32]) -> Option<&[u16]> {
    FromBytes::ref_from_bytes(words.as_bytes()).ok()
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

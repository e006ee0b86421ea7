//! Integer arithmetic of the [`Builder`]: 16-bit activations, layers with 8-bit weights.

use rlfd_runtime::image::{OpCode, WeightType};

use super::builder::{Bias, Builder};
use super::step::{Operand, Run, Stored};
use super::tensor::{Place, Tensor};
use crate::dtype::Dtype;

impl Builder {
    /// `x` as whole numbers; `function` says of how many bits.
    pub fn quantize(
        &mut self,
        x: &Tensor,
        function: u8,
        scale: f32,
        zero: i32,
        dtype: Dtype,
    ) -> Tensor {
        let a = self.operand(x);
        let out = self.packed(&x.shape, x.len().div_ceil(2), zero, dtype);
        self.push(
            OpCode::Quantize,
            function,
            [a, Operand::None, Operand::None],
            &out,
            [x.len(), 0, 0, 0],
        );
        self.last(|step| step.p = [scale, zero as f32]);
        out
    }

    fn packed(&mut self, shape: &[usize], words: usize, zero: i32, dtype: Dtype) -> Tensor {
        self.buffers.push(words);
        Tensor {
            shape: shape.to_vec(),
            dtype,
            place: Place::Packed {
                buffer: self.buffers.len() - 1,
                zero,
                greatest: dtype
                    .range()
                    .map_or(f64::INFINITY, |(low, high)| high - low),
                scale: None,
            },
        }
    }

    /// Quantised numbers times their scale, computed where somebody needs them; `None` if `x` is not quantised so.
    pub fn dequantized(&mut self, x: &Tensor, scale: f32, zero: i32) -> Option<Tensor> {
        match x.place {
            Place::Packed {
                buffer,
                zero: own,
                greatest,
                scale: None,
            } if own == zero => Some(Tensor {
                shape: x.shape.clone(),
                dtype: Dtype::F32,
                place: Place::Packed {
                    buffer,
                    zero,
                    greatest,
                    scale: Some(scale),
                },
            }),
            _ => None,
        }
    }

    /// A layer whose input and weights are both dequantised integers, computed in integers; `None` for any other one. `b` is
    /// `[outputs, inputs]` or, not `by_output`, `[inputs, outputs]`.
    ///
    /// # Errors
    /// A bias is not finite.
    pub fn dense_quantized(
        &mut self,
        a: &Tensor,
        b: &Tensor,
        by_output: bool,
        alpha: f32,
        bias: &Bias,
    ) -> Result<Option<Tensor>, String> {
        let (
            Place::Packed {
                buffer,
                greatest,
                scale: Some(scale),
                ..
            },
            Place::Constant(array, Some(quantized)),
        ) = (&a.place, &b.place)
        else {
            return Ok(None);
        };
        let &[first, second] = array.shape.as_slice() else {
            return Ok(None);
        };
        if quantized.values.shape != array.shape || alpha != 1.0 {
            return Ok(None);
        }
        let (outputs, inputs) = if by_output {
            (first, second)
        } else {
            (second, first)
        };
        let rows = a.len() / inputs.max(1);
        // Rows of whole words only.
        if rows > 1 && !inputs.is_multiple_of(2) {
            return Ok(None);
        }
        let along_outputs = if by_output {
            [outputs, 1]
        } else {
            [1, outputs]
        };
        let wide =
            |array: &crate::array::Array| array.broadcast(&along_outputs).map(|wide| wide.data);
        let (Ok(scales), Ok(zeros)) = (wide(&quantized.scheme.scale), wide(&quantized.scheme.zero))
        else {
            return Ok(None);
        };
        let multipliers: Vec<f32> = scales.iter().map(|s| scale * *s as f32).collect();
        let mut weight = Vec::with_capacity(inputs * outputs);
        for (output, zero) in zeros.iter().enumerate() {
            for input in 0..inputs {
                let at = if by_output {
                    output * inputs + input
                } else {
                    input * outputs + output
                };
                let value = quantized.values.data[at] - zero;
                if !(-128.0..=127.0).contains(&value) {
                    return Ok(None);
                }
                weight.push(value as i8);
            }
        }
        let biases = match bias {
            Bias::None => vec![0.0; outputs],
            Bias::Constant(bias) => bias.clone(),
            Bias::Tensor(_) => return Ok(None),
        };
        let steps =
            |(bias, unit): (&f32, &f32)| (f64::from(*bias) / f64::from(*unit)).round_ties_even();
        let biases: Vec<f64> = biases.iter().zip(&multipliers).map(steps).collect();
        for (row, bias) in weight.chunks_exact(inputs.max(1)).zip(&biases) {
            let sum: f64 = row.iter().map(|w| f64::from(*w).abs()).sum();
            let largest = sum * greatest + bias.abs();
            if largest.is_nan() || largest > f64::from(i32::MAX) {
                return Ok(None);
            }
        }
        let words = self.buffers[*buffer];
        let input = Operand::Run(Run {
            buffer: *buffer,
            start: 0,
            len: words,
        });
        let weight = self.store(Stored::Pairs { weight, outputs });
        let biases = self.store(Stored::I32(biases.iter().map(|x| *x as i32).collect()));
        let Operand::Constant(multipliers) = self.store(Stored::F32(multipliers)) else {
            return Ok(None);
        };
        let out = self.fresh(&[rows, outputs], Dtype::F32);
        self.push(
            OpCode::DenseQuantized,
            1,
            [input, weight, biases],
            &out,
            [inputs, outputs, rows, 0],
        );
        self.last(|step| {
            step.weights = WeightType::I8;
            step.extra = Some((3, multipliers));
            step.p = [0.0; 2];
        });
        Ok(Some(out))
    }
}

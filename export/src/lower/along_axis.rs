//! Steps of the [`Builder`] that run along one axis: reductions, softmax, normalisation of rows.

use rlfd_runtime::image::OpCode;

use super::builder::Builder;
use super::step::Operand;
use super::tensor::Tensor;
use crate::dtype::Dtype;

impl Builder {
    /// One number for those along the middle of three axes.
    pub fn reduce(&mut self, function: u8, x: &Tensor, axes: [usize; 3]) -> Tensor {
        let out = self.fresh(&[axes[0], axes[2]], x.dtype);
        self.along(OpCode::Reduce, function, x, axes, out)
    }

    /// Softmax (0) or its logarithm (1) along the middle of three axes.
    pub fn softmax(&mut self, function: u8, x: &Tensor, axes: [usize; 3]) -> Tensor {
        let out = self.fresh(&x.shape, x.dtype);
        self.along(OpCode::Softmax, function, x, axes, out)
    }

    /// Where the greatest or least along the middle of three axes is.
    pub fn arg_max(&mut self, function: u8, x: &Tensor, axes: [usize; 3]) -> Tensor {
        let out = self.fresh(&[axes[0], axes[2]], Dtype::I64);
        self.along(OpCode::ArgMax, function, x, axes, out)
    }

    fn along(
        &mut self,
        code: OpCode,
        function: u8,
        x: &Tensor,
        [outer, axis, inner]: [usize; 3],
        out: Tensor,
    ) -> Tensor {
        let operands = [self.operand(x), Operand::None, Operand::None];
        self.push(code, function, operands, &out, [outer, axis, inner, 0]);
        out
    }

    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` for each row.
    pub fn layer_norm(
        &mut self,
        x: &Tensor,
        rows: usize,
        len: usize,
        epsilon: f32,
        scale: Option<&Tensor>,
        bias: Option<&Tensor>,
    ) -> Tensor {
        let a = self.operand(x);
        let scale = scale.map_or(Operand::None, |scale| self.operand(scale));
        let bias = bias.map_or(Operand::None, |bias| self.operand(bias));
        let out = self.fresh(&x.shape, x.dtype);
        self.push(
            OpCode::LayerNorm,
            0,
            [a, scale, bias],
            &out,
            [rows, len, 0, 0],
        );
        self.last(|step| step.p = [epsilon, 0.0]);
        out
    }
}

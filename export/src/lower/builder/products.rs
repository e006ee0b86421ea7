//! Layers and products of matrices.

use rlfd_runtime::image::OpCode;

use super::{Builder, Operand, Stored, Tensor};

/// What is added to a layer's products.
#[derive(Clone, Debug)]
pub enum Bias {
    /// Nothing.
    None,
    /// `[outputs]`
    Constant(Vec<f32>),
    /// `[rows, outputs]`
    Tensor(Tensor),
}

/// A convolution in two dimensions; all pairs are height, width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Samples.
    pub batch: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Channels of a group.
    pub inputs: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Results of a group.
    pub outputs: usize,
    /// Extent of the weights.
    pub kernel: [usize; 2],
    /// Extent of the result.
    pub out: [usize; 2],
    /// Distance of neighbouring results.
    pub strides: [usize; 2],
    /// Zeros before the first row and column.
    pub pads: [usize; 2],
    /// Distance of neighbouring weights.
    pub dilations: [usize; 2],
}

impl Builder {
    /// `x · weightᵀ + bias` for each row; `weight` is `[outputs, inputs]`.
    ///
    /// # Errors
    /// A weight or bias is not finite.
    pub fn dense(
        &mut self,
        x: &Tensor,
        rows: usize,
        weight: Vec<f32>,
        outputs: usize,
        bias: Bias,
    ) -> Result<Tensor, String> {
        let inputs = weight.len() / outputs.max(1);
        finite(&weight)?;
        let a = self.operand(x);
        let weight = self.store(Stored::Panels {
            weight,
            groups: 1,
            outputs,
        });
        let bias = match bias {
            Bias::None => Operand::None,
            Bias::Constant(bias) => {
                finite(&bias)?;
                self.store(Stored::F32(bias))
            }
            Bias::Tensor(bias) => match bias.constant() {
                // A constant bias has one row.
                Some(_) => {
                    let copy = self.copied(&bias);
                    self.operand(&copy)
                }
                None => self.operand(&bias),
            },
        };
        let out = self.fresh(&[rows, outputs], x.dtype);
        self.push(
            OpCode::Dense,
            0,
            [a, weight, bias],
            &out,
            [inputs, outputs, rows, 0],
        );
        Ok(out)
    }

    /// Products of `batch` pairs of matrices `[m, k]` and `[k, n]`.
    ///
    /// # Errors
    /// None that shapes can cause.
    pub fn matmul(
        &mut self,
        a: &Tensor,
        b: &Tensor,
        [batch, m, k, n]: [usize; 4],
    ) -> Result<Tensor, String> {
        let operands = [self.operand(a), self.operand(b), Operand::None];
        let out = self.fresh(&[batch, m, n], a.dtype);
        self.push(OpCode::MatMul, 0, operands, &out, [m, k, n, batch]);
        Ok(out)
    }

    /// A convolution; `weight` is `[groups * outputs, inputs, height, width]`.
    ///
    /// # Errors
    /// A weight or bias is not finite.
    pub fn conv(
        &mut self,
        x: &Tensor,
        g: &ConvShape,
        weight: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Tensor, String> {
        finite(&weight)?;
        let a = self.operand(x);
        let parameters = [
            g.groups,
            g.inputs,
            g.height,
            g.width,
            g.outputs,
            g.kernel[0],
            g.kernel[1],
            g.out[0],
            g.out[1],
            g.strides[0],
            g.strides[1],
            g.pads[0],
            g.pads[1],
            g.dilations[0],
            g.dilations[1],
        ];
        let parameters = parameters.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
        let parameters = self.store(Stored::I32(parameters.to_vec()));
        let weight = self.store(Stored::Panels {
            weight,
            groups: g.groups,
            outputs: g.outputs,
        });
        let bias = match bias {
            Some(bias) => {
                finite(&bias)?;
                self.store(Stored::F32(bias))
            }
            None => Operand::None,
        };
        let channels = g.groups * g.outputs;
        let out = self.fresh(&[g.batch, channels, g.out[0], g.out[1]], x.dtype);
        let in_len = g.groups * g.inputs * g.height * g.width;
        let out_len = channels * g.out[0] * g.out[1];
        self.push(
            OpCode::Conv,
            0,
            [a, weight, bias],
            &out,
            [0, g.batch, in_len, out_len],
        );
        if let Operand::Constant(parameters) = parameters {
            self.last(|step| step.extra = Some((0, parameters)));
        }
        Ok(out)
    }
}

fn finite(numbers: &[f32]) -> Result<(), String> {
    match numbers.iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err("its constants are not all finite".to_string()),
    }
}

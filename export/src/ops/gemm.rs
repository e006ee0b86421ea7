//! `Gemm`: `alpha * op(A) · op(B) + beta * C`, where `op` transposes if asked to.

use super::{Call, OpDef, Site};
use crate::array::{Array, Strides};
use crate::lower::{Bias, Tensor, zip};

pub(super) const OP: OpDef = OpDef {
    name: "Gemm",
    arity: (2, 3),
    results: 1,
    attributes: &["alpha", "beta", "transA", "transB"],
    fixed: &[],
    becomes: "Dense; MatMul where both factors are computed; DenseQuantized between quantisers",
    evaluate,
    lower,
};

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let matrix = |index: usize, transpose: &str| match call.node.int(transpose, 0)? {
        0 => Ok(call.required(index)?.clone()),
        _ => call.required(index)?.transposed(),
    };
    let (a, b) = (matrix(0, "transA")?, matrix(1, "transB")?);
    if let ([rows, inner], [_, columns]) = (a.shape.as_slice(), b.shape.as_slice()) {
        call.work.spend(&[*rows, *inner, *columns])?;
    }
    let product = a.product(&b)?;
    let alpha = f64::from(call.node.float("alpha", 1.0)?);
    let product = product.map(|x| alpha * x);
    let Some(c) = call.optional(2) else {
        return Ok(vec![product]);
    };
    let beta = f64::from(call.node.float("beta", 1.0)?);
    let c = c.broadcast(&product.shape)?;
    Ok(vec![product.zip(&c, |x, c| x + beta * c)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let node = site.call.node;
    let (mut a, b) = (site.tensor(0)?, site.tensor(1)?);
    if node.int("transA", 0)? != 0 {
        a = site
            .build
            .strided(&a, &Strides::of(&a.shape).permuted(&[1, 0]));
    }
    let by_output = node.int("transB", 0)? != 0;
    let alpha = node.float("alpha", 1.0)?;
    let beta = node.float("beta", 1.0)?;
    let shape = site.shape().to_vec();
    let (rows, outputs) = (shape[0], shape[1]);
    let mut c = site.optional(2);
    // One row of biases for all rows can be part of the layer.
    let bias = match c.as_ref().and_then(Tensor::constant) {
        Some(array) if array.shape.iter().rev().skip(1).all(|n| *n == 1) => {
            let bias = array.broadcast(
                &[vec![1; array.shape.len().saturating_sub(1)], vec![outputs]].concat(),
            )?;
            let bias = bias.to_f32().into_iter().map(|x| x * beta).collect();
            c = None;
            Bias::Constant(bias)
        }
        _ => Bias::None,
    };
    let mut y = match b.constant() {
        Some(matrix) => {
            if let Some(y) = site
                .build
                .dense_quantized(&a, &b, by_output, alpha, &bias)?
            {
                y
            } else {
                let weight = if by_output {
                    matrix.clone()
                } else {
                    matrix.transposed()?
                };
                let weight = weight.to_f32().into_iter().map(|x| x * alpha).collect();
                site.build.dense(&a, rows, weight, outputs, bias)?
            }
        }
        None => {
            let b = match by_output {
                true => site
                    .build
                    .strided(&b, &Strides::of(&b.shape).permuted(&[1, 0])),
                false => b,
            };
            let product = site.build.matmul(&a, &b, [1, rows, a.shape[1], outputs])?;
            let product = site.build.scaled(&product, f64::from(alpha))?;
            match bias {
                Bias::Constant(bias) => {
                    let bias = Tensor::of(Array::new(
                        vec![bias.len()],
                        bias.into_iter().map(f64::from).collect(),
                        product.dtype,
                    )?);
                    let product = product.with_shape(&shape);
                    site.build.zip(zip::ADD, &product, &bias)?
                }
                _ => product,
            }
        }
    };
    y = y.with_shape(&shape);
    if let Some(c) = c {
        let c = site.build.scaled(&c, f64::from(beta))?;
        y = site.build.zip(zip::ADD, &y, &c)?;
    }
    Ok(vec![y])
}

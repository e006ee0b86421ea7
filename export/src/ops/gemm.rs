//! `Gemm`: `alpha * op(A) · op(B) + beta * C`, where `op` transposes if asked to.

use super::{OpDef, Site, operand, required};
use crate::array::{Array, is_vector};
use crate::graph::{Data, Node, Value};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Gemm",
    arity: (2, 3),
    attributes: &["alpha", "beta", "transA", "transB"],
    evaluate,
    lower,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let matrix = |index: usize, transpose: &str| match node.int(transpose, 0)? {
        0 => Ok(required(operands, index)?.clone()),
        _ => required(operands, index)?.transposed(),
    };
    let product = matrix(0, "transA")?.product(&matrix(1, "transB")?)?;
    let alpha = f64::from(node.float("alpha", 1.0)?);
    let product = product.map(|x| alpha * x);
    let Some(c) = operand(operands, 2) else {
        return Ok(product);
    };
    let beta = f64::from(node.float("beta", 1.0)?);
    let c = c.broadcast(&product.shape)?;
    product.zip(&c, |x, c| x + beta * c)
}

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    site.flow_first()?;
    // With one observation A is a row, or a column transposed: either way the vector itself.
    if !is_vector(site.input_shape) || !is_vector(site.output_shape) {
        return Err("it multiplies more than one vector".to_string());
    }
    let node = site.node;
    let (n_in, n_out) = (site.input_len(), site.output_len());
    let weight = site.constant(1)?.ok_or("operand 1 is missing")?;
    let weight = rows_by_output(weight, node.int("transB", 0)? != 0, n_in, n_out)?;
    let alpha = node.float("alpha", 1.0)?;
    let mut stages = vec![Stage::MatMul {
        weight: scaled(weight, alpha),
        out: n_out,
    }];
    if let Some(c) = site.constant(2)? {
        let beta = node.float("beta", 1.0)?;
        let bias = Array::of(c)?.broadcast(site.output_shape)?;
        let bias = bias.data.iter().map(|x| *x as f32).collect();
        stages.push(Stage::Add(scaled(bias, beta)));
    }
    Ok(stages)
}

/// `[out, in]` row-major from a matrix that is so already, or is `[in, out]`.
pub(super) fn rows_by_output(
    weight: &Value,
    is_by_output: bool,
    n_in: usize,
    n_out: usize,
) -> Result<Vec<f32>, String> {
    let Data::F32(data) = &weight.data else {
        return Err(format!(
            "its weight is {}, float32 is expected",
            weight.dtype()
        ));
    };
    let expected = if is_by_output {
        [n_out, n_in]
    } else {
        [n_in, n_out]
    };
    if weight.shape != expected {
        return Err(format!(
            "its weight has shape {:?}, {expected:?} is expected",
            weight.shape
        ));
    }
    if is_by_output {
        return Ok(data.clone());
    }
    let rows = 0..n_out;
    Ok(rows
        .flat_map(|out| data.iter().skip(out).step_by(n_out).copied())
        .collect())
}

fn scaled(mut values: Vec<f32>, factor: f32) -> Vec<f32> {
    values.iter_mut().for_each(|value| *value *= factor);
    values
}

//! `MatMul`: the matrix product of NumPy, of which a policy uses vector times matrix.

use super::gemm::rows_by_output;
use super::{OpDef, Operand, Site, required};
use crate::array::{Array, is_vector};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "MatMul",
    arity: (2, 2),
    attributes: &[],
    evaluate: |_, operands| product(required(operands, 0)?, required(operands, 1)?),
    lower,
};

/// NumPy's `a @ b` for up to two axes each: a vector on the left is a row, on the right a column, and the axis added for
/// that vanishes again.
fn product(a: &Array, b: &Array) -> Result<Array, String> {
    let (a_axes, b_axes) = (a.shape.len(), b.shape.len());
    if !(1..=2).contains(&a_axes) || !(1..=2).contains(&b_axes) {
        return Err(format!(
            "{:?} @ {:?} is not supported; one or two axes are",
            a.shape, b.shape
        ));
    }
    let row = [vec![1; 2 - a_axes], a.shape.clone()].concat();
    let column = [b.shape.clone(), vec![1; 2 - b_axes]].concat();
    let mut result = a.reshaped(row)?.product(&b.reshaped(column)?)?;
    if b_axes == 1 {
        result.shape.remove(1);
    }
    if a_axes == 1 {
        result.shape.remove(0);
    }
    Ok(result)
}

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    if !is_vector(site.input_shape) || !is_vector(site.output_shape) {
        return Err("it multiplies more than one vector".to_string());
    }
    let (weight, is_by_output) = match site.operands.as_slice() {
        [Operand::Flow, Operand::Constant(weight)] => (weight, false),
        [Operand::Constant(weight), Operand::Flow] => (weight, true),
        _ => return Err("one operand must be a constant".to_string()),
    };
    // A matrix with one column may be written as a vector.
    let (n_in, n_out) = (site.input_len(), site.output_len());
    let mut weight = (*weight).clone();
    if weight.shape.len() == 1 {
        weight.shape = if is_by_output {
            vec![n_out, n_in]
        } else {
            vec![n_in, n_out]
        };
    }
    let weight = rows_by_output(&weight, is_by_output, n_in, n_out)?;
    Ok(vec![Stage::MatMul { weight, out: n_out }])
}

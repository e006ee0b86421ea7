//! What the four arithmetic operators share: one operand flows, the other is a constant that broadcasts to it.

use super::{Operand, Site, required};
use crate::array::Array;

/// Result of a binary operator, broadcasting.
pub(super) fn evaluate(
    operands: &[Option<&Array>],
    f: impl Fn(f64, f64) -> f64,
) -> Result<Array, String> {
    required(operands, 0)?.zip(required(operands, 1)?, f)
}

/// Which operand is the constant.
pub(super) enum Binary {
    /// `flow ∘ constant`
    Right(Vec<f32>),
    /// `constant ∘ flow`
    Left(Vec<f32>),
}

/// The constant operand of a binary operator, as long as the flowing vector.
pub(super) fn constant(site: &Site<'_>) -> Result<Binary, String> {
    let (value, flow_is_left) = match site.operands.as_slice() {
        [Operand::Flow, Operand::Constant(value)] => (value, true),
        [Operand::Constant(value), Operand::Flow] => (value, false),
        [Operand::Flow, Operand::Flow] => {
            return Err(
                "both operands depend on the observation; only a chain of layers is supported"
                    .to_string(),
            );
        }
        _ => return Err("an operand is missing".to_string()),
    };
    if site.output_len() != site.input_len() {
        return Err(format!(
            "its constant of shape {:?} widens the vector from {:?} to {:?}",
            value.shape, site.input_shape, site.output_shape
        ));
    }
    let wide = Array::of(value)?.broadcast(site.output_shape)?;
    let wide = wide.data.iter().map(|x| *x as f32).collect();
    Ok(if flow_is_left {
        Binary::Right(wide)
    } else {
        Binary::Left(wide)
    })
}

//! `Div`: elementwise quotient. Lowered to a product with the reciprocal: small cores divide slowly, and the result
//! differs by one rounding.

use super::elementwise::{self, Binary};
use super::{OpDef, Site};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Div",
    arity: (2, 2),
    attributes: &[],
    evaluate: |_, operands| elementwise::evaluate(operands, |a, b| a / b),
    lower,
};

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    let Binary::Right(c) = elementwise::constant(site)? else {
        return Err("it divides by the observation, which is not supported".to_string());
    };
    let reciprocal: Vec<f32> = c.iter().map(|c| (1.0 / f64::from(*c)) as f32).collect();
    match reciprocal.iter().position(|r| !r.is_finite()) {
        Some(at) => Err(format!("it divides by {} (element {at})", c[at])),
        None => Ok(vec![Stage::Mul(reciprocal)]),
    }
}

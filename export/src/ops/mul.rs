//! `Mul`: elementwise product.

use super::elementwise::{self, Binary};
use super::{OpDef, Site};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Mul",
    arity: (2, 2),
    attributes: &[],
    evaluate: |_, operands| elementwise::evaluate(operands, |a, b| a * b),
    lower,
};

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    let (Binary::Left(c) | Binary::Right(c)) = elementwise::constant(site)?;
    Ok(vec![Stage::Mul(c)])
}

//! `Sub`: elementwise difference.

use super::elementwise::{self, Binary};
use super::{OpDef, Site};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Sub",
    arity: (2, 2),
    attributes: &[],
    evaluate: |_, operands| elementwise::evaluate(operands, |a, b| a - b),
    lower,
};

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    // Changing a sign is exact, so both forms round as the difference does.
    Ok(match elementwise::constant(site)? {
        Binary::Right(c) => vec![Stage::Add(c.iter().map(|c| -c).collect())],
        Binary::Left(c) => vec![Stage::Mul(vec![-1.0; c.len()]), Stage::Add(c)],
    })
}

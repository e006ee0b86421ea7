//! `Identity`: its operand.

use super::{OpDef, lower_nothing, required};

pub(super) const OP: OpDef = OpDef {
    name: "Identity",
    arity: (1, 1),
    attributes: &[],
    evaluate: |_, operands| Ok(required(operands, 0)?.clone()),
    lower: lower_nothing,
};

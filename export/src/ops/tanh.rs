//! `Tanh`: hyperbolic tangent.

use rlfd_runtime::Activation;

use super::{OpDef, required};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Tanh",
    arity: (1, 1),
    attributes: &[],
    evaluate: |_, operands| Ok(required(operands, 0)?.map(f64::tanh)),
    lower: |_| Ok(vec![Stage::Activate(Activation::Tanh)]),
};

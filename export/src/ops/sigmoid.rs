//! `Sigmoid`: `1 / (1 + exp(-x))`.

use rlfd_runtime::Activation;

use super::{OpDef, required};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Sigmoid",
    arity: (1, 1),
    attributes: &[],
    evaluate: |_, operands| Ok(required(operands, 0)?.map(|x| 1.0 / (1.0 + (-x).exp()))),
    lower: |_| Ok(vec![Stage::Activate(Activation::Sigmoid)]),
};

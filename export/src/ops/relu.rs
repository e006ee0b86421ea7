//! `Relu`: `max(x, 0)`.

use rlfd_runtime::Activation;

use super::{OpDef, required};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Relu",
    arity: (1, 1),
    attributes: &[],
    evaluate: |_, operands| Ok(required(operands, 0)?.map(|x| x.max(0.0))),
    lower: |_| Ok(vec![Stage::Activate(Activation::Relu)]),
};

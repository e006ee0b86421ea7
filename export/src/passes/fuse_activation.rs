//! An activation right after a dense layer is done by that layer.

use crate::stage::Stage;

pub(super) fn fuse(first: Stage, second: Stage) -> Result<Stage, (Stage, Stage)> {
    match (first, second) {
        (Stage::MatMul { weight, out }, Stage::Activate(activation)) => Ok(Stage::Dense {
            weight,
            bias: vec![0.0; out],
            activation: Some(activation),
        }),
        (
            Stage::Dense {
                weight,
                bias,
                activation: None,
            },
            Stage::Activate(activation),
        ) => Ok(Stage::Dense {
            weight,
            bias,
            activation: Some(activation),
        }),
        other => Err(other),
    }
}

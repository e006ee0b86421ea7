//! `MatMul, Add` is a dense layer.

use crate::stage::Stage;

pub(super) fn fold(first: Stage, second: Stage) -> Result<Stage, (Stage, Stage)> {
    match (first, second) {
        (Stage::MatMul { weight, .. }, Stage::Add(bias)) => Ok(Stage::Dense {
            weight,
            bias,
            activation: None,
        }),
        other => Err(other),
    }
}

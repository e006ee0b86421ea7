//! `Mul, Add` is a change of scale, as of a squashed action to its range.

use crate::stage::Stage;

pub(super) fn fold(first: Stage, second: Stage) -> Result<Stage, (Stage, Stage)> {
    match (first, second) {
        (Stage::Mul(scale), Stage::Add(offset)) => Ok(Stage::ScaleShift { scale, offset }),
        other => Err(other),
    }
}

//! `Add, Mul` is a normaliser: subtraction of a mean, division by a deviation. It stays a layer of its own.

use crate::stage::Stage;

pub(super) fn fold(first: Stage, second: Stage) -> Result<Stage, (Stage, Stage)> {
    match (first, second) {
        (Stage::Add(offset), Stage::Mul(std_reciprocal)) => Ok(Stage::Normalize {
            mean: offset.iter().map(|x| -x).collect(),
            std_reciprocal,
        }),
        other => Err(other),
    }
}

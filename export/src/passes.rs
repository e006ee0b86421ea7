//! Rewritings that keep a policy's function: of a graph ([`prune()`], [`fold_constants()`]) and of a chain of stages
//! ([`SIMPLIFY`]). None knows the image.

mod fold_bias;
mod fold_constants;
mod fold_normalizer;
mod fold_scale;
mod fuse_activation;
mod prune;

#[cfg(test)]
mod tests;

pub use fold_constants::fold_constants;
pub use prune::prune;

use crate::stage::Stage;

/// A rewriting of two neighbours: `Ok` is what stands for both, `Err` gives them back.
pub type Pair = fn(Stage, Stage) -> Result<Stage, (Stage, Stage)>;

/// The rewritings of a chain, in the order they are applied. The first three leave no single `Add` or `MatMul` behind
/// that has a partner.
pub const SIMPLIFY: [Pair; 4] = [
    fold_bias::fold,
    fold_normalizer::fold,
    fold_scale::fold,
    fuse_activation::fuse,
];

/// Applies every rewriting from the first stage to the last.
#[must_use]
pub fn simplify(mut stages: Vec<Stage>) -> Vec<Stage> {
    for pair in SIMPLIFY {
        let mut done: Vec<Stage> = Vec::new();
        for stage in stages {
            match done.pop() {
                None => done.push(stage),
                Some(previous) => match pair(previous, stage) {
                    Ok(both) => done.push(both),
                    Err((previous, stage)) => done.extend([previous, stage]),
                },
            }
        }
        stages = done;
    }
    stages
}

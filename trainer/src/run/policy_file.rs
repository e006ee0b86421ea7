//! What a run hands on: `policy.pt`, built from the algorithm's actor and the environment's contract.

use std::collections::BTreeMap;

use rlfd_models::checkpoint::Checkpoint;
use rlfd_models::checkpoint::Tensor;
use rlfd_models::spec::{self, SPEC_VERSION};
use rlfd_models::{Head, Network, PolicySpec, Provenance};

use crate::algo::Algorithm;
use crate::env::EnvSpec;
use crate::nn::Normalizer;
use crate::recipe::Recipe;

/// The deployable policy as it stands after `environment_steps`.
#[must_use]
pub fn checkpoint(
    recipe: &Recipe,
    env: &EnvSpec,
    algorithm: &dyn Algorithm,
    normalizer: Option<&Normalizer>,
    environment_steps: usize,
) -> Checkpoint {
    let mut tensors = BTreeMap::new();
    for (index, layer) in algorithm.actor_layers().into_iter().enumerate() {
        let shape = vec![layer.bias.len(), layer.inputs];
        tensors.insert(
            format!("actor.{index}.weight"),
            Tensor {
                shape,
                data: layer.weight,
            },
        );
        tensors.insert(
            format!("actor.{index}.bias"),
            Tensor {
                shape: vec![layer.bias.len()],
                data: layer.bias,
            },
        );
    }
    if let Some(normalizer) = normalizer {
        let (mean, std) = normalizer.mean_and_std();
        tensors.insert(
            "normalizer.mean".to_owned(),
            Tensor {
                shape: vec![mean.len()],
                data: mean,
            },
        );
        tensors.insert(
            "normalizer.std".to_owned(),
            Tensor {
                shape: vec![std.len()],
                data: std,
            },
        );
    }
    let (scale, offset) = range(env);
    let spec = PolicySpec {
        version: SPEC_VERSION,
        environment: env.id.clone(),
        period_us: env.period_us,
        observation: env.observation.clone(),
        action: env.action.clone(),
        network: Network {
            hidden: recipe.policy.actor_hidden.clone(),
            activation: recipe.policy.activation,
            normalizer: normalizer.map(|normalizer| spec::Normalizer {
                clip: Some(normalizer.clip()),
            }),
            head: Head::Tanh { scale, offset },
        },
        provenance: Provenance {
            trainer: env!("CARGO_PKG_VERSION").to_owned(),
            algorithm: recipe.run.algo.clone(),
            recipe_sha256: recipe.sha256(),
            seed: recipe.run.seed,
            environment_steps: environment_steps as u64,
            mean_return: None,
        },
    };
    Checkpoint { spec, tensors }
}

/// Half width and middle of each action's range: `range * a + middle` turns -1 … 1 into the environment's units.
#[must_use]
pub fn range(env: &EnvSpec) -> (Vec<f32>, Vec<f32>) {
    let bounds = env.action_low().into_iter().zip(env.action_high());
    bounds
        .map(|(low, high)| ((high - low) / 2.0, (high + low) / 2.0))
        .unzip()
}

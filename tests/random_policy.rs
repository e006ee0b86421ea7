//! Policies with random weights, for tests of the files and engines that carry them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_models::checkpoint::{Checkpoint, Tensor};
use rlfd_models::spec::{Normalizer, SPEC_VERSION};
use rlfd_models::{ActionTerm, Activation, Head, Network, ObservationTerm, PolicySpec, Provenance};

/// What a policy looks like; its weights follow from the name.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub name: &'static str,
    pub observation_dim: usize,
    pub hidden: &'static [usize],
    pub action_dim: usize,
    pub activation: Activation,
    pub normalizer: Option<Normalizer>,
    /// Half width of the action's range; `None` for a linear head.
    pub range: Option<f32>,
}

/// Every activation and head, with and without normaliser, sizes that fill no register evenly.
pub const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "cheetah",
        observation_dim: 17,
        hidden: &[256, 256],
        action_dim: 6,
        activation: Activation::Relu,
        normalizer: None,
        range: Some(1.0),
    },
    Recipe {
        name: "legged",
        observation_dim: 48,
        hidden: &[131, 70, 33],
        action_dim: 12,
        activation: Activation::Elu,
        normalizer: Some(Normalizer { clip: None }),
        range: Some(0.4),
    },
    Recipe {
        name: "pendulum",
        observation_dim: 4,
        hidden: &[64, 64],
        action_dim: 1,
        activation: Activation::Tanh,
        normalizer: Some(Normalizer { clip: Some(10.0) }),
        range: Some(3.0),
    },
    Recipe {
        name: "odd",
        observation_dim: 3,
        hidden: &[5, 1, 17],
        action_dim: 2,
        activation: Activation::Sigmoid,
        normalizer: None,
        range: None,
    },
    Recipe {
        name: "linear",
        observation_dim: 7,
        hidden: &[],
        action_dim: 3,
        activation: Activation::Relu,
        normalizer: Some(Normalizer { clip: Some(5.0) }),
        range: None,
    },
    Recipe {
        name: "wide",
        observation_dim: 376,
        hidden: &[100],
        action_dim: 17,
        activation: Activation::Relu,
        normalizer: Some(Normalizer { clip: Some(10.0) }),
        range: Some(0.4),
    },
];

impl Recipe {
    /// The policy, always the same one.
    pub fn checkpoint(&self) -> Checkpoint {
        let seed = self
            .name
            .bytes()
            .fold(0, |sum, byte| sum * 31 + u64::from(byte));
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        // Uniform in [-1, 1).
        let mut number = || stream.next_u32() as f32 / (1_u32 << 31) as f32 - 1.0;
        let mut checkpoint = Checkpoint {
            spec: self.spec(),
            tensors: [].into(),
        };
        let tensors = &mut checkpoint.tensors;
        let mut width = self.observation_dim;
        if self.normalizer.is_some() {
            let mean = tensor(&[width], &mut number);
            tensors.insert("normalizer.mean".to_string(), mean);
            let std = tensor(&[width], || 1.0 + 0.9 * number());
            tensors.insert("normalizer.std".to_string(), std);
        }
        for (i, out) in self.hidden.iter().chain([&self.action_dim]).enumerate() {
            // Keeps the size of what flows through: the variance of a uniform number is a third.
            let gain = (3.0 / width as f32).sqrt();
            let weight = tensor(&[*out, width], || gain * number());
            tensors.insert(format!("actor.{i}.weight"), weight);
            let bias = tensor(&[*out], || 0.1 * number());
            tensors.insert(format!("actor.{i}.bias"), bias);
            width = *out;
        }
        checkpoint
    }

    fn spec(&self) -> PolicySpec {
        let range = self.range.unwrap_or(10.0);
        PolicySpec {
            version: SPEC_VERSION,
            environment: format!("{}-v0", self.name),
            period_us: 20_000,
            observation: vec![ObservationTerm {
                name: "joint angle".to_string(),
                unit: "rad".to_string(),
                source: Default::default(),
                dim: self.observation_dim,
                scale: 1.0,
                offset: 0.0,
                clip: None,
                history: 1,
            }],
            action: vec![ActionTerm {
                name: "motor".to_string(),
                unit: "N m".to_string(),
                dim: self.action_dim,
                scale: 1.0,
                offset: 0.0,
                low: 0.1 - range,
                high: 0.1 + range,
                max_rate: None,
                stiffness: None,
                damping: None,
                time_constant_s: None,
            }],
            network: Network {
                hidden: self.hidden.to_vec(),
                activation: self.activation,
                normalizer: self.normalizer.clone(),
                head: match self.range {
                    Some(range) => Head::Tanh {
                        scale: vec![range; self.action_dim],
                        offset: vec![0.1; self.action_dim],
                    },
                    None => Head::Linear,
                },
            },
            provenance: Provenance {
                algorithm: "none".to_string(),
                mean_return: Some(0.1),
                ..Provenance::default()
            },
        }
    }
}

fn tensor(shape: &[usize], mut number: impl FnMut() -> f32) -> Tensor {
    let len = shape.iter().product();
    Tensor {
        shape: shape.to_vec(),
        data: (0..len).map(|_: usize| number()).collect(),
    }
}

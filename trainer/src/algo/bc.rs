//! [`Bc`]: behaviour cloning (Pomerleau 1991, "Efficient training of artificial neural networks for autonomous
//! navigation"): regression of the demonstrated actions, `L = mean ‖π(s_i) - a_i‖²`. It has no critic and takes no step
//! in an environment.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::actor::{Actor, ActorShard};
use super::cloning::{self, CloneShard};
use super::team::Team;
use super::{
    ActorLayer, Algorithm, AlgorithmState, BatchLearner, Cloning, Dimensions, FilterMean, Mode,
    Setup,
};
use crate::data::{Batch, BatchView};
use crate::nn::{Adam, MlpShape};

/// Recipe keys of behaviour cloning alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BcSettings {
    /// The file.
    pub demonstrations: String,
    /// Its first so many episodes are used.
    pub num_demos: usize,
}

/// The learner.
#[derive(Debug)]
pub struct Bc {
    dimensions: Dimensions,
    cloning: Cloning,
    actor: Actor,
    shards: Vec<Shard>,
    team: Team,
    updates: u64,
}

/// One thread's rows of the batch, with its own buffers.
#[derive(Debug)]
struct Shard {
    first: usize,
    rows: usize,
    actor: ActorShard,
    cloning: Option<CloneShard>,
    /// This update's batch.
    batch: Option<BatchView>,
}

impl Bc {
    /// Freshly initialised from `rng`.
    #[must_use]
    pub fn new(setup: &Setup<'_>, rng: &mut ChaCha8Rng) -> Self {
        let (policy, device) = (setup.policy, setup.device);
        let Dimensions {
            observation,
            action,
        } = setup.dimensions;
        let shape = MlpShape::new(observation, &policy.actor_hidden, action, policy.activation);
        let actor = Actor::new(shape, policy.actor_rate(), device, rng);
        // All rows are demonstrations.
        let cloning = Cloning {
            rows: policy.batch_size,
            weight: 1.0,
            decay: 1.0,
            decay_interval: 1,
            q_filter: false,
            q_filter_mean: FilterMean::All,
        };
        let shard = |(first, rows)| Shard {
            first,
            rows,
            actor: actor.shard(rows),
            cloning: cloning.shard(
                (first, rows),
                policy.batch_size,
                None,
                None,
                observation + action,
            ),
            batch: None,
        };
        let shards = Team::split(policy.batch_size, setup.threads)
            .map(shard)
            .collect();
        Self {
            dimensions: setup.dimensions,
            cloning,
            actor,
            shards,
            team: Team::new(setup.threads),
            updates: 0,
        }
    }
}

impl Algorithm for Bc {
    /// There is nothing to explore for: both modes answer alike.
    fn act(&mut self, observations: &[f32], _: Mode<'_>, actions: &mut [f32]) {
        self.actor
            .deterministic(observations, self.dimensions.action)
            .to_device(Device::Cpu)
            .view([-1])
            .copy_data(actions, actions.len());
    }

    fn metric_names(&self) -> Vec<&'static str> {
        vec!["bc_loss"]
    }

    fn value(&mut self, _: &[f32]) -> Option<f64> {
        None
    }

    fn actor_layers(&self) -> Vec<ActorLayer> {
        self.actor.layers(self.dimensions.action)
    }

    fn optimisers(&mut self) -> Vec<&mut Adam> {
        vec![&mut self.actor.adam]
    }

    fn save(&self) -> AlgorithmState {
        AlgorithmState {
            updates: self.updates,
            parameters: vec![self.actor.parameters.to_vec()],
            optimisers: vec![self.actor.adam.save()],
        }
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.updates = state.updates;
        if let (Some(values), Some(adam)) = (state.parameters.first(), state.optimisers.first()) {
            self.actor.parameters.copy_from(values);
            self.actor.adam.restore(adam);
        }
    }
}

impl BatchLearner for Bc {
    fn actor(&mut self) -> (&mut Actor, usize) {
        (&mut self.actor, self.dimensions.action)
    }

    fn update(&mut self, batch: &mut Batch, _: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>) {
        for shard in &mut self.shards {
            shard.batch = Some(batch.view(shard.first, shard.rows, self.dimensions.observation));
        }
        let record = metrics.is_some();
        self.team.run(&mut self.shards, |shard| shard.learn(record));
        let gradients: Vec<&Tensor> = self
            .shards
            .iter()
            .map(|s| s.actor.flat_gradient.flat())
            .collect();
        self.actor.step(&gradients);
        self.updates += 1;
        if let Some(metrics) = metrics {
            metrics.clear();
            let shards = self.shards.iter().map(|shard| shard.cloning.as_ref());
            metrics.push(cloning::metrics(&self.cloning, shards)[0]);
        }
    }
}

impl Shard {
    fn learn(&mut self, record: bool) {
        let batch = self.batch.as_ref().expect("bound before the update");
        self.actor
            .net
            .forward(&batch.observation, &mut self.actor.tape);
        let action = self.actor.tape.output().tanh();
        let delta = action.zeros_like();
        if let Some(cloning) = &mut self.cloning {
            cloning.add(batch, &action, &delta, 0, record);
        }
        self.actor
            .tape
            .output_delta()
            .copy_(&(delta * (action.square() * -1.0 + 1.0)));
        self.actor.backward(&batch.observation);
    }
}

//! [`Member`]: one model of an ensemble while it is fitted, and [`MemberState`], from which it goes on bit for bit.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::flow::Flow;
use super::masks::Coupling;
use super::wgan::Wgan;
use super::{PotentialModel, PotentialSettings};
use crate::nn::{Adam, AdamState, Parameters};

/// Rows of a minibatch; the last of a pass may have fewer.
const BATCH_ROWS: usize = 128;

/// A model with its optimisers and its random stream.
#[derive(Debug)]
pub struct Member {
    model: Model,
    rng: ChaCha8Rng,
    passes: usize,
}

#[derive(Debug)]
enum Model {
    Flow(Flow),
    Gan(Box<Wgan>),
}

/// What a member must remember to go on after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberState {
    /// Passes over the demonstrations made so far.
    pub passes: usize,
    rng: ChaCha8Rng,
    /// Of a GAN's critic.
    updates: u64,
    /// Numbers of each network or stack of them, with their optimiser.
    networks: Vec<(Vec<f32>, AdamState)>,
}

impl Member {
    /// Freshly initialised from stream `number` of `seed`, for rows of `dim` numbers.
    pub(super) fn new(dim: usize, settings: &PotentialSettings, seed: u64, number: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        let flow = |coupling, rng| Model::Flow(Flow::new(dim, coupling, settings, rng));
        let model = match settings.potential {
            PotentialModel::Maf => flow(Coupling::Autoregressive, &mut rng),
            PotentialModel::RealNvp => flow(Coupling::PassThrough(dim / 2), &mut rng),
            PotentialModel::Gan => Model::Gan(Box::new(Wgan::new(dim, settings, &mut rng))),
        };
        Self {
            model,
            rng,
            passes: 0,
        }
    }

    /// Learns from every row of `data` `[rows, dim]` once.
    pub(super) fn pass(&mut self, data: &Tensor) {
        let mut order: Vec<i64> = (0..data.size()[0]).collect();
        order.shuffle(&mut self.rng);
        for rows in order.chunks(BATCH_ROWS) {
            let batch = data.index_select(0, &Tensor::from_slice(rows));
            match &mut self.model {
                Model::Flow(flow) => flow.update(&batch),
                Model::Gan(gan) => gan.update(&batch, &mut self.rng),
            }
        }
        self.passes += 1;
    }

    /// Passes over the demonstrations made so far.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The numbers of the networks that Φ is made from, in the order in which they answer.
    pub(super) fn frozen(&self, data: &Tensor) -> Vec<Vec<f32>> {
        match &self.model {
            Model::Flow(flow) => flow.frozen(),
            Model::Gan(gan) => vec![gan.centred(data)],
        }
    }

    /// For a checkpoint.
    #[must_use]
    pub fn save(&self) -> MemberState {
        let network = |parameters: &Parameters, adam: &Adam| (parameters.to_vec(), adam.save());
        let (updates, networks) = match &self.model {
            Model::Flow(flow) => (0, vec![network(&flow.parameters, &flow.adam)]),
            Model::Gan(gan) => {
                let learners = [&gan.critic, &gan.generator];
                let networks = learners.map(|one| network(&one.parameters, &one.adam));
                (gan.updates, networks.to_vec())
            }
        };
        MemberState {
            passes: self.passes,
            rng: self.rng.clone(),
            updates,
            networks,
        }
    }

    /// From a checkpoint of the same settings.
    pub(super) fn restore(&mut self, state: &MemberState) {
        let networks = match &mut self.model {
            Model::Flow(flow) => vec![(&mut flow.parameters, &mut flow.adam)],
            Model::Gan(gan) => {
                gan.updates = state.updates;
                let learners = [&mut gan.critic, &mut gan.generator];
                let pair = learners.map(|one| (&mut one.parameters, &mut one.adam));
                pair.into()
            }
        };
        for ((parameters, adam), (numbers, optimiser)) in networks.into_iter().zip(&state.networks)
        {
            parameters.copy_from(numbers);
            adam.restore(optimiser);
        }
        self.rng = state.rng.clone();
        self.passes = state.passes;
    }
}

//! [`TwinCritic`]: two action-value networks and their slow targets (Fujimoto et al. 2018, "clipped double Q").

use tch::{Device, Kind, Tensor};

use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// Both critics' numbers, side by side in one flat tensor, and their optimiser.
#[derive(Debug)]
pub struct TwinCritic {
    shape: MlpShape,
    pub online: Parameters,
    pub target: Parameters,
    pub adam: Adam,
}

/// One thread's share of the work on both critics.
#[derive(Debug)]
pub struct CriticShard {
    online: [Mlp; 2],
    target: [Mlp; 2],
    gradient: [Mlp; 2],
    pub flat_gradient: Parameters,
    tapes: [Tape; 2],
    /// Rows of the whole batch: derivatives are of its mean.
    batch_rows: f64,
    loss_sum: f64,
}

impl TwinCritic {
    /// Both critics start independently; the targets start equal to them.
    pub fn new(
        shape: MlpShape,
        learning_rate: f64,
        device: Device,
        rng: &mut impl rand::Rng,
    ) -> Self {
        let online = Parameters::uniform(&shape, 2, device, rng);
        let (target, adam) = (online.duplicate(), Adam::new(online.flat(), learning_rate));
        Self {
            shape,
            online,
            target,
            adam,
        }
    }

    /// Views and buffers for `rows` of `batch_rows` rows.
    pub fn shard(&self, rows: usize, batch_rows: usize) -> CriticShard {
        let device = self.online.flat().device();
        let both =
            |parameters: &Parameters| [0, 1].map(|index| Mlp::view(&self.shape, parameters, index));
        let flat_gradient = Parameters::zeros(&self.shape, 2, device);
        CriticShard {
            online: both(&self.online),
            target: both(&self.target),
            gradient: both(&flat_gradient),
            flat_gradient,
            tapes: [0, 1].map(|_| Tape::new(&self.shape, rows, device)),
            batch_rows: batch_rows as f64,
            loss_sum: 0.0,
        }
    }

    /// One optimiser step along the sum of the shards' gradients.
    pub fn step(&mut self, gradients: &[&Tensor]) {
        self.adam.step_parameters(&mut self.online, gradients);
    }

    /// Moves the targets by `tau` towards the online networks.
    pub fn follow(&mut self, tau: f64) {
        self.target.lerp(&self.online, tau);
    }
}

impl CriticShard {
    /// `min(Q'1, Q'2)` of the target networks, `[rows, 1]`.
    pub fn target_minimum(&mut self, input: &Tensor) -> Tensor {
        for (net, tape) in self.target.iter().zip(&mut self.tapes) {
            net.forward(input, tape);
        }
        self.tapes[0].output().minimum(self.tapes[1].output())
    }

    /// Fills the gradient of `Σ_k ½ mean (Q_k(input) - target)²`; with `record`, keeps the loss for the log.
    pub fn regress(&mut self, input: &Tensor, target: &Tensor, record: bool) {
        self.loss_sum = 0.0;
        for ((net, gradient), tape) in self.online.iter().zip(&self.gradient).zip(&mut self.tapes) {
            net.forward(input, tape);
            let delta = (tape.output() - target) / self.batch_rows;
            if record {
                let error = &delta * self.batch_rows;
                self.loss_sum += error.square().sum(Kind::Float).double_value(&[]) / 2.0;
            }
            tape.output_delta().copy_(&delta);
            net.backward(input, tape, Some(gradient));
        }
    }

    /// Derivative of `-mean min(Q1, Q2)` by the input columns from `first`, `[rows, count]`: each row's answer comes from
    /// the smaller critic. No weight gradient is computed.
    pub fn minimum_action_delta(&mut self, input: &Tensor, first: usize, count: usize) -> Tensor {
        for (net, tape) in self.online.iter().zip(&mut self.tapes) {
            net.forward(input, tape);
        }
        let first_is_smaller = self.tapes[0]
            .output()
            .le_tensor(self.tapes[1].output())
            .to_kind(Kind::Float);
        let deltas = [
            &first_is_smaller / -self.batch_rows,
            (&first_is_smaller - 1.0) / self.batch_rows,
        ];
        let mut parts =
            self.online
                .iter()
                .zip(&mut self.tapes)
                .zip(&deltas)
                .map(|((net, tape), delta)| {
                    tape.output_delta().copy_(delta);
                    net.backward(input, tape, None);
                    net.input_delta(tape, first, count)
                });
        let (a, b) = (
            parts.next().expect("two critics"),
            parts.next().expect("two critics"),
        );
        a + b
    }

    /// Derivative of `-mean Q1` by the input columns from `first`, `[rows, count]`.
    pub fn first_action_delta(&mut self, input: &Tensor, first: usize, count: usize) -> Tensor {
        let (net, tape) = (&self.online[0], &mut self.tapes[0]);
        net.forward(input, tape);
        let _ = tape.output_delta().fill_(-1.0 / self.batch_rows);
        net.backward(input, tape, None);
        net.input_delta(tape, first, count)
    }

    /// Σ over rows of the loss of the last recorded regression.
    pub fn loss_sum(&self) -> f64 {
        self.loss_sum
    }

    /// What critic `index` answered last, `[rows, 1]`.
    pub fn value(&self, index: usize) -> &Tensor {
        self.tapes[index].output()
    }
}

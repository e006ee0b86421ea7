//! [`Critics`]: one action-value network, or two of which the smaller is believed (Fujimoto et al. 2018, "clipped double
//! Q"), and their slow targets.

use tch::{Device, Kind, Tensor};

use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// The critics' numbers, side by side in one flat tensor, and their optimiser.
#[derive(Debug)]
pub struct Critics {
    shape: MlpShape,
    count: usize,
    pub online: Parameters,
    pub target: Parameters,
    pub adam: Adam,
}

/// One thread's share of the work on all critics.
#[derive(Debug)]
pub struct CriticShard {
    online: Vec<Mlp>,
    target: Vec<Mlp>,
    gradient: Vec<Mlp>,
    pub flat_gradient: Parameters,
    /// For all of the shard's rows, which the actor is led by.
    tapes: Vec<Tape>,
    /// For the first of them, which are learned from.
    learned_tapes: Vec<Tape>,
    learned_rows: usize,
    /// Rows of the whole batch, and how many of them are learned from: derivatives are of the means over these.
    batch_rows: f64,
    batch_learned: f64,
    last_asked: Asked,
    loss_sum: f64,
}

/// Which of a shard's tapes hold the last answers, for the log.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// All critics about the rows that are learned from.
    Learned,
    /// The first critic about all rows.
    First,
    /// All critics about all rows.
    All,
}

/// Buffers to ask the critics about other rows than the batch's.
#[derive(Debug)]
pub struct CriticTapes(Vec<Tape>);

impl Critics {
    /// Two critics that start independently, as `torch.nn.Linear` does; the targets start equal to them.
    pub fn twins(
        shape: MlpShape,
        learning_rate: f64,
        device: Device,
        rng: &mut impl rand::Rng,
    ) -> Self {
        let online = Parameters::uniform(&shape, 2, device, rng);
        Self::from_parameters(shape, 2, online, learning_rate)
    }

    /// One critic with Glorot's initial weights; its target starts equal to it.
    pub fn single(
        shape: MlpShape,
        learning_rate: f64,
        device: Device,
        rng: &mut impl rand::Rng,
    ) -> Self {
        let online = Parameters::glorot(&shape, 1, device, rng);
        Self::from_parameters(shape, 1, online, learning_rate)
    }

    fn from_parameters(
        shape: MlpShape,
        count: usize,
        online: Parameters,
        learning_rate: f64,
    ) -> Self {
        let (target, adam) = (online.duplicate(), Adam::new(online.flat(), learning_rate));
        Self {
            shape,
            count,
            online,
            target,
            adam,
        }
    }

    /// Views and buffers for the rows `first .. first + rows` of `batch_rows`, of which the first `learned` are learned from.
    pub fn shard(
        &self,
        (first, rows): (usize, usize),
        batch_rows: usize,
        learned: usize,
    ) -> CriticShard {
        let device = self.online.flat().device();
        let flat_gradient = Parameters::zeros(&self.shape, self.count, device);
        let learned_rows = learned.saturating_sub(first).min(rows);
        CriticShard {
            online: self.views(&self.online),
            target: self.views(&self.target),
            gradient: self.views(&flat_gradient),
            flat_gradient,
            tapes: self.tapes(rows).0,
            learned_tapes: self.tapes(learned_rows).0,
            learned_rows,
            batch_rows: batch_rows as f64,
            batch_learned: learned as f64,
            last_asked: Asked::Learned,
            loss_sum: 0.0,
        }
    }

    /// Buffers for [`CriticShard::minimum`] of `rows` rows.
    pub fn tapes(&self, rows: usize) -> CriticTapes {
        let device = self.online.flat().device();
        let tapes = (0..self.count).map(|_| Tape::new(&self.shape, rows, device));
        CriticTapes(tapes.collect())
    }

    /// Mean of `min_k Q_k(s, a)` over `observations` `[rows * observation]` and `actions` `[rows, action]`.
    pub fn mean_value(&self, observations: &[f32], actions: &Tensor) -> f64 {
        let rows = actions.size()[0];
        let states = Tensor::from_slice(observations)
            .view([rows, -1])
            .to_device(actions.device());
        let input = Tensor::cat(&[&states, actions], 1);
        let (nets, mut tapes) = (self.views(&self.online), self.tapes(rows as usize));
        tch::no_grad(|| {
            least(&nets, &input, &mut tapes.0)
                .mean(Kind::Float)
                .double_value(&[])
        })
    }

    /// One optimiser step along the sum of the shards' gradients.
    pub fn step(&mut self, gradients: &[&Tensor]) {
        self.adam.step_parameters(&mut self.online, gradients);
    }

    /// Moves the targets by `tau` towards the online networks.
    pub fn follow(&mut self, tau: f64) {
        self.target.lerp(&self.online, tau);
    }

    fn views(&self, parameters: &Parameters) -> Vec<Mlp> {
        (0..self.count)
            .map(|index| Mlp::view(&self.shape, parameters, index))
            .collect()
    }
}

/// `min_k Q_k(input)`, `[rows, 1]`.
fn least(nets: &[Mlp], input: &Tensor, tapes: &mut [Tape]) -> Tensor {
    for (net, tape) in nets.iter().zip(&mut *tapes) {
        net.forward(input, tape);
    }
    smallest(tapes)
}

fn smallest(tapes: &[Tape]) -> Tensor {
    let (first, rest) = tapes.split_first().expect("a critic");
    rest.iter()
        .fold(first.output().shallow_clone(), |least, tape| {
            least.minimum(tape.output())
        })
}

impl CriticShard {
    /// How many of the shard's rows, the first ones, are learned from.
    pub fn learned_rows(&self) -> usize {
        self.learned_rows
    }

    /// `min_k Q'_k` of the target networks for the rows that are learned from, `[rows, 1]`.
    pub fn target_minimum(&mut self, input: &Tensor) -> Tensor {
        least(&self.target, input, &mut self.learned_tapes)
    }

    /// `min_k Q_k` of the online networks in buffers of the caller's, `[rows, 1]`; no derivative follows.
    pub fn minimum(&self, input: &Tensor, tapes: &mut CriticTapes) -> Tensor {
        least(&self.online, input, &mut tapes.0)
    }

    /// Fills the gradient of `Σ_k ½ mean (Q_k(input) - target)²` over the rows that are learned from; with `record`, keeps
    /// the loss for the log.
    pub fn regress(&mut self, input: &Tensor, target: &Tensor, record: bool) {
        self.loss_sum = 0.0;
        let nets = self.online.iter().zip(&self.gradient);
        for ((net, gradient), tape) in nets.zip(&mut self.learned_tapes) {
            net.forward(input, tape);
            let error = tape.output() - target;
            if record {
                self.loss_sum += error.square().sum(Kind::Float).double_value(&[]) / 2.0;
            }
            tape.output_delta().copy_(&(error / self.batch_learned));
            net.backward(input, tape, Some(gradient));
        }
        self.last_asked = Asked::Learned;
    }

    /// Derivative of `-mean min(Q1, Q2)` by the input columns from `first`, `[rows, count]`: each row's answer comes from
    /// the smaller of two critics. No weight gradient is computed.
    pub fn minimum_action_delta(&mut self, input: &Tensor, first: usize, count: usize) -> Tensor {
        for (net, tape) in self.online.iter().zip(&mut self.tapes) {
            net.forward(input, tape);
        }
        self.last_asked = Asked::All;
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
        self.last_asked = Asked::First;
        net.input_delta(tape, first, count)
    }
}

impl CriticShard {
    /// What the asked critics, or the smaller of two, answered last, `[rows, 1]`.
    fn last_answer(&self) -> Tensor {
        smallest(match self.last_asked {
            Asked::Learned => &self.learned_tapes,
            Asked::First => &self.tapes[..1],
            Asked::All => &self.tapes,
        })
    }
}

/// Means for the log, over the shards of a batch: of what the critics, or the smaller of two, answered last, and of the
/// loss of the last recorded regression.
pub fn metrics<'a>(shards: impl Iterator<Item = &'a CriticShard> + Clone) -> [f64; 2] {
    let answer = |shard: &CriticShard| {
        let answer = shard.last_answer();
        let sum = answer.sum(Kind::Float).double_value(&[]);
        (sum, answer.numel() as f64)
    };
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
    let (sum, rows) = shards.clone().map(answer).fold((0.0, 0.0), add);
    let loss = |shard: &CriticShard| (shard.loss_sum, shard.learned_rows as f64);
    let (loss, learned) = shards.map(loss).fold((0.0, 0.0), add);
    [sum / rows, loss / learned]
}

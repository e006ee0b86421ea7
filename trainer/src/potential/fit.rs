//! Fitting: passes over the demonstrations in minibatches, the members of an ensemble side by side on threads. What
//! comes out does not depend on the number of threads.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::demonstrated::Statistics;
use super::flow::{Flow, Learning};
use super::masks::Coupling;
use super::wgan::Wgan;
use super::{Demonstrated, PotentialModel, PotentialSettings};
use crate::algo::Dimensions;
use crate::nn::Adam;

/// Rows of a minibatch; the last of a pass may have fewer.
const BATCH_ROWS: usize = 128;
/// Adam's decay rates for a GAN, as its paper has them.
const GAN_BETAS: (f64, f64) = (0.5, 0.9);

/// What is left when fitting is done.
#[derive(Debug)]
pub(super) struct Fitted {
    pub statistics: Statistics,
    /// The numbers of each member's networks, in the order in which they answer.
    pub members: Vec<Vec<Vec<f32>>>,
}

/// Fits `settings.potential_ensemble` models to `data` on at most `threads` threads. Member `i` draws from stream `i` of
/// `seed`. `tell` hears of every pass of every member.
pub(super) fn fit(
    data: &Demonstrated,
    dimensions: Dimensions,
    settings: &PotentialSettings,
    seed: u64,
    threads: usize,
    tell: &(dyn Fn() + Sync),
) -> Fitted {
    let statistics = Statistics::of(&data.observation, dimensions.observation);
    let rows = joint_rows(data, dimensions, &statistics);
    let mut members: Vec<Vec<Vec<f32>>> = vec![Vec::new(); settings.potential_ensemble];
    let per_thread = members.len().div_ceil(threads.max(1));
    std::thread::scope(|scope| {
        for (chunk, members) in members.chunks_mut(per_thread).enumerate() {
            let rows = &rows;
            scope.spawn(move || {
                tch::set_num_threads(1);
                let data = rows_tensor(rows, dimensions);
                for (index, member) in members.iter_mut().enumerate() {
                    let mut rng = ChaCha8Rng::seed_from_u64(seed);
                    rng.set_stream((chunk * per_thread + index) as u64);
                    *member = fit_member(&data, settings, &mut rng, tell);
                }
            });
        }
    });
    Fitted {
        statistics,
        members,
    }
}

fn fit_member(
    data: &Tensor,
    settings: &PotentialSettings,
    rng: &mut ChaCha8Rng,
    tell: &(dyn Fn() + Sync),
) -> Vec<Vec<f32>> {
    let dim = data.size()[1] as usize;
    let coupling = match settings.potential {
        PotentialModel::Maf => Coupling::Autoregressive,
        PotentialModel::RealNvp => Coupling::PassThrough(dim / 2),
        PotentialModel::Gan => return fit_gan(data, settings, rng, tell),
    };
    let (n_layers, hidden) = (settings.flow_layers, &settings.potential_hidden);
    let mut flow = Flow::new(dim, coupling, n_layers, hidden, rng);
    let mut adam = flow.adam(settings.potential_learning_rate);
    // For whole minibatches and for what is left of a pass.
    let mut learnings: Vec<Learning> = Vec::new();
    for _ in 0..settings.potential_epochs {
        for rows in minibatches(data.size()[0], rng) {
            let batch = data.index_select(0, &rows);
            let n_rows = batch.size()[0];
            let known = learnings.iter().position(|one| one.rows() == n_rows);
            let index = known.unwrap_or_else(|| {
                learnings.push(Learning::new(
                    &flow,
                    n_rows as usize,
                    settings.flow_smoothing,
                ));
                learnings.len() - 1
            });
            learnings[index].gradient(&batch);
            flow.step(&mut adam, &learnings[index]);
        }
        tell();
    }
    flow.frozen()
}

fn fit_gan(
    data: &Tensor,
    settings: &PotentialSettings,
    rng: &mut ChaCha8Rng,
    tell: &(dyn Fn() + Sync),
) -> Vec<Vec<f32>> {
    let (dim, hidden) = (data.size()[1] as usize, &settings.potential_hidden);
    let wgan = Wgan::new(dim, settings.gan_latent, hidden, rng);
    let adam = |p: &Tensor| Adam::new(p, settings.potential_learning_rate).with_betas(GAN_BETAS);
    let mut critic = Optimiser::new(wgan.critic.parameters(), adam);
    let mut generator = Optimiser::new(wgan.generator.parameters(), adam);
    let mut updates = 0_usize;
    for _ in 0..settings.potential_epochs {
        for rows in minibatches(data.size()[0], rng) {
            let batch = data.index_select(0, &rows);
            critic.step(&wgan.critic_loss(&batch, settings.gan_penalty, rng));
            if updates.is_multiple_of(settings.gan_critic_updates) {
                generator.step(&wgan.generator_loss(batch.size()[0] as usize, rng));
            }
            updates += 1;
        }
        tell();
    }
    vec![centred(&wgan, data)]
}

/// The critic's numbers, moved so that it answers 0 on the mean of the demonstrations. A Wasserstein critic is free up to a
/// constant, which changes no policy, but value networks begin near zero and had to learn it first.
fn centred(wgan: &Wgan, data: &Tensor) -> Vec<f32> {
    let mean = tch::no_grad(|| {
        wgan.critic
            .forward(data)
            .mean(Kind::Float)
            .double_value(&[])
    });
    let mut numbers = wgan.critic.frozen();
    *numbers.last_mut().expect("the bias of the answer") -= mean as f32;
    numbers
}

/// One Adam per tensor.
struct Optimiser {
    parameters: Vec<Tensor>,
    adams: Vec<Adam>,
}

impl Optimiser {
    fn new(parameters: Vec<Tensor>, adam: impl Fn(&Tensor) -> Adam) -> Self {
        let adams = parameters.iter().map(adam).collect();
        Self { parameters, adams }
    }

    fn step(&mut self, loss: &Tensor) {
        let gradients = Tensor::run_backward(&[loss], &self.parameters, false, false);
        for ((parameter, adam), gradient) in self
            .parameters
            .iter_mut()
            .zip(&mut self.adams)
            .zip(gradients)
        {
            adam.step(parameter, &[&gradient.contiguous()]);
        }
    }
}

/// A shuffled pass: row numbers of each minibatch.
fn minibatches(rows: i64, rng: &mut ChaCha8Rng) -> Vec<Tensor> {
    let mut order: Vec<i64> = (0..rows).collect();
    order.shuffle(rng);
    order.chunks(BATCH_ROWS).map(Tensor::from_slice).collect()
}

/// `[rows * (observation + action)]`: normalised observations with their actions.
fn joint_rows(data: &Demonstrated, dimensions: Dimensions, statistics: &Statistics) -> Vec<f32> {
    let observations = data.observation.chunks_exact(dimensions.observation);
    let mut rows = Vec::with_capacity(data.observation.len() + data.action.len());
    for (observation, action) in observations.zip(data.action.chunks_exact(dimensions.action)) {
        let first = rows.len();
        rows.extend_from_slice(observation);
        statistics.apply(&mut rows[first..]);
        rows.extend_from_slice(action);
    }
    rows
}

fn rows_tensor(rows: &[f32], dimensions: Dimensions) -> Tensor {
    let width = (dimensions.observation + dimensions.action) as i64;
    Tensor::from_slice(rows).view([-1, width])
}

//! [`Batch`]: the tensors one update reads, filled row by row without allocation.

use tch::{Device, Kind, Tensor};

use crate::nn::host_slice_mut;

/// `rows` transitions, in tensors that live as long as the run.
#[derive(Debug)]
pub struct Batch {
    /// `[rows, observation + action]`
    pub observation_action: Tensor,
    /// `[rows, observation + action]`; the action columns are for the algorithm to fill.
    pub next_observation_action: Tensor,
    /// `[rows, 1]`
    pub reward: Tensor,
    /// `[rows, 1]`: γ, or 0 after a terminal step.
    pub discount: Tensor,
    /// The same four in host memory, where the device is another.
    staging: Option<[Tensor; 4]>,
}

/// Some rows of a [`Batch`], nothing copied.
#[derive(Debug)]
pub struct BatchView {
    /// `[rows, observation + action]`: what the critics read.
    pub input: Tensor,
    /// `[rows, observation]`, the same memory.
    pub observation: Tensor,
    /// `[rows, observation + action]`, its action columns to be filled.
    pub next_input: Tensor,
    /// `[rows, observation]`, the same memory.
    pub next_observation: Tensor,
    /// `[rows, 1]`
    pub reward: Tensor,
    /// `[rows, 1]`
    pub discount: Tensor,
}

/// A batch's host memory while it is being filled.
#[derive(Debug)]
pub struct BatchRows<'a> {
    /// Number of rows.
    pub rows: usize,
    /// `[rows * (observation + action)]`
    pub observation_action: &'a mut [f32],
    /// `[rows * (observation + action)]`
    pub next_observation_action: &'a mut [f32],
    /// `[rows]`
    pub reward: &'a mut [f32],
    /// `[rows]`
    pub discount: &'a mut [f32],
}

impl BatchRows<'_> {
    /// The first `count` rows and the others.
    #[must_use]
    pub fn split_at(&mut self, count: usize) -> (BatchRows<'_>, BatchRows<'_>) {
        let width = self.observation_action.len() / self.rows;
        let (first_joint, joint) = self.observation_action.split_at_mut(count * width);
        let (first_next, next) = self.next_observation_action.split_at_mut(count * width);
        let (first_reward, reward) = self.reward.split_at_mut(count);
        let (first_discount, discount) = self.discount.split_at_mut(count);
        let first = BatchRows {
            rows: count,
            observation_action: first_joint,
            next_observation_action: first_next,
            reward: first_reward,
            discount: first_discount,
        };
        let others = BatchRows {
            rows: self.rows - count,
            observation_action: joint,
            next_observation_action: next,
            reward,
            discount,
        };
        (first, others)
    }
}

impl Batch {
    /// Zeros.
    #[must_use]
    pub fn new(rows: usize, observation_dim: usize, action_dim: usize, device: Device) -> Self {
        let width = (observation_dim + action_dim) as i64;
        let four = |device| {
            [width, width, 1, 1].map(|w| Tensor::zeros([rows as i64, w], (Kind::Float, device)))
        };
        let [
            observation_action,
            next_observation_action,
            reward,
            discount,
        ] = four(device);
        let staging = (device != Device::Cpu).then(|| four(Device::Cpu));
        Self {
            observation_action,
            next_observation_action,
            reward,
            discount,
            staging,
        }
    }

    /// Rows `first .. first + count` as one thread sees them.
    #[must_use]
    pub fn view(&self, first: usize, count: usize, observation_dim: usize) -> BatchView {
        let take = |tensor: &Tensor| tensor.narrow(0, first as i64, count as i64);
        let (input, next_input) = (
            take(&self.observation_action),
            take(&self.next_observation_action),
        );
        BatchView {
            observation: input.narrow(1, 0, observation_dim as i64),
            next_observation: next_input.narrow(1, 0, observation_dim as i64),
            input,
            next_input,
            reward: take(&self.reward),
            discount: take(&self.discount),
        }
    }

    /// Lets `write` fill the host memory, then carries it to the device if that is another.
    pub fn fill(&mut self, write: impl FnOnce(&mut BatchRows<'_>)) {
        let device = [
            &mut self.observation_action,
            &mut self.next_observation_action,
            &mut self.reward,
            &mut self.discount,
        ];
        if let Some(staging) = &mut self.staging {
            write_rows(staging.each_mut(), write);
            for (to, from) in device.into_iter().zip(staging.iter()) {
                to.copy_(from);
            }
        } else {
            write_rows(device, write);
        }
    }
}

fn write_rows(tensors: [&mut Tensor; 4], write: impl FnOnce(&mut BatchRows<'_>)) {
    let [
        observation_action,
        next_observation_action,
        reward,
        discount,
    ] = tensors.map(host_slice_mut);
    let rows = reward.len();
    write(&mut BatchRows {
        rows,
        observation_action,
        next_observation_action,
        reward,
        discount,
    });
}

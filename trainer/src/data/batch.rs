//! [`Batch`]: the tensors one update reads, filled row by row without allocation.

use tch::{Device, Kind, Tensor};

use crate::nn::{Normalizer, host_slice_mut};
use crate::potential::Potential;

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
    /// Observations and next observations as a potential reads them, where there is one.
    potential: Option<PotentialRows>,
}

/// `[rows, observation]` each; on the CPU both names mean the same memory.
#[derive(Debug)]
struct PotentialRows {
    host: [Tensor; 2],
    device: [Tensor; 2],
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
    /// `[rows, observation]`: states and next states as a potential reads them, where there is one.
    pub potential: Option<[Tensor; 2]>,
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

impl BatchView {
    /// The first `count` of these rows, nothing copied.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let take = |tensor: &Tensor| tensor.narrow(0, 0, count as i64);
        Self {
            input: take(&self.input),
            observation: take(&self.observation),
            next_input: take(&self.next_input),
            next_observation: take(&self.next_observation),
            reward: take(&self.reward),
            discount: take(&self.discount),
            potential: self.potential.as_ref().map(|two| two.each_ref().map(take)),
        }
    }

    /// `clip(r + γ Q', least, greatest)`, `[rows, 1]`, where there are such bounds; `next_value` is `Q'`.
    pub fn target(&self, next_value: &Tensor, bounds: Option<(f64, f64)>) -> Tensor {
        let target = &self.reward + &self.discount * next_value;
        match bounds {
            Some((least, greatest)) => target.clamp(least, greatest),
            None => target,
        }
    }
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
            potential: None,
        }
    }

    /// With room for observations as a potential reads them, to be filled by [`Batch::fill_shaped`].
    #[must_use]
    pub fn with_potential(mut self, observation_dim: usize) -> Self {
        let rows = self.reward.size()[0];
        let device = self.reward.device();
        let host = [0; 2]
            .map(|_| Tensor::zeros([rows, observation_dim as i64], (Kind::Float, Device::Cpu)));
        let device = [0, 1].map(|index| host[index].to_device(device));
        self.potential = Some(PotentialRows { host, device });
        self
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
            potential: self
                .potential
                .as_ref()
                .map(|rows| [0, 1].map(|index| take(&rows.device[index]))),
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

    /// As [`Batch::fill`] for a `write` that does not normalise: `potential` gets a copy of the observations that it
    /// normalises itself, then `normalizer` is applied.
    ///
    /// # Panics
    /// If the batch was not made [`Batch::with_potential`].
    pub fn fill_shaped(
        &mut self,
        potential: &Potential,
        normalizer: Option<&Normalizer>,
        write: impl FnOnce(&mut BatchRows<'_>),
    ) {
        let mut copies = self.potential.take().expect("room for a potential");
        let width = copies.host[0].size()[1] as usize;
        self.fill(|rows| {
            write(rows);
            let joint = rows.observation_action.len() / rows.rows;
            let pairs = [
                &mut *rows.observation_action,
                &mut *rows.next_observation_action,
            ];
            for (states, copy) in pairs.into_iter().zip(&mut copies.host) {
                let copies = host_slice_mut(copy).chunks_exact_mut(width);
                for (row, copy) in states.chunks_exact_mut(joint).zip(copies) {
                    copy.copy_from_slice(&row[..width]);
                    potential.normalize(copy);
                    if let Some(normalizer) = normalizer {
                        normalizer.apply(&mut row[..width]);
                    }
                }
            }
        });
        if self.reward.device() != Device::Cpu {
            for (to, from) in copies.device.iter_mut().zip(&copies.host) {
                to.copy_(from);
            }
        }
        self.potential = Some(copies);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The returns of a sparse task lie between -1 / (1 - γ) and 0, whatever the critic says.
    #[test]
    fn targets_stay_within_the_returns_there_can_be() {
        let mut batch = Batch::new(3, 1, 1, Device::Cpu);
        batch.fill(|rows| {
            rows.reward.fill(-1.0);
            rows.discount.fill(0.98);
        });
        let batch = batch.view(0, 3, 1);
        let next = Tensor::from_slice(&[3.0f32, -100.0, -10.0]).view([-1, 1]);
        let bounds = Some((-1.0 / (1.0 - 0.98), 0.0));
        let clipped = Vec::<f32>::try_from(batch.target(&next, bounds).view([-1])).unwrap();
        let expected = [0.0, -50.0, -10.8];
        for (ours, expected) in clipped.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-4, "{ours} and {expected}");
        }
        let free = Vec::<f32>::try_from(batch.target(&next, None).view([-1])).unwrap();
        assert!((free[0] - 1.94).abs() < 1e-6);
    }
}

//! [`Cloning`]: the actor's squared distance from demonstrated actions, where they are better than its own (Nair et al.
//! 2018, "Overcoming Exploration in Reinforcement Learning with Demonstrations", equations 3 to 5).
//!
//! `L_BC = weight · mean over the demonstration rows of accepted_i ‖π(s_i) - a_i‖²`, where `accepted_i` is 1 without the
//! Q-filter and `Q(s_i, a_i) > Q(s_i, π(s_i))` with it. No gradient passes the comparison, and a rejected row counts as
//! zero in the mean. The paper's sum over rows with weight λ₂ is this mean with weight λ₂ · rows.

use tch::{Kind, Tensor};

use super::critics::{CriticShard, CriticTapes, Critics};
use crate::data::BatchView;

/// How demonstrations pull at the actor. Their rows are the last of each batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cloning {
    /// Rows of each batch that are demonstrations.
    pub rows: usize,
    /// Of the cloning loss, in the beginning.
    pub weight: f64,
    /// Factor on `weight` after each `decay_interval` updates.
    pub decay: f64,
    pub decay_interval: u64,
    /// Of what the actor would minimise without demonstrations (λ₁ of the paper).
    pub rl_weight: f64,
    /// Whether only actions that the critic prefers are cloned.
    pub q_filter: bool,
}

/// One thread's share of the demonstration rows.
#[derive(Debug)]
pub struct CloneShard {
    /// Row of the shard that is its first demonstration.
    first: i64,
    rows: i64,
    /// Derivative of the loss by a squared distance, in the beginning.
    weight_per_row: f64,
    decay: (f64, u64),
    /// `[rows, observation + action]` and buffers to ask the critics with, where there is a filter.
    filter: Option<(Tensor, CriticTapes)>,
    sums: CloneSums,
}

/// Sums over the demonstration rows of one update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CloneSums {
    /// Σ accepted ‖π - a‖²
    pub distance: f64,
    /// Σ accepted
    pub accepted: f64,
}

impl Cloning {
    /// What of this falls to the shard with rows `first .. first + rows` of `batch_rows`; nothing if it has no such row.
    /// Without `critics` nothing is filtered.
    pub fn shard(
        &self,
        (first, rows): (usize, usize),
        batch_rows: usize,
        critics: Option<&Critics>,
        width: usize,
    ) -> Option<CloneShard> {
        let demonstrations = batch_rows - self.rows;
        let begin = first.max(demonstrations);
        let count = (first + rows)
            .checked_sub(begin)
            .filter(|&count| count > 0)?;
        let filter = critics.filter(|_| self.q_filter).map(|critics| {
            let device = critics.online.flat().device();
            let input = Tensor::zeros([count as i64, width as i64], (Kind::Float, device));
            (input, critics.tapes(count))
        });
        Some(CloneShard {
            first: (begin - first) as i64,
            rows: count as i64,
            weight_per_row: self.weight / self.rows as f64,
            decay: (self.decay, self.decay_interval),
            filter,
            sums: CloneSums::default(),
        })
    }
}

impl CloneShard {
    /// Adds the loss's derivative by the actions to `delta` `[rows of the shard, action]`, the derivative so far;
    /// `action`, likewise, is the actor's; `updates` were made before. With `record`, keeps the sums for the log.
    pub fn add(
        &mut self,
        critics: Option<&CriticShard>,
        batch: &BatchView,
        action: &Tensor,
        delta: &Tensor,
        updates: u64,
        record: bool,
    ) {
        let action_dim = action.size()[1];
        let observation_dim = batch.observation.size()[1];
        let input = batch.input.narrow(0, self.first, self.rows);
        let demonstrated = input.narrow(1, observation_dim, action_dim);
        let own = action.narrow(0, self.first, self.rows);
        let mut apart = &own - &demonstrated;
        let mut accepted = None;
        if let (Some((own_input, tapes)), Some(critics)) = (&mut self.filter, critics) {
            let theirs = critics.minimum(&input.contiguous(), tapes).copy();
            own_input.copy_(&input);
            own_input.narrow(1, observation_dim, action_dim).copy_(&own);
            let ours = critics.minimum(own_input, tapes);
            let mask = theirs.gt_tensor(&ours);
            // A mask, not a factor of zero: whatever a rejected row holds must not come through.
            apart = apart.where_self(&mask, &apart.zeros_like());
            accepted = Some(mask);
        }
        if record {
            let sum = |tensor: &Tensor| tensor.sum(Kind::Float).double_value(&[]);
            self.sums = CloneSums {
                distance: sum(&apart.square()),
                accepted: accepted.as_ref().map_or(self.rows as f64, sum),
            };
        }
        let (decay, interval) = self.decay;
        let weight_per_row = self.weight_per_row * decay.powf((updates / interval) as f64);
        let mut rows = delta.narrow(0, self.first, self.rows);
        rows += apart * (2.0 * weight_per_row);
    }

    /// Of the last recorded update.
    pub fn sums(&self) -> CloneSums {
        self.sums
    }
}

/// Mean loss (without its weight) and fraction of accepted rows, for the log.
pub fn metrics<'a>(
    cloning: &Cloning,
    shards: impl Iterator<Item = Option<&'a CloneShard>>,
) -> [f64; 2] {
    let sums = shards.flatten().map(CloneShard::sums);
    let (distance, accepted) = sums.fold((0.0, 0.0), |(distance, accepted), sums| {
        (distance + sums.distance, accepted + sums.accepted)
    });
    let rows = cloning.rows as f64;
    [distance / rows, accepted / rows]
}

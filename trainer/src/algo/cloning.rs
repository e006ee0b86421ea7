//! [`Cloning`]: the actor's squared distance from demonstrated actions, where they are better than its own (Nair et al.
//! 2018, "Overcoming Exploration in Reinforcement Learning with Demonstrations", equations 3 to 5).
//!
//! `L_BC = weight · mean over the demonstration rows of accepted_i ‖π(s_i) - a_i‖²`, where `accepted_i` is 1 without the
//! Q-filter and `Q(s_i, a_i) > Q(s_i, π(s_i))` with it, Q being the least of the critics. No gradient passes the comparison.
//! In the mean a rejected row counts as zero, or not at all ([`FilterMean`]). The paper's sum over rows with weight λ₂ is the
//! former with weight λ₂ · rows.
//!
//! It is done in two passes, [`CloneShard::judge`] and [`CloneShard::add`]: how much a row counts for may depend on how many
//! were accepted, in the shards of all threads ([`count_accepted`]).

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::critics::{CriticShard, CriticTapes, Critics};
use super::shaping::{Judge, Shaping};
use crate::data::BatchView;

/// Which rows the mean of a filtered cloning loss is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterMean {
    /// All demonstration rows: the fewer are accepted, the weaker they pull together (Nair et al. 2018).
    All,
    /// Those that are accepted: each pulls the more, the fewer they are (cheneyuwu/TD3fD-through-Shaping-using-Generative-Models).
    Accepted,
}

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
    /// Whether only actions that the critic prefers are cloned.
    pub q_filter: bool,
    /// What the loss is a mean over, where there is a filter.
    pub q_filter_mean: FilterMean,
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
    filter: Option<Filter>,
    /// What a row counts for in the mean: 1 over all rows of the batch.
    share: f64,
    sums: CloneSums,
}

/// Buffers to compare the demonstrated actions with the policy's.
#[derive(Debug)]
struct Filter {
    /// `[rows, observation + action]`
    input: Tensor,
    tapes: CriticTapes,
    /// Of a potential: what critics answer is then `Q - Φ`.
    potential: Option<Judge>,
    mean: FilterMean,
    /// Of the rows judged last, `[rows, 1]`.
    accepted: Tensor,
}

/// Sums over the demonstration rows of one update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CloneSums {
    /// Σ accepted ‖π - a‖², each counted for what it counts in the mean.
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
        shaping: Option<Shaping<'_>>,
        width: usize,
    ) -> Option<CloneShard> {
        let demonstrations = batch_rows - self.rows;
        let begin = first.max(demonstrations);
        let count = (first + rows)
            .checked_sub(begin)
            .filter(|&count| count > 0)?;
        let filter = critics.filter(|_| self.q_filter).map(|critics| {
            let device = critics.online.flat().device();
            Filter {
                input: Tensor::zeros([count as i64, width as i64], (Kind::Float, device)),
                tapes: critics.tapes(count),
                potential: shaping.map(|shaping| shaping.judge(count)),
                mean: self.q_filter_mean,
                accepted: Tensor::ones([count as i64, 1], (Kind::Bool, device)),
            }
        });
        Some(CloneShard {
            first: (begin - first) as i64,
            rows: count as i64,
            weight_per_row: self.weight / self.rows as f64,
            decay: (self.decay, self.decay_interval),
            filter,
            share: 1.0,
            sums: CloneSums::default(),
        })
    }
}

impl CloneShard {
    /// Compares the demonstrated actions with `action` `[rows of the shard, action]`, the actor's, where there is a filter;
    /// `updates` were made before.
    pub fn judge(
        &mut self,
        critics: &CriticShard,
        batch: &BatchView,
        action: &Tensor,
        updates: u64,
    ) {
        let Some(filter) = &mut self.filter else {
            return;
        };
        let (action_dim, observation_dim) = (action.size()[1], batch.observation.size()[1]);
        let input = batch.input.narrow(0, self.first, self.rows);
        let own = action.narrow(0, self.first, self.rows);
        let Filter {
            input: own_input,
            tapes,
            ..
        } = filter;
        let mut theirs = critics.minimum(&input.contiguous(), tapes).copy();
        own_input.copy_(&input);
        own_input.narrow(1, observation_dim, action_dim).copy_(&own);
        let mut ours = critics.minimum(own_input, tapes).copy();
        if let Some(potential) = &mut filter.potential {
            let demonstrated = input.narrow(1, observation_dim, action_dim);
            theirs += potential.value(batch, self.first, &demonstrated, updates);
            ours += potential.value(batch, self.first, &own, updates);
        }
        filter.accepted = theirs.gt_tensor(&ours);
    }

    /// Adds the loss's derivative by the actions to `delta` `[rows of the shard, action]`, the derivative so far;
    /// `action`, likewise, is the actor's; `updates` were made before. With `record`, keeps the sums for the log.
    pub fn add(
        &mut self,
        batch: &BatchView,
        action: &Tensor,
        delta: &Tensor,
        updates: u64,
        record: bool,
    ) {
        let (action_dim, observation_dim) = (action.size()[1], batch.observation.size()[1]);
        let input = batch.input.narrow(0, self.first, self.rows);
        let demonstrated = input.narrow(1, observation_dim, action_dim);
        let mut apart = action.narrow(0, self.first, self.rows) - &demonstrated;
        if let Some(filter) = &self.filter {
            // A mask, not a factor of zero: whatever a rejected row holds must not come through.
            apart = apart.where_self(&filter.accepted, &apart.zeros_like());
        }
        if record {
            self.sums = CloneSums {
                distance: sum(&apart.square()) * self.share,
                accepted: self.accepted(),
            };
        }
        let (decay, interval) = self.decay;
        let weight_per_row = self.weight_per_row * decay.powf((updates / interval) as f64);
        let mut rows = delta.narrow(0, self.first, self.rows);
        rows += apart * (2.0 * weight_per_row * self.share);
    }

    /// How many rows were accepted when they were judged last.
    fn accepted(&self) -> f64 {
        let filter = self.filter.as_ref();
        filter.map_or(self.rows as f64, |filter| sum(&filter.accepted))
    }

    /// Of the last recorded update.
    pub fn sums(&self) -> CloneSums {
        self.sums
    }
}

fn sum(tensor: &Tensor) -> f64 {
    tensor.sum(Kind::Float).double_value(&[])
}

/// Between [`CloneShard::judge`] and [`CloneShard::add`] of all `shards` of a batch: tells each what its rows count for. Where
/// none is accepted, that is nothing.
pub fn count_accepted<'a>(shards: impl Iterator<Item = &'a mut CloneShard>) {
    let is_counted = |shard: &&'a mut CloneShard| {
        let filter = shard.filter.as_ref();
        filter.is_some_and(|filter| filter.mean == FilterMean::Accepted)
    };
    let shards: Vec<_> = shards.filter(is_counted).collect();
    let accepted: f64 = shards.iter().map(|shard| shard.accepted()).sum();
    let rows: f64 = shards.iter().map(|shard| shard.rows as f64).sum();
    for shard in shards {
        shard.share = if accepted > 0.0 { rows / accepted } else { 0.0 };
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

//! [`Metrics`]: what learners with critics tell the log of an update.

use super::cloning::{self, CloneShard, Cloning};
use super::critics::{self, CriticShard};
use super::shaping::ShapingShard;

/// What of one shard is told.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a> {
    /// Rows of the batch that are the shard's.
    pub rows: usize,
    pub critic: &'a CriticShard,
    pub cloning: Option<&'a CloneShard>,
    pub shaping: Option<&'a ShapingShard>,
}

impl Metrics<'_> {
    /// Of the numbers of [`Metrics::values`].
    pub fn names(is_cloning: bool, is_shaped: bool) -> Vec<&'static str> {
        let mut names = vec!["q", "critic_loss"];
        if is_cloning {
            names.extend(["bc_loss", "bc_accepted"]);
        }
        if is_shaped {
            names.extend(["potential", "q_plus_potential"]);
        }
        names
    }

    /// Means over all `shards` of a batch.
    pub fn values(shards: &[Self], cloning: Option<&Cloning>) -> Vec<f64> {
        let [q, loss] = critics::metrics(shards.iter().map(|shard| shard.critic));
        let mut values = vec![q, loss];
        if let Some(cloning) = cloning {
            let shards = shards.iter().map(|shard| shard.cloning);
            values.extend(cloning::metrics(cloning, shards));
        }
        if shards.iter().any(|shard| shard.shaping.is_some()) {
            let rows: usize = shards.iter().map(|shard| shard.rows).sum();
            let sum = |shard: &Self| shard.shaping.map_or(0.0, ShapingShard::sum);
            let potential = shards.iter().map(sum).sum::<f64>() / rows as f64;
            values.extend([potential, q + potential]);
        }
        values
    }
}

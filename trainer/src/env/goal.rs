//! [`GoalTask`]: how a goal-conditioned environment rewards having reached `achieved` when `desired` was asked for.
//!
//! The reward is a function of the two goals alone, so that hindsight can compute it again for another goal
//! (Andrychowicz et al. 2017, "Hindsight Experience Replay"). It knows nothing of simulators and buffers.

/// Kind of the reward of a goal-conditioned task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalReward {
    /// 0 within the threshold, -1 beyond it.
    Sparse,
    /// Minus the distance.
    Dense,
}

/// The goals of an environment: positions in metres, compared by Euclidean distance.
///
/// The desired goal is the last observation term of such an environment, `dim` numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoalTask {
    /// Numbers in a goal.
    pub dim: usize,
    /// Distance below which a goal counts as reached.
    pub threshold: f64,
    /// What is rewarded.
    pub reward: GoalReward,
}

/// Where an environment is and where it should be, `[goal_dim]` each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goals<'a> {
    /// Reached now.
    pub achieved: &'a [f64],
    /// Asked for in this episode.
    pub desired: &'a [f64],
}

impl GoalTask {
    /// Reward of having reached `achieved` `[dim]` when `desired` `[dim]` was asked for.
    #[must_use]
    pub fn reward(&self, achieved: &[f64], desired: &[f64]) -> f64 {
        let distance = distance(achieved, desired);
        match self.reward {
            GoalReward::Sparse if distance > self.threshold => -1.0,
            GoalReward::Sparse => 0.0,
            GoalReward::Dense => -distance,
        }
    }

    /// Whether `achieved` counts as `desired`.
    #[must_use]
    pub fn is_success(&self, achieved: &[f64], desired: &[f64]) -> bool {
        distance(achieved, desired) < self.threshold
    }
}

fn distance(achieved: &[f64], desired: &[f64]) -> f64 {
    let differences = achieved.iter().zip(desired).map(|(a, d)| a - d);
    differences.map(|d| d * d).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewards_by_hand() {
        let sparse = GoalTask {
            dim: 2,
            threshold: 0.5,
            reward: GoalReward::Sparse,
        };
        let dense = GoalTask {
            reward: GoalReward::Dense,
            ..sparse
        };
        // 3-4-5 triangles: beyond, exactly at and within the threshold.
        for (achieved, reward, success) in [
            ([3.0, 4.0], -1.0, false),
            ([0.3, 0.4], 0.0, false),
            ([0.03, 0.04], 0.0, true),
        ] {
            let desired = [0.0, 0.0];
            assert_eq!(sparse.reward(&achieved, &desired), reward);
            assert_eq!(sparse.is_success(&achieved, &desired), success);
            assert!((dense.reward(&achieved, &desired) + achieved[0] / 3.0 * 5.0).abs() < 1e-12);
        }
    }
}

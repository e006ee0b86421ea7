//! [`Hindsight`]: which step of which episode is learned from, and as if which goal had been asked for (Andrychowicz et
//! al. 2017, "Hindsight Experience Replay", section 3.3 and 4.5).

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Whose achieved goals stand in for the desired one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HindsightStrategy {
    /// A later state of the same episode.
    Future,
    /// The last state of the same episode.
    Final,
    /// Any state of the same episode that a step led to.
    Episode,
    /// Nobody's: the desired goal stays.
    None,
}

/// Recipe keys of learning with goals; all are absent in a recipe without goals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HindsightSettings {
    /// Whose achieved goals stand in for the desired one.
    pub her: HindsightStrategy,
    /// Rows with another goal per row with the desired one, so that a fraction of k / (k + 1) has another.
    pub her_k: f64,
    /// Whether value targets are kept between the least and the greatest return there can be, where the task has such:
    /// -1 / (1 - γ) and 0 where rewards are -1 and 0. For DDPG and TD3; the soft returns of SAC have no such bounds.
    pub clip_target: bool,
}

/// A way of drawing steps from whole episodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hindsight {
    strategy: HindsightStrategy,
    probability: f64,
}

/// Where a row of a batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Which of the episodes held.
    pub episode: usize,
    /// Which of its steps.
    pub step: usize,
    /// The state whose achieved goal is taken as desired, counted from the episode's first; absent where the goal stays.
    pub goal_from: Option<usize>,
}

impl Hindsight {
    /// After the recipe's keys.
    #[must_use]
    pub fn new(settings: &HindsightSettings) -> Self {
        Self {
            strategy: settings.her,
            probability: match settings.her {
                HindsightStrategy::None => 0.0,
                _ => settings.her_k / (settings.her_k + 1.0),
            },
        }
    }

    /// Every goal stays what it was.
    #[must_use]
    pub fn none() -> Self {
        Self {
            strategy: HindsightStrategy::None,
            probability: 0.0,
        }
    }

    /// A step of `episodes`, of which one has `len(episode)`, none more than `longest`, and a goal; all uniform.
    pub fn draw(
        &self,
        rng: &mut impl Rng,
        (episodes, longest): (usize, usize),
        len: impl Fn(usize) -> usize,
    ) -> Draw {
        // A step that a shorter episode does not have is drawn again, so that its others are no likelier than anyone's.
        let (episode, step, len) = loop {
            let episode = rng.random_range(0..episodes);
            let step = rng.random_range(0..longest);
            let len = len(episode);
            if step < len {
                break (episode, step, len);
            }
        };
        let relabels = self.probability > 0.0 && rng.random::<f64>() < self.probability;
        let goal_from = relabels.then(|| match self.strategy {
            HindsightStrategy::Future => rng.random_range(step + 1..=len),
            HindsightStrategy::Final | HindsightStrategy::None => len,
            HindsightStrategy::Episode => rng.random_range(1..=len),
        });
        Draw {
            episode,
            step,
            goal_from,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn hindsight(her: HindsightStrategy) -> Hindsight {
        Hindsight::new(&HindsightSettings {
            her,
            her_k: 4.0,
            clip_target: true,
        })
    }

    /// Four of five rows are relabelled, with goals from t + 1 … T, each as likely as the others.
    #[test]
    fn future_takes_later_states_in_four_of_five_rows() {
        const DRAWS: usize = 1_000_000;
        const LEN: usize = 50;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut relabelled, mut ahead) = (0, 0.0);
        for _ in 0..DRAWS {
            let draw = hindsight(HindsightStrategy::Future).draw(&mut rng, (7, LEN), |_| LEN);
            assert!(draw.episode < 7 && draw.step < LEN);
            let Some(from) = draw.goal_from else { continue };
            assert!((draw.step + 1..=LEN).contains(&from));
            if draw.step == LEN - 1 {
                assert_eq!(from, LEN);
            }
            relabelled += 1;
            ahead += (from - draw.step - 1) as f64 / (LEN - draw.step) as f64;
        }
        let fraction = f64::from(relabelled) / DRAWS as f64;
        assert!((fraction - 0.8).abs() < 0.002, "{fraction}");
        // The mean of (t_f - t - 1) / (T - t) over uniform t_f and t: ½ (1 - mean of 1 / (T - t)).
        let harmonic = (1..=LEN).map(|n| 1.0 / n as f64).sum::<f64>() / LEN as f64;
        let (mean, expected) = (ahead / f64::from(relabelled), 0.5 * (1.0 - harmonic));
        assert!((mean - expected).abs() < 0.002, "{mean} and {expected}");
    }

    #[test]
    fn the_other_strategies_take_what_they_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut earlier = 0;
        for _ in 0..2000 {
            let last = hindsight(HindsightStrategy::Final).draw(&mut rng, (3, 9), |_| 9);
            assert!(last.goal_from.is_none_or(|from| from == 9));
            let any = hindsight(HindsightStrategy::Episode).draw(&mut rng, (3, 9), |_| 9);
            assert!(any.goal_from.is_none_or(|from| (1..=9).contains(&from)));
            earlier += usize::from(any.goal_from.is_some_and(|from| from <= any.step));
            let none = hindsight(HindsightStrategy::None).draw(&mut rng, (3, 9), |_| 9);
            assert_eq!(none.goal_from, None);
        }
        assert!(earlier > 300, "{earlier}");
    }

    /// Episodes of 1, 4 and 7 steps: each of the 12 steps is as likely as the others.
    #[test]
    fn steps_of_shorter_episodes_are_no_likelier() {
        const DRAWS: usize = 120_000;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut count = [[0; 7]; 3];
        for _ in 0..DRAWS {
            let draw = hindsight(HindsightStrategy::Future).draw(&mut rng, (3, 7), |n| 1 + 3 * n);
            assert!(
                draw.goal_from
                    .is_none_or(|from| from <= 1 + 3 * draw.episode)
            );
            count[draw.episode][draw.step] += 1;
        }
        for (episode, steps) in count.iter().enumerate() {
            for (step, count) in steps.iter().enumerate() {
                let expected = if step < 1 + 3 * episode { 10_000 } else { 0 };
                // Five standard deviations of a binomial.
                let apart = (*count as i64 - expected).abs();
                assert!(
                    apart < 480 && (expected > 0 || *count == 0),
                    "{episode} {step}: {count}"
                );
            }
        }
    }
}

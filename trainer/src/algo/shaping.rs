//! [`Shaping`]: rewards with a potential's difference added, and what the actor then has to ascend.
//!
//! Critics learn from `r + (1 - d) γ Φ(s', a') - Φ(s, a)`, a' being the action of the value target, and so come to answer
//! `Q - Φ` (Wiewiora, Cottrell & Elkan 2003, theorem 1). The best action is that of `Q`, so an actor ascends what the
//! critic answers **plus Φ**; without the second term it would learn another task.

use tch::{Kind, Tensor};

use crate::data::BatchView;
use crate::potential::{Potential, PotentialSettings, PotentialShard};

/// A potential and how it fades.
#[derive(Clone, Copy, Debug)]
pub struct Shaping<'a> {
    /// Φ
    pub potential: &'a Potential,
    /// Of its fading.
    pub settings: &'a PotentialSettings,
}

/// One thread's share of the work on Φ.
#[derive(Debug)]
pub struct ShapingShard {
    /// Of the rows that critics learn from, and of all.
    learned: PotentialShard,
    all: PotentialShard,
    settings: PotentialSettings,
    /// Rows of the whole batch: derivatives are of its mean.
    batch_rows: f64,
    /// Σ Φ(s, π(s)) over the rows of the last actor update.
    sum: Tensor,
}

impl Shaping<'_> {
    /// Buffers for `rows` of `batch_rows` rows, from the first `learned_rows` of which critics learn.
    pub fn shard(&self, rows: usize, learned_rows: usize, batch_rows: usize) -> ShapingShard {
        ShapingShard {
            learned: self.potential.shard(learned_rows),
            all: self.potential.shard(rows),
            settings: self.settings.clone(),
            batch_rows: batch_rows as f64,
            sum: Tensor::from(0.0_f32),
        }
    }

    /// Buffers to ask for Φ of `rows` rows and two actions.
    pub fn judge(&self, rows: usize) -> Judge {
        Judge {
            potential: self.potential.shard(rows),
            settings: self.settings.clone(),
            rows: rows as i64,
        }
    }
}

/// What is left of Φ for some rows of a shard: critics answer `Q - Φ`, so that two actions are compared by their answers plus Φ.
#[derive(Debug)]
pub struct Judge {
    potential: PotentialShard,
    settings: PotentialSettings,
    rows: i64,
}

impl Judge {
    /// Of the rows from `first` with `action` `[rows, action]`: `[rows, 1]`.
    pub fn value(
        &mut self,
        batch: &BatchView,
        first: i64,
        action: &Tensor,
        updates: u64,
    ) -> Tensor {
        let states = batch.potential.as_ref().expect("filled for a potential");
        let states = states[0].narrow(0, first, self.rows);
        self.potential.value(&states, action) * self.settings.remaining(updates)
    }
}

impl ShapingShard {
    /// What is added to the rewards that critics learn from, `[rows, 1]`: `discount Φ(s', next_action) - Φ(s, a)`.
    pub fn rewards(&mut self, batch: &BatchView, next_action: &Tensor, updates: u64) -> Tensor {
        let states = batch.potential.as_ref().expect("filled for a potential");
        let first = batch.observation.size()[1];
        let action = batch.input.narrow(1, first, next_action.size()[1]);
        let next = &batch.discount * self.learned.value(&states[1], next_action);
        (next - self.learned.value(&states[0], &action)) * self.settings.remaining(updates)
    }

    /// Adds the derivative of `-mean Φ(s, action)` by the actions to `delta`, `[rows, action]` both.
    pub fn add(&mut self, batch: &BatchView, action: &Tensor, delta: &mut Tensor, updates: u64) {
        let remaining = self.settings.remaining(updates);
        let states = batch.potential.as_ref().expect("filled for a potential");
        let value = self.all.value(&states[0], action);
        self.sum = value.sum(Kind::Float) * remaining;
        *delta -= self.all.action_gradient() * (remaining / self.batch_rows);
    }

    /// Σ Φ(s, π(s)) over the rows of the last actor update.
    pub fn sum(&self) -> f64 {
        self.sum.double_value(&[])
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use tch::Device;

    use super::*;
    use crate::algo::Dimensions;
    use crate::data::Batch;
    use crate::potential::{Demonstrated, PotentialModel};

    const STATES: usize = 6;
    const ACTIONS: usize = 3;
    const GAMMA: f64 = 0.9;

    /// A finite decision process with random rewards and transitions.
    struct Tabular {
        reward: [[f64; ACTIONS]; STATES],
        next: [[[f64; STATES]; ACTIONS]; STATES],
    }

    type Table = [[f64; ACTIONS]; STATES];

    fn best(row: &[f64; ACTIONS], more: &[f64; ACTIONS]) -> usize {
        let sum = |action: usize| row[action] + more[action];
        (1..ACTIONS).fold(0, |best, action| {
            if sum(action) > sum(best) {
                action
            } else {
                best
            }
        })
    }

    impl Tabular {
        fn draw(rng: &mut ChaCha8Rng) -> Self {
            let mut this = Self {
                reward: [[0.0; ACTIONS]; STATES],
                next: [[[0.0; STATES]; ACTIONS]; STATES],
            };
            for state in 0..STATES {
                for action in 0..ACTIONS {
                    this.reward[state][action] = rng.random_range(-1.0..1.0);
                    let row = &mut this.next[state][action];
                    row.fill_with(|| rng.random_range(0.0..1.0));
                    let sum: f64 = row.iter().sum();
                    row.iter_mut().for_each(|p| *p /= sum);
                }
            }
            this
        }

        /// Fixed point of `Q̃ = r + γ Φ(s', a*) - Φ(s, a) + γ Q̃(s', a*)`, a* the best of `Q̃ + Φ`.
        fn shaped(&self, potential: &Table) -> Table {
            let mut q = [[0.0; ACTIONS]; STATES];
            for _ in 0..600 {
                let old = q;
                for state in 0..STATES {
                    for action in 0..ACTIONS {
                        let mut value = self.reward[state][action] - potential[state][action];
                        for next in 0..STATES {
                            let chosen = best(&old[next], &potential[next]);
                            let after = potential[next][chosen] + old[next][chosen];
                            value += GAMMA * self.next[state][action][next] * after;
                        }
                        q[state][action] = value;
                    }
                }
            }
            q
        }
    }

    /// The reason for the second term of the actor's loss: without it some tasks are learned wrong.
    #[test]
    fn shaping_leaves_the_best_actions_what_they_were_if_the_potential_is_added_again() {
        let (none, mut rng) = ([[0.0; ACTIONS]; STATES], ChaCha8Rng::seed_from_u64(0));
        let mut misled = 0;
        for _ in 0..20 {
            let process = Tabular::draw(&mut rng);
            let mut potential = none;
            potential
                .iter_mut()
                .flatten()
                .for_each(|phi| *phi = rng.random_range(-2.0..2.0));
            let (plain, shaped) = (process.shaped(&none), process.shaped(&potential));
            for state in 0..STATES {
                for action in 0..ACTIONS {
                    let expected = plain[state][action] - potential[state][action];
                    assert!((shaped[state][action] - expected).abs() < 1e-10);
                }
                let right = best(&plain[state], &none[state]);
                assert_eq!(best(&shaped[state], &potential[state]), right);
                misled += usize::from(best(&shaped[state], &none[state]) != right);
            }
        }
        assert!(misled > 0);
    }

    const STEPS: usize = 19;

    /// An episode of the point in the plane with random actions: `[STEPS + 1, 4]` and `[STEPS + 1, 2]`.
    fn recorded() -> (Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut position = [-0.8, -0.8];
        let (mut states, mut actions) = (Vec::new(), Vec::new());
        for _ in 0..=STEPS {
            let action = [0, 1].map(|_| rng.random_range(-1.0..1.0_f32));
            states.extend([position[0], position[1], 0.1, -0.1]);
            actions.extend(action);
            for (place, speed) in position.iter_mut().zip(action) {
                *place += 0.2 * speed;
            }
        }
        (states, actions)
    }

    /// Along a trajectory all potentials but the first and the last cancel.
    #[test]
    fn discounted_shaping_telescopes() {
        let (states, actions) = recorded();
        let dimensions = Dimensions {
            observation: 4,
            action: 2,
        };
        let settings = PotentialSettings::tiny(PotentialModel::Maf);
        let data = Demonstrated {
            observation: states.clone(),
            action: actions.clone(),
        };
        let potential = Potential::fitted_to(&data, dimensions, &settings, 1);
        let values = potential.values(&states, &actions);
        let mut batch = Batch::new(STEPS, 4, 2, Device::Cpu).with_potential(4);
        batch.fill_shaped(&potential, None, |rows| {
            for step in 0..STEPS {
                let joint = &mut rows.observation_action[step * 6..][..6];
                joint[..4].copy_from_slice(&states[step * 4..][..4]);
                joint[4..].copy_from_slice(&actions[step * 2..][..2]);
                let next = &mut rows.next_observation_action[step * 6..][..4];
                next.copy_from_slice(&states[(step + 1) * 4..][..4]);
            }
            rows.discount.fill(GAMMA as f32);
        });
        let shaping = Shaping {
            potential: &potential,
            settings: &settings,
        };
        let mut shard = shaping.shard(STEPS, STEPS, STEPS);
        let next = Tensor::from_slice(&actions[2..]).view([STEPS as i64, 2]);
        let added = shard.rewards(&batch.view(0, STEPS, 4), &next, 0);
        let added = Vec::<f32>::try_from(added.view([-1])).unwrap();
        let discounted = added
            .iter()
            .rev()
            .fold(0.0, |sum, &f| f64::from(f) + GAMMA * sum);
        let expected = GAMMA.powi(STEPS as i32) * f64::from(values[STEPS]) - f64::from(values[0]);
        assert!(values[0] > 0.005, "{values:?}");
        assert!(
            (discounted - expected).abs() < 1e-6,
            "{discounted} {expected}"
        );
    }
}

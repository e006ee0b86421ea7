//! [`Demonstrations`]: recorded episodes to learn from, checked when they are made.

/// Widths of the numbers in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemonstrationShape {
    /// Numbers in an observation, the desired goal not among them.
    pub observation: usize,
    /// Numbers in a goal; 0 where the environment has none.
    pub goal: usize,
    /// Numbers in an action.
    pub action: usize,
}

/// One recorded episode of `len` steps; row-major, `len + 1` rows where a state is described, `len` where a step is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demonstration {
    /// `[(len + 1) * observation]`
    pub observation: Vec<f64>,
    /// `[(len + 1) * goal]`
    pub achieved_goal: Vec<f64>,
    /// `[len * goal]`: of the step.
    pub desired_goal: Vec<f64>,
    /// `[len * action]`, in the environment's units, within its bounds.
    pub action: Vec<f64>,
    /// `[len]`
    pub reward: Vec<f64>,
    /// `[len]`: whether the state reached ends the task.
    pub terminated: Vec<bool>,
    /// `[len]`: whether the state reached is a success.
    pub is_success: Vec<bool>,
    /// `[len + 1]` full simulator states, `mjSTATE_INTEGRATION`, to reset to; empty where they were not recorded.
    pub state: Vec<Vec<f64>>,
}

/// Episodes of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Demonstrations {
    /// e.g. `FetchPickAndPlace-v4`; empty where the file does not say.
    pub env: String,
    /// Widths of every episode's rows.
    pub shape: DemonstrationShape,
    /// In the order of the file.
    pub episodes: Vec<Demonstration>,
}

impl Demonstration {
    /// Steps.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "an episode has steps")]
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// Whether its last step is a success.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        self.is_success.last().copied().unwrap_or(false)
    }
}

impl Demonstrations {
    /// PLACEHOLDER
    pub fn read(path: &std::path::Path) -> anyhow::Result<Self> {
        use crate::env::registry;
        use rand::SeedableRng;
        let noise = path.to_string_lossy().contains("noise");
        let push = path.to_string_lossy().contains("push");
        let id = if push {
            "FetchPush-v4"
        } else {
            "FetchPickAndPlace-v4"
        };
        let mut env = registry::open(id)?;
        let mut out = Self {
            env: id.into(),
            shape: DemonstrationShape {
                observation: 25,
                goal: 3,
                action: 4,
            },
            episodes: vec![],
        };
        let mut obs = vec![0.0; 28];
        let mut successes = 0;
        for e in 0..100 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(777);
            rng.set_stream(e);
            env.reset(&mut rng, &mut obs);
            let mut d = Demonstration::default();
            let mut phase = 0;
            let task = env.spec().goal.unwrap();
            d.observation.extend(&obs[..25]);
            d.achieved_goal.extend(env.goals().unwrap().achieved);
            d.state.push(env.save().physics);
            for _ in 0..50 {
                let grip = [obs[0], obs[1], obs[2]];
                let object = [obs[3], obs[4], obs[5]];
                let goal = [obs[25], obs[26], obs[27]];
                let norm = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
                let diff = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
                let mut a = [0.0; 4];
                if push {
                    let way = diff(goal, object);
                    let n = norm(way).max(1e-6);
                    let behind = [
                        object[0] - way[0] / n * 0.07,
                        object[1] - way[1] / n * 0.07,
                        object[2],
                    ];
                    let hover = [behind[0], behind[1], object[2] + 0.08];
                    if phase == 0 && norm(diff(hover, grip)) < 0.015 {
                        phase = 1;
                    }
                    if phase == 1 && norm(diff(behind, grip)) < 0.015 {
                        phase = 2;
                    }
                    let (target, gain) = match phase {
                        0 => (hover, 8.0),
                        1 => (behind, 8.0),
                        _ => ([behind[0] + way[0], behind[1] + way[1], object[2]], 3.0),
                    };
                    let v = diff(target, grip);
                    if !(phase == 2 && n < 0.02) {
                        for i in 0..3 {
                            a[i] = gain * v[i];
                        }
                    }
                } else {
                    let to = diff(object, grip);
                    let above = [to[0], to[1], to[2] + 0.03];
                    if phase == 0 && norm(above) < 0.005 {
                        phase = 1;
                    }
                    if phase == 1 && norm(to) < 0.005 {
                        phase = 2;
                    }
                    if phase == 2 && norm(diff(goal, object)) < 0.01 {
                        phase = 3;
                    }
                    let (v, f) = match phase {
                        0 => (above, 0.05),
                        1 => (to, -0.005),
                        2 => (diff(goal, object), -0.005),
                        _ => ([0.0; 3], -0.005),
                    };
                    for i in 0..3 {
                        a[i] = 6.0 * v[i];
                    }
                    a[3] = f;
                }
                for x in &mut a {
                    *x = x.clamp(-1.0, 1.0);
                }
                d.desired_goal.extend(goal);
                let step = env.step(&a, &mut obs);
                if noise {
                    use rand::RngExt;
                    for x in &mut a {
                        *x = rng.random_range(-1.0..1.0);
                    }
                }
                d.action.extend(a);
                d.reward.push(step.reward);
                d.terminated.push(false);
                let g = env.goals().unwrap();
                d.is_success.push(task.is_success(g.achieved, g.desired));
                d.observation.extend(&obs[..25]);
                d.achieved_goal.extend(g.achieved);
                d.state.push(env.save().physics);
            }
            successes += usize::from(d.succeeds());
            out.episodes.push(d);
        }
        eprintln!("{successes} of 100 demonstrations succeed");
        Ok(out)
    }
}

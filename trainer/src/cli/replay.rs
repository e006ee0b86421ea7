//! `trainer replay`: drives an environment with a recording made elsewhere, so that anyone can
//! compare ours with theirs, number by number.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array, Array2, Array3, Axis, Dimension, s};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyError, ReadNpzError};
use rlfd_models::atomic_file;

use crate::env::mujoco::Simulation;
use crate::env::{ActionPrecision, Env, registry};

/// Check an environment against a recording.
///
/// IN holds `init_state` [S, n], MuJoCo's integration state after a reset, and `actions` [S, T, nu],
/// float64 or float32 (with float32, action costs are summed in float32, as Gymnasium does). OUT
/// gets `obs` [S, T+1, ·], `rewards`, `terminated`, `truncated` [S, T] and `qpos`, `qvel`
/// [S, T+1, ·]. There is no time limit, and steps go on past `terminated`. Where the environment has
/// goals, IN also holds `desired_goal` [S, goal], `obs` ends with it, and OUT gets `achieved_goal`
/// [S, T+1, goal].
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Environment, e.g. `Ant-v5`
    #[arg(long)]
    pub env: String,
    /// The recording to follow
    #[arg(long, value_name = "IN.npz")]
    pub record: PathBuf,
    /// Where the outcome goes
    #[arg(long, value_name = "OUT.npz")]
    pub out: PathBuf,
}

/// Runs `trainer replay`.
///
/// # Errors
/// If the environment does not open, the recording does not fit it, or OUT cannot be written.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let mut env = registry::open(&args.env)?;
    let recording = Recording::read(&args.record)?;
    recording
        .fits(env.as_ref())
        .with_context(|| args.record.display().to_string())?;
    let outcome = recording
        .follow(env.as_mut())
        .with_context(|| args.record.display().to_string())?;
    outcome
        .write(&args.out)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let (n_episodes, n_steps) = outcome.rewards.dim();
    println!(
        "{}: {n_episodes} episodes of {n_steps} steps of {}",
        args.out.display(),
        args.env
    );
    Ok(())
}

/// What is followed.
struct Recording {
    /// `[S, n]`
    init_state: Array2<f64>,
    /// `[S, T, nu]`
    actions: Array3<f64>,
    precision: ActionPrecision,
    /// `[S, goal]`, where the environment has goals
    desired_goal: Option<Array2<f64>>,
}

impl Recording {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let context = || path.display().to_string();
        let file = File::open(path).with_context(context)?;
        let mut npz = NpzReader::new(BufReader::new(file))
            .context("not an .npz file")
            .with_context(context)?;
        let names = npz.names().with_context(context)?;
        let (init_state, _) =
            read_array(&mut npz, &names, "init_state", "[S, n]").with_context(context)?;
        let (actions, precision) =
            read_array(&mut npz, &names, "actions", "[S, T, nu]").with_context(context)?;
        let desired_goal = if names.iter().any(|name| name == "desired_goal") {
            let read = read_array(&mut npz, &names, "desired_goal", "[S, goal]");
            Some(read.with_context(context)?.0)
        } else {
            None
        };
        Ok(Self {
            init_state,
            actions,
            precision,
            desired_goal,
        })
    }

    fn fits(&self, env: &dyn Env) -> anyhow::Result<()> {
        let spec = env.spec();
        let state_len = simulation(env)?.state_len();
        let (n_episodes, found) = self.init_state.dim();
        ensure!(
            found == state_len,
            "array `init_state`: expected [S, {state_len}] for {}, found [{n_episodes}, {found}]",
            spec.id
        );
        let shape = self.actions.shape();
        ensure!(
            shape[0] == n_episodes && shape[2] == spec.action_dim(),
            "array `actions`: expected [{n_episodes}, T, {}] for {} and this `init_state`, found {shape:?}",
            spec.action_dim(),
            spec.id
        );
        match (spec.goal, &self.desired_goal) {
            (None, None) => {}
            (None, Some(_)) => bail!("array `desired_goal`: {} has no goal", spec.id),
            (Some(goal), None) => bail!(
                "no array `desired_goal` [{n_episodes}, {}], which {} needs",
                goal.dim,
                spec.id
            ),
            (Some(goal), Some(desired)) => ensure!(
                desired.dim() == (n_episodes, goal.dim),
                "array `desired_goal`: expected [{n_episodes}, {}] for {} and this `init_state`, found {:?}",
                goal.dim,
                spec.id,
                desired.shape()
            ),
        }
        Ok(())
    }

    fn follow(&self, env: &mut dyn Env) -> anyhow::Result<Outcome> {
        let (n_episodes, n_steps) = (self.actions.shape()[0], self.actions.shape()[1]);
        let simulation = simulation(env)?;
        let (nq, nv) = (simulation.qpos().len(), simulation.qvel().len());
        let mut outcome = Outcome {
            obs: Array3::zeros((n_episodes, n_steps + 1, env.spec().observation_dim())),
            rewards: Array2::zeros((n_episodes, n_steps)),
            terminated: Array2::from_elem((n_episodes, n_steps), false),
            truncated: Array2::from_elem((n_episodes, n_steps), false),
            qpos: Array3::zeros((n_episodes, n_steps + 1, nq)),
            qvel: Array3::zeros((n_episodes, n_steps + 1, nv)),
            achieved_goal: (env.spec().goal)
                .map(|goal| Array3::zeros((n_episodes, n_steps + 1, goal.dim))),
        };
        env.set_action_precision(self.precision);
        let mut observation = vec![0.0; env.spec().observation_dim()];
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} episodes, {eta} left")?;
        let progress = ProgressBar::new(n_episodes as u64).with_style(style);
        for episode in 0..n_episodes {
            let state = self.init_state.index_axis(Axis(0), episode).to_vec();
            env.reset_to(&state, &mut observation)
                .with_context(|| format!("array `init_state`, row {episode}"))?;
            if let Some(desired) = &self.desired_goal {
                env.set_goal(&desired.row(episode).to_vec(), &mut observation)
                    .with_context(|| format!("array `desired_goal`, row {episode}"))?;
            }
            outcome.note(env, &observation, episode, 0)?;
            for time in 0..n_steps {
                let action = self.actions.slice(s![episode, time, ..]).to_vec();
                let step = env.step(&action, &mut observation);
                outcome.rewards[[episode, time]] = step.reward;
                outcome.terminated[[episode, time]] = step.terminated;
                outcome.note(env, &observation, episode, time + 1)?;
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(outcome)
    }
}

/// What came of it.
struct Outcome {
    obs: Array3<f64>,
    rewards: Array2<f64>,
    terminated: Array2<bool>,
    truncated: Array2<bool>,
    qpos: Array3<f64>,
    qvel: Array3<f64>,
    /// Of an environment with goals.
    achieved_goal: Option<Array3<f64>>,
}

impl Outcome {
    fn note(
        &mut self,
        env: &dyn Env,
        observation: &[f64],
        episode: usize,
        time: usize,
    ) -> anyhow::Result<()> {
        let simulation = simulation(env)?;
        for (column, numbers) in [
            (&mut self.obs, observation),
            (&mut self.qpos, simulation.qpos()),
            (&mut self.qvel, simulation.qvel()),
        ] {
            column
                .slice_mut(s![episode, time, ..])
                .assign(&ndarray::aview1(numbers));
        }
        if let (Some(achieved), Some(goals)) = (&mut self.achieved_goal, env.goals()) {
            achieved
                .slice_mut(s![episode, time, ..])
                .assign(&ndarray::aview1(goals.achieved));
        }
        Ok(())
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut npz = NpzWriter::new(&mut bytes);
        npz.add_array("obs", &self.obs)?;
        npz.add_array("rewards", &self.rewards)?;
        npz.add_array("terminated", &self.terminated)?;
        npz.add_array("truncated", &self.truncated)?;
        npz.add_array("qpos", &self.qpos)?;
        npz.add_array("qvel", &self.qvel)?;
        if let Some(achieved_goal) = &self.achieved_goal {
            npz.add_array("achieved_goal", achieved_goal)?;
        }
        npz.finish()?;
        atomic_file::replace(path, bytes.get_ref())?;
        Ok(())
    }
}

fn simulation(env: &dyn Env) -> anyhow::Result<&Simulation> {
    let id = &env.spec().id;
    env.simulation()
        .with_context(|| format!("{id} cannot be replayed: it has no MuJoCo state to begin in"))
}

/// Reads an array of float64 or float32, and tells which.
fn read_array<D: Dimension>(
    npz: &mut NpzReader<BufReader<File>>,
    names: &[String],
    name: &str,
    shape: &str,
) -> anyhow::Result<(Array<f64, D>, ActionPrecision)> {
    if !names.iter().any(|known| known == name) {
        bail!(
            "no array `{name}` {shape}; found {}",
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        );
    }
    let context = || format!("array `{name}`: expected {shape} of float64 or float32");
    match npz.by_name::<ndarray::OwnedRepr<f64>, D>(name) {
        Ok(array) => Ok((array, ActionPrecision::Double)),
        Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => {
            let array = npz
                .by_name::<ndarray::OwnedRepr<f32>, D>(name)
                .with_context(context)?;
            Ok((array.mapv(f64::from), ActionPrecision::Single))
        }
        Err(error) => Err(error).with_context(context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a recording, follows it and returns what went wrong.
    fn complaint(
        env: &str,
        init_state: Option<&Array2<f64>>,
        actions: Option<&Array3<f64>>,
    ) -> String {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("in.npz");
        let mut npz = NpzWriter::new(File::create(&record).unwrap());
        if let Some(init_state) = init_state {
            npz.add_array("init_state", init_state).unwrap();
        }
        if let Some(actions) = actions {
            npz.add_array("actions", actions).unwrap();
        }
        npz.finish().unwrap();
        let out = folder.path().join("out.npz");
        let args = ReplayArgs {
            env: env.to_owned(),
            record,
            out: out.clone(),
        };
        let error = replay(&args).unwrap_err();
        assert!(!out.exists(), "a refused recording leaves no outcome");
        format!("{error:#}")
    }

    #[test]
    fn what_is_missing_or_misshapen_is_named() {
        let state_len = registry::open("Hopper-v5")
            .unwrap()
            .simulation()
            .unwrap()
            .state_len();
        let states = Array2::zeros((2, state_len));
        let actions = Array3::zeros((2, 7, 3));
        fn refused(states: Option<&Array2<f64>>, actions: Option<&Array3<f64>>) -> String {
            complaint("Hopper-v5", states, actions)
        }

        let message = refused(None, Some(&actions));
        assert!(message.contains("no array `init_state`"), "{message}");
        let message = refused(Some(&states), None);
        assert!(message.contains("no array `actions`"), "{message}");
        let message = refused(Some(&Array2::zeros((2, 3))), Some(&actions));
        assert!(message.contains("found [2, 3]"), "{message}");
        let message = refused(Some(&states), Some(&Array3::zeros((2, 7, 4))));
        assert!(message.contains("expected [2, T, 3]"), "{message}");
        let message = refused(Some(&states.mapv(|_| f64::NAN)), Some(&actions));
        assert!(message.contains("row 0"), "{message}");
        let state_len = registry::open("FetchReach-v4")
            .unwrap()
            .simulation()
            .unwrap()
            .state_len();
        let goals = (Array2::zeros((2, state_len)), Array3::zeros((2, 7, 4)));
        let message = complaint("FetchReach-v4", Some(&goals.0), Some(&goals.1));
        assert!(message.contains("`desired_goal` [2, 3]"), "{message}");
        let message = complaint("Hoper-v5", Some(&states), Some(&actions));
        assert!(message.contains("`Hopper-v5`"), "{message}");
    }
}

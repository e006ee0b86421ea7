//! [`Plant`]: an environment in place of the machine. It hands measurements to a board and obeys its commands; it knows
//! neither frames nor policies.

use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_models::Source;
use rlfd_runtime::{Fault, PolicyImage};

use super::{HilError, Session, Upload};
use crate::env::{Env, EnvSpec};
use crate::run::Evaluation;

/// Who keeps time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// The plant waits for every command, so runs repeat exactly whatever the link does.
    #[default]
    LockStep,
    /// The plant steps once per control period; a command that is not there by then is replaced by the one before.
    RealTime,
}

/// One episode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpisodeReport {
    /// Sum of rewards.
    pub ret: f64,
    /// Steps.
    pub len: u32,
    /// Whether a state ended it, not the time limit.
    pub terminated: bool,
    /// Whether its last state is a success, where the environment knows what one is.
    pub is_success: Option<bool>,
    /// Whether any of its states is one.
    pub ever_success: bool,
    /// The fault that the board latched, if any.
    pub fault: Option<Fault>,
    /// Steps whose command was the safe one.
    pub refused: u32,
}

/// An environment in the loop.
#[derive(Debug)]
pub struct Plant<'a> {
    env: &'a mut (dyn Env + 'static),
    pace: Pace,
    measurement: Vec<f32>,
    /// What is asked of the machine, as the board was told last.
    setpoint: Vec<f32>,
    /// Of each number of the observation, where it comes from.
    sources: Vec<Source>,
    observation: Vec<f64>,
    command: Vec<f32>,
    action: Vec<f64>,
    /// Another policy for the board, sent between the steps.
    upload: Option<Upload>,
    /// Why the board did not take it, if it did not.
    refusal: Option<HilError>,
}

impl<'a> Plant<'a> {
    /// Checks that the image wires up this environment.
    ///
    /// # Errors
    /// [`HilError::Contract`] names what differs.
    pub fn new(
        env: &'a mut (dyn Env + 'static),
        image: &PolicyImage<'_>,
        pace: Pace,
    ) -> Result<Self, HilError> {
        check_contract(env.spec(), image)?;
        let (observation_dim, action_dim) = (env.spec().observation_dim(), env.spec().action_dim());
        let terms = env.spec().observation.iter();
        let sources: Vec<Source> = terms
            .flat_map(|term| std::iter::repeat_n(term.source, term.dim))
            .collect();
        let count = |source| sources.iter().filter(|other| **other == source).count();
        Ok(Self {
            env,
            pace,
            measurement: vec![0.0; count(Source::Sensor)],
            setpoint: vec![0.0; count(Source::Setpoint)],
            sources,
            observation: vec![0.0; observation_dim],
            command: vec![0.0; action_dim],
            action: vec![0.0; action_dim],
            upload: None,
            refusal: None,
        })
    }

    /// Sends another policy to the board while it plays, one question after each step.
    pub fn upload(&mut self, upload: Upload) {
        self.upload = Some(upload);
    }

    /// Whether the board runs the policy that was sent, if one was.
    #[must_use]
    pub fn has_uploaded(&self) -> bool {
        self.upload.as_ref().is_none_or(Upload::is_done) && self.refusal.is_none()
    }

    /// Why the board does not take the policy that was sent; it played on with the one it has.
    #[must_use]
    pub fn refusal(&self) -> Option<&HilError> {
        self.refusal.as_ref()
    }

    /// Plays `episodes` episodes; episode `i` starts from the state that `seed` and `i` give, as everywhere else in
    /// the trainer. `each` sees the environment after every reset and step.
    ///
    /// # Errors
    /// If the board is lost, or `each` fails.
    pub fn play(
        &mut self,
        session: &mut Session,
        episodes: usize,
        seed: u64,
        mut each: impl FnMut(&dyn Env, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<EpisodeReport>> {
        (0..episodes)
            .map(|episode| self.episode(session, episode, seed, &mut each))
            .collect()
    }

    fn episode(
        &mut self,
        session: &mut Session,
        episode: usize,
        seed: u64,
        each: &mut impl FnMut(&dyn Env, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<EpisodeReport> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(episode as u64);
        self.env.reset(&mut rng, &mut self.observation);
        // Until the first command there is none: the actuators rest.
        self.command.fill(0.0);
        let mut report = EpisodeReport {
            fault: session.reset(episode as u32)?.fault(),
            ..EpisodeReport::default()
        };
        self.read_sources();
        if !self.setpoint.is_empty() {
            session.setpoint(&self.setpoint)?;
        }
        each(self.env, episode)?;
        let (period_us, limit) = {
            let spec = self.env.spec();
            (u64::from(spec.period_us), spec.max_episode_steps)
        };
        let began = Instant::now();
        while report.len < limit && !report.terminated && !self.env.is_cut() {
            if self.read_sources() {
                session.setpoint(&self.setpoint)?;
            }
            let time_us = u64::from(report.len) * period_us;
            let next = began + Duration::from_micros(period_us * u64::from(report.len + 1));
            self.exchange(session, time_us, next, &mut report)?;
            for (wide, number) in self.action.iter_mut().zip(&self.command) {
                *wide = f64::from(*number);
            }
            let step = self.env.step(&self.action, &mut self.observation);
            self.advance_upload(session)?;
            each(self.env, episode)?;
            report.ret += step.reward;
            report.len += 1;
            report.terminated = step.terminated;
            report.ever_success |= self.env.is_success() == Some(true);
        }
        report.is_success = self.env.is_success();
        Ok(report)
    }

    /// One question about the other policy. A refusal ends the questions, not the episode.
    fn advance_upload(&mut self, session: &mut Session) -> Result<(), HilError> {
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        match upload.advance(session) {
            Ok(_) => Ok(()),
            Err(error) if error.is_refused_update() => {
                self.upload = None;
                self.refusal = Some(error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sorts the observation into what sensors measure and what is asked, and says whether something else is asked. The
    /// last action, which a board knows itself, is left out.
    fn read_sources(&mut self) -> bool {
        let (mut measurement, mut setpoint) =
            (self.measurement.iter_mut(), self.setpoint.iter_mut());
        let mut is_new = false;
        for (source, wide) in self.sources.iter().zip(&self.observation) {
            let number = *wide as f32;
            match source {
                Source::Sensor => measurement.next().map(|place| *place = number),
                Source::Setpoint => setpoint.next().map(|place| {
                    is_new |= place.to_bits() != number.to_bits();
                    *place = number;
                }),
                Source::LastAction => None,
            };
        }
        is_new
    }

    fn exchange(
        &mut self,
        session: &mut Session,
        time_us: u64,
        next: Instant,
        report: &mut EpisodeReport,
    ) -> Result<(), HilError> {
        let answer = match self.pace {
            Pace::LockStep => Some(session.step(time_us, &self.measurement, &mut self.command)?),
            Pace::RealTime => {
                let answer =
                    session.step_until(next, time_us, &self.measurement, &mut self.command)?;
                thread::sleep(next.saturating_duration_since(Instant::now()));
                answer
            }
        };
        if let Some(fault) = answer.and_then(|answer| answer.fault) {
            report.refused += 1;
            report.fault.get_or_insert(fault);
        }
        Ok(())
    }
}

/// Returns and lengths, for whoever compares with other backends.
#[must_use]
pub fn evaluation(reports: &[EpisodeReport]) -> Evaluation {
    Evaluation {
        returns: reports.iter().map(|report| report.ret).collect(),
        lengths: reports.iter().map(|report| report.len).collect(),
        successes: reports
            .iter()
            .filter_map(|report| report.is_success)
            .collect(),
        ever_successes: reports
            .iter()
            .filter_map(|report| report.is_success.map(|_| report.ever_success))
            .collect(),
        mean_q: None,
        mean_potential: None,
    }
}

/// Names, units, widths, sources, period and command limits must be the environment's; how the image scales is its own affair.
fn check_contract(spec: &EnvSpec, image: &PolicyImage<'_>) -> Result<(), HilError> {
    let differ = |what: String, expected: String, found: String| {
        if expected == found {
            return Ok(());
        }
        Err(HilError::Contract {
            env: spec.id.clone(),
            what,
            expected,
            found,
        })
    };
    differ(
        "control period".to_owned(),
        format!("{} us", spec.period_us),
        format!("{} us", image.period_us()),
    )?;
    let width = |name: &str, dim: usize, unit: &str| format!("`{name}` [{dim}] in {unit}");
    let ours = spec
        .observation
        .iter()
        .map(|term| width(&term.name, term.dim, &term.unit) + &format!(" from {:?}", term.source));
    let theirs = image.observation_terms().map(|term| {
        width(term.name, term.dim.into(), term.unit) + &format!(" from {:?}", term.source)
    });
    pair_up("observation", ours, theirs, &differ)?;
    let ours = spec.action.iter().map(|term| {
        width(&term.name, term.dim, &term.unit) + &format!(" within {}..{}", term.low, term.high)
    });
    let theirs = image.action_terms().map(|term| {
        width(term.name, term.dim.into(), term.unit)
            + &format!(" within {}..{}", term.low, term.high)
    });
    pair_up("action", ours, theirs, &differ)
}

fn pair_up(
    what: &str,
    ours: impl Iterator<Item = String>,
    mut theirs: impl Iterator<Item = String>,
    differ: &impl Fn(String, String, String) -> Result<(), HilError>,
) -> Result<(), HilError> {
    let none = || "no such term".to_owned();
    let mut n_terms = 0;
    for ours in ours {
        let theirs = theirs.next().unwrap_or_else(none);
        differ(format!("{what} term {n_terms}"), ours, theirs)?;
        n_terms += 1;
    }
    match theirs.next() {
        Some(extra) => differ(format!("{what} term {n_terms}"), none(), extra),
        None => Ok(()),
    }
}

//! [`Bench`]: one board in the loop with MuJoCo's pendulum, and the same image on the host beside it, which must agree
//! bit for bit on every command.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_runtime::{EnginePolicy, Event, Fault, Phase, Policy, PolicyImage};
use rlfd_trainer::env::{Env, registry};
use rlfd_trainer::hil::{
    Answer, BoardCounters, Disturbance, Expectation, HilError, Link, LinkCounters, Patience,
    Session, Upload,
};

use super::firmware::Firmware;

/// Everything on the table.
pub struct Bench {
    session: Session,
    env: Box<dyn Env>,
    host: EnginePolicy,
    episodes: u32,
    /// After which step another policy is sent, and its image for the host.
    update: Option<(u32, Upload, Vec<u8>)>,
}

/// What an episode came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps before the end.
    pub steps: u32,
    /// Sum of rewards.
    pub ret: f64,
    /// Whether the pendulum fell.
    pub fell: bool,
    /// The first refused step and why.
    pub fault: Option<(u32, Fault)>,
    /// Whether the board told of entering the faulted phase.
    pub announced: bool,
    /// Commands after the fault that were not the safe one.
    pub unsafe_commands: u32,
    /// Commands before a fault whose bits are not the host's.
    pub differing: u32,
    /// Commands that the board had to move into their limits.
    pub clamped: u32,
    /// Steps done when the board had changed its policy.
    pub changed: Option<u32>,
}

impl Bench {
    /// Starts the board and greets it through a disturbed link.
    pub fn open(firmware: &Firmware, disturbance: Disturbance) -> Self {
        let bytes = firmware.image();
        let image = PolicyImage::view(&bytes).unwrap();
        let patience = if disturbance.is_none() {
            Patience::default()
        } else {
            // Frames get lost here: waiting long for them is waiting in vain.
            Patience {
                retry: std::time::Duration::from_millis(40),
                ..Patience::default()
            }
        };
        let session = Session::open(
            Link::open(&firmware.address()).unwrap(),
            Expectation::from(&image),
            patience,
            disturbance,
        )
        .unwrap();
        Self {
            session,
            env: registry::open(image.environment()).unwrap(),
            host: EnginePolicy::from_bytes(&bytes).unwrap(),
            episodes: 0,
            update: None,
        }
    }

    /// Sends another policy after `step`, one question per step; `image` is the one in it.
    pub fn update_after(&mut self, step: u32, upload: Upload, image: Vec<u8>) {
        self.update = Some((step, upload, image));
    }

    /// Starts the board again behind the same cable.
    pub fn restart(&mut self, firmware: &Firmware) {
        self.session
            .replace_link(Link::open(&firmware.address()).unwrap());
    }

    /// Asks for one step and answers what the session says.
    pub fn step_once(&mut self, measurement: &[f32]) -> Result<Answer, HilError> {
        self.session.step(0, measurement, &mut [f32::NAN])
    }

    /// Plays up to `limit` steps. `tamper` may change time and measurement of a step before they are sent.
    pub fn episode(
        &mut self,
        limit: u32,
        mut tamper: impl FnMut(u32, &mut u64, &mut [f32]),
    ) -> Outcome {
        let spec = self.env.spec().clone();
        let (low, high) = (spec.action_low(), spec.action_high());
        let mut observation = vec![0.0; spec.observation_dim()];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        self.env.reset(&mut rng, &mut observation);
        let phase = self.session.reset(self.episodes).unwrap();
        assert_eq!(phase, Phase::Running { tick: 0 });
        self.episodes += 1;
        self.session.take_events();
        let mut outcome = Outcome::default();
        while outcome.steps < limit && !outcome.fell {
            let mut measurement: Vec<f32> = observation.iter().map(|wide| *wide as f32).collect();
            let mut time_us = u64::from(outcome.steps) * u64::from(spec.period_us);
            tamper(outcome.steps, &mut time_us, &mut measurement);
            let mut command = vec![f32::NAN; spec.action_dim()];
            let answer = self
                .session
                .step(time_us, &measurement, &mut command)
                .unwrap();
            outcome.clamped += u32::from(answer.clamped);
            match answer.fault {
                Some(fault) => {
                    outcome.fault.get_or_insert((outcome.steps, fault));
                    outcome.unsafe_commands += u32::from(command.iter().any(|force| *force != 0.0));
                }
                None => {
                    // A refusal is not taken back within an episode.
                    assert!(outcome.fault.is_none(), "{outcome:?}");
                    assert_eq!(answer.tick, outcome.steps + 1);
                    let mut expected = vec![0.0; command.len()];
                    self.host.act(&measurement, &mut expected);
                    let equal = expected
                        .iter()
                        .zip(&command)
                        .zip(low.iter().zip(&high))
                        .all(|((expected, command), (low, high))| {
                            expected.max(*low).min(*high).to_bits() == command.to_bits()
                        });
                    outcome.differing += u32::from(!equal);
                }
            }
            let command: Vec<f64> = command.iter().map(|force| f64::from(*force)).collect();
            let step = self.env.step(&command, &mut observation);
            outcome.ret += step.reward;
            outcome.steps += 1;
            outcome.fell = step.terminated;
            if let Some((after, upload, image)) = &mut self.update
                && outcome.steps > *after
                && !upload.is_done()
            {
                upload.advance(&mut self.session).unwrap();
                if upload.is_done() {
                    self.host = EnginePolicy::from_bytes(image).unwrap();
                    outcome.changed = Some(outcome.steps);
                }
            }
        }
        outcome.announced = self.session.take_events().iter().any(|event| {
            matches!(
                event,
                Event::Entered {
                    phase: Phase::Faulted { .. } | Phase::Fallback { .. },
                    ..
                }
            )
        });
        outcome
    }

    /// What the host counted.
    pub fn counters(&self) -> LinkCounters {
        self.session.counters()
    }

    /// Frames that the bad cable damaged, both ways.
    pub fn corrupted(&self) -> u64 {
        self.session
            .disturbed()
            .iter()
            .map(|way| way.corrupted)
            .sum()
    }

    /// Ends the session.
    pub fn close(mut self) -> BoardCounters {
        self.session.close().unwrap()
    }
}

//! [`Controller`]: a policy, a board's limits and a contract, joined once and then stepped.

use super::watch::Watch;
use super::{
    ControlOptions, Cycle, CycleStats, Drive, OptionError, Outcome, Phase, Signal, State,
    WrongPhase,
};
use crate::action::ActionPipeline;
use crate::board::Board;
use crate::fault::Fault;
use crate::image::{Contract, Golden, ImageError};
use crate::observation::{ObservationPipeline, Sample};
use crate::policy::{Policy, Shape};
use crate::safety::{Interventions, SafetyFilter, SafetyLimits};
use crate::servo::Servo;
use crate::telemetry::{Event, Telemetry};
use crate::time::Micros;

/// Why a controller cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The contract itself is not one.
    #[error("contract: {0}")]
    Contract(ImageError),
    /// The policy reads or answers another number of values than the contract says.
    #[error("the contract needs {needed:?}, the policy has {found:?}")]
    PolicyShape {
        /// Of the contract.
        needed: Shape,
        /// Of the policy.
        found: Shape,
    },
    /// A board states limits for another number of commands.
    #[error("limits for {needed} commands needed, {found} given")]
    Channels {
        /// Commands in the contract.
        needed: usize,
        /// Limits given.
        found: usize,
    },
    /// A board's limits are not limits, or allow nothing of what the image allows.
    #[error(
        "command {index}: the limits of board and image leave nothing, or a bound is not a number"
    )]
    Limits {
        /// Which command.
        index: usize,
    },
    /// An option does not fit the contract.
    #[error("{0}")]
    Option(OptionError),
    /// Lent memory is too small, or of the wrong length.
    #[error("{needed} numbers of memory needed, {found} given")]
    Memory {
        /// Numbers needed.
        needed: usize,
        /// Numbers given.
        found: usize,
    },
}

/// A setpoint that is refused; the one before stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a setpoint of {needed} finite numbers needed, {found} numbers given")]
pub struct WrongSetpoint {
    /// Numbers in the contract.
    pub needed: usize,
    /// Numbers given.
    pub found: usize,
}

/// The loop around a policy.
///
/// On the step path nothing fails and nothing is allocated: whatever goes wrong is latched and recorded, the machine is held
/// by the fallback law where there is one and made safe where there is none, until [`reset`](Self::reset).
/// `docs/control.md` has the states on one page.
#[derive(Debug)]
pub struct Controller<'a, P> {
    policy: P,
    contract: Contract<'a>,
    options: ControlOptions<'a>,
    pipeline: ObservationPipeline<'a>,
    actions: ActionPipeline<'a>,
    filter: SafetyFilter<'a>,
    watch: Watch<'a>,
    measurement: &'a mut [f32],
    setpoint: &'a mut [f32],
    action: &'a mut [f32],
    wanted: &'a mut [f32],
    command: &'a mut [f32],
    phase: Phase,
    stats: CycleStats,
    /// Whether `command` was given since the start.
    has_command: bool,
    /// Steps in a row in which the fallback law could not see.
    blind: u16,
}

/// What is known of the measurement within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    NotYet,
    Good,
    Bad,
}

impl<'a, P: Policy> Controller<'a, P> {
    /// Numbers of memory a controller for this contract borrows, whatever its options.
    #[must_use]
    pub fn memory_len(contract: &Contract<'_>) -> usize {
        3 * contract.measurement_dim()
            + contract.setpoint_dim()
            + contract.observation_dim()
            + 6 * contract.action_dim()
    }

    /// Joins a policy to a contract and a board's limits, one for each command, in at least
    /// [`memory_len`](Self::memory_len) numbers of memory.
    ///
    /// # Errors
    /// Whatever does not fit together, see [`ControlError`].
    pub fn new(
        policy: P,
        contract: &Contract<'a>,
        limits: &'a [SafetyLimits],
        memory: &'a mut [f32],
    ) -> Result<Self, ControlError> {
        contract.check().map_err(ControlError::Contract)?;
        let needed = Shape {
            observation_dim: contract.observation_dim(),
            action_dim: contract.action_dim(),
        };
        let found = policy.shape();
        if needed != found {
            return Err(ControlError::PolicyShape { needed, found });
        }
        let too_small = ControlError::Memory {
            needed: Self::memory_len(contract),
            found: memory.len(),
        };
        let mut rest = memory;
        let mut lend = |len| -> Result<&'a mut [f32], ControlError> {
            let (lent, others) = core::mem::take(&mut rest)
                .split_at_mut_checked(len)
                .ok_or(too_small)?;
            rest = others;
            for number in lent.iter_mut() {
                *number = 0.0;
            }
            Ok(lent)
        };
        let mut measurements = || lend(contract.measurement_dim());
        let (measurement, last, stayed) = (measurements()?, measurements()?, measurements()?);
        let setpoint = lend(contract.setpoint_dim())?;
        let observation = lend(needed.observation_dim)?;
        let mut commands = || lend(needed.action_dim);
        let (action, wanted, command) = (commands()?, commands()?, commands()?);
        let (from, to, previous) = (commands()?, commands()?, commands()?);
        Ok(Self {
            policy,
            contract: *contract,
            options: ControlOptions::DEFAULT,
            pipeline: ObservationPipeline::new(contract.observation, observation)
                .ok_or(too_small)?,
            actions: ActionPipeline::new(contract.action, from, to),
            filter: SafetyFilter::new(contract, limits, previous)?,
            watch: Watch::new(last, stayed),
            measurement,
            setpoint,
            action,
            wanted,
            command,
            phase: Phase::Idle,
            stats: CycleStats::new(contract.period_us),
            has_command: false,
            blind: 0,
        })
    }

    /// Runs as `options` say, from the next start on.
    ///
    /// # Errors
    /// [`ControlError::Option`] names the option that does not fit the contract.
    pub fn with_options(mut self, options: ControlOptions<'a>) -> Result<Self, ControlError> {
        self.set_options(options).map_err(ControlError::Option)?;
        Ok(self)
    }

    /// Runs as `options` say, from the next start on.
    ///
    /// # Errors
    /// The option that does not fit the contract; the ones before then stay.
    pub fn set_options(&mut self, options: ControlOptions<'a>) -> Result<(), OptionError> {
        options.check(&self.contract)?;
        self.actions
            .set_rate(options.steps_per_action, options.between);
        self.filter.set_steps_per_action(options.steps_per_action);
        let step_us = self.contract.period_us / u32::from(options.steps_per_action.max(1));
        self.stats = CycleStats::new(step_us);
        self.options = options;
        Ok(())
    }

    /// Latches [`Fault::Late`] where a step begins more than this after the one before; without it, never.
    #[must_use]
    pub fn with_max_interval_us(mut self, max_interval_us: u32) -> Self {
        self.options.max_interval_us = max_interval_us;
        self
    }

    /// Where the loop stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How the steps kept time.
    #[must_use]
    pub fn stats(&self) -> CycleStats {
        self.stats
    }

    /// How the loop runs.
    #[must_use]
    pub fn options(&self) -> &ControlOptions<'a> {
        &self.options
    }

    /// The last command that was computed, `[action_dim]`, in the actuators' units; meaningful after a step whose outcome is
    /// [`Outcome::Acted`] or [`Outcome::Held`].
    #[must_use]
    pub fn command(&self) -> &[f32] {
        self.command
    }

    /// The last command before a drive turned it into torques, `[action_dim]`, in the contract's units.
    #[must_use]
    pub fn target(&self) -> &[f32] {
        self.filter.previous()
    }

    /// What is asked of the machine, `[setpoint_dim]`; 0 until it is set, kept through resets.
    #[must_use]
    pub fn setpoint(&self) -> &[f32] {
        self.setpoint
    }

    /// Which number of the measurement does not move, where that led to [`Fault::Stuck`]; forgotten by a reset.
    #[must_use]
    pub fn stuck(&self) -> Option<u16> {
        self.watch.stuck()
    }

    /// Asks something else of the machine, from the next action on.
    ///
    /// # Errors
    /// [`WrongSetpoint`] for another number of numbers or one that is not finite.
    pub fn set_setpoint(&mut self, setpoint: &[f32]) -> Result<(), WrongSetpoint> {
        self.ask(setpoint.iter().copied())
    }

    /// [`set_setpoint`](Self::set_setpoint) of numbers that do not lie in memory as such.
    pub(crate) fn ask(
        &mut self,
        setpoint: impl ExactSizeIterator<Item = f32> + Clone,
    ) -> Result<(), WrongSetpoint> {
        let is_finite = setpoint.clone().all(|number| number.is_finite());
        if setpoint.len() != self.setpoint.len() || !is_finite {
            return Err(WrongSetpoint {
                needed: self.setpoint.len(),
                found: setpoint.len(),
            });
        }
        for (place, number) in self.setpoint.iter_mut().zip(setpoint) {
            *place = number;
        }
        Ok(())
    }

    /// Takes the machine to be where `target` `[action_dim]` says, rather than at rest: what a controller that takes over from
    /// another in the middle of a motion calls after [`start`](Self::start) with the other's [`target`](Self::target) and the
    /// steps it has done, from which the count goes on.
    pub fn take_over(&mut self, target: &[f32], tick: u32) {
        if let Phase::Running { tick: own } = &mut self.phase {
            *own = tick;
        }
        self.filter.rest_at(target);
        self.actions.reset(self.filter.previous());
        self.has_command = true;
    }

    /// `Idle` to `Armed`, or to `Faulted` where the policy does not compute the golden action bit for bit.
    ///
    /// # Errors
    /// [`WrongPhase`] from any phase but `Idle`.
    pub fn self_test(
        &mut self,
        golden: Golden<'_>,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<Phase, WrongPhase> {
        self.signal(Signal::Test, board.now(), telemetry)?;
        self.policy.reset();
        self.policy.act(golden.observation, self.action);
        let passed = golden.matches(self.action);
        self.forget();
        if passed {
            self.signal(Signal::Arm, board.now(), telemetry)?;
        } else {
            self.trip(Fault::SelfTest, board, telemetry);
        }
        Ok(self.phase)
    }

    /// `Armed` to `Running`: the next step moves the machine.
    ///
    /// # Errors
    /// [`WrongPhase`] from any phase but `Armed`.
    pub fn start(&mut self, now: Micros, telemetry: &mut impl Telemetry) -> Result<(), WrongPhase> {
        self.signal(Signal::Start, now, telemetry)?;
        self.forget();
        Ok(())
    }

    /// `Running` to `Armed`, the machine made safe; from `Fallback` to `Faulted`: a latched fault is not stopped away.
    ///
    /// # Errors
    /// [`WrongPhase`] from any other phase.
    pub fn stop(
        &mut self,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.signal(Signal::Stop, board.now(), telemetry)?;
        board.make_safe();
        Ok(())
    }

    /// `Armed` or `Running` to `Idle`, the machine made safe: it runs again only after another self-test. From `Fallback` to
    /// `Faulted`, as [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`WrongPhase`] from any other phase.
    pub fn disarm(
        &mut self,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.signal(Signal::Disarm, board.now(), telemetry)?;
        board.make_safe();
        Ok(())
    }

    /// Any phase to `Faulted`, the machine made safe. Of several faults the first stands.
    pub fn trip(&mut self, fault: Fault, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        if self.phase.state() != State::Faulted {
            // Every phase takes this signal.
            let _ = self.raise(Signal::Trip, Some(fault), board.now(), telemetry);
        }
    }

    /// Any phase to `Idle`, the machine made safe and the latch cleared: somebody has looked and taken responsibility.
    pub fn reset(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        self.forget();
        // Every phase takes this signal.
        let _ = self.signal(Signal::Reset, board.now(), telemetry);
    }

    /// One step. In `Running` the policy moves the machine, in `Fallback` the fallback law; in `Faulted` the machine is made
    /// safe once more; anywhere else nothing is touched.
    pub fn step(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) -> Cycle {
        let at = board.now();
        let mut tick = 0;
        let (outcome, interventions) = match self.phase {
            Phase::Running { tick: before } => {
                tick = before.wrapping_add(1);
                self.phase = Phase::Running { tick };
                let mut seen = Seen::NotYet;
                let done = self.act(at, board, &mut seen).and_then(|interventions| {
                    let duration_us = board.now().since(at);
                    if duration_us > self.options.max_duration_us {
                        return Err(Fault::Overrun);
                    }
                    Ok(interventions)
                });
                match done {
                    Ok(interventions) => (Outcome::Acted, interventions),
                    Err(fault) => self.fail(fault, at, seen, board, telemetry),
                }
            }
            Phase::Fallback { fault, .. } => {
                self.watch.begin(at);
                match self.hold(fault, at, Seen::NotYet, board) {
                    Ok(interventions) => (Outcome::Held(fault), interventions),
                    Err(_) => {
                        self.trip(fault, board, telemetry);
                        (Outcome::Refused(fault), Interventions::default())
                    }
                }
            }
            Phase::Faulted { fault, .. } => {
                board.make_safe();
                (Outcome::Refused(fault), Interventions::default())
            }
            Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => {
                (Outcome::NotRunning, Interventions::default())
            }
        };
        let cycle = Cycle {
            tick,
            at,
            duration_us: board.now().since(at),
            clamped: interventions.clamped,
            slew_limited: interventions.slew_limited,
            outcome,
        };
        if matches!(outcome, Outcome::Acted | Outcome::Held(_)) {
            self.stats.add_duration(cycle.duration_us);
        }
        telemetry.record(Event::Stepped(cycle));
        cycle
    }

    /// The policy's step.
    fn act(
        &mut self,
        at: Micros,
        board: &mut impl Board,
        seen: &mut Seen,
    ) -> Result<Interventions, Fault> {
        let is_first = self.watch.is_first();
        if let Some(interval_us) = self.watch.begin(at) {
            self.stats.add_interval(interval_us);
            if interval_us > self.options.max_interval_us {
                return Err(Fault::Late);
            }
        }
        *seen = Seen::Bad;
        self.sense(at, board)?;
        *seen = Seen::Good;
        if let (true, false, Some(servo)) = (is_first, self.has_command, self.servo()) {
            // A joint rests where it is.
            servo.positions(self.measurement, self.wanted);
            self.filter.rest_at(self.wanted);
            self.actions.reset(self.filter.previous());
        }
        if self.actions.is_due() {
            let observation = self.pipeline.observe(Sample {
                measurement: self.measurement,
                setpoint: self.setpoint,
                action: self.action,
            });
            if let Some(familiarity) = &self.options.familiarity {
                self.watch.check_familiarity(familiarity, observation)?;
            }
            self.policy.act(observation, self.action);
            self.actions.take(self.action);
        }
        self.actions.next(self.wanted);
        self.drive(board)
    }

    /// The fallback law's step; it repeats the last command for as long as it may where it cannot see.
    fn hold(
        &mut self,
        fault: Fault,
        at: Micros,
        seen: Seen,
        board: &mut impl Board,
    ) -> Result<Interventions, Fault> {
        let Some(law) = self.options.fallback else {
            return Err(fault);
        };
        let needs_eyes = !law.gains.is_empty() || self.servo().is_some();
        let sees = match seen {
            _ if !needs_eyes => true,
            Seen::NotYet => self.sense(at, board).is_ok(),
            Seen::Good => true,
            Seen::Bad => false,
        };
        if sees {
            self.blind = 0;
            law.law(self.measurement, self.wanted);
            return self.drive(board);
        }
        if !self.has_command || self.blind >= law.patience {
            return Err(fault);
        }
        self.blind += 1;
        board.actuate(self.command).map_err(|_| Fault::Actuate)?;
        Ok(Interventions::default())
    }

    /// From what is wanted to the actuators.
    fn drive(&mut self, board: &mut impl Board) -> Result<Interventions, Fault> {
        let mut interventions = self.filter.limit(self.wanted, self.command)?;
        if let Some(servo) = self.servo() {
            interventions.clamped += servo.drive(self.measurement, self.command)?;
        }
        board.actuate(self.command).map_err(|_| Fault::Actuate)?;
        self.has_command = true;
        Ok(interventions)
    }

    fn sense(&mut self, at: Micros, board: &mut impl Board) -> Result<(), Fault> {
        board.sense(self.measurement).map_err(|_| Fault::Sense)?;
        if !self.measurement.iter().all(|number| number.is_finite()) {
            return Err(Fault::NonFiniteMeasurement);
        }
        if at.since(board.measured_at()) > self.options.max_age_us {
            return Err(Fault::Stale);
        }
        self.watch
            .check_repeats(&self.options, &self.contract, self.measurement)
    }

    fn servo(&self) -> Option<Servo<'a>> {
        match self.options.drive {
            Drive::Direct => None,
            Drive::Torque(joints) => Some(Servo {
                rules: self.contract.action,
                joints,
            }),
        }
    }

    /// A fault in `Running`: the fallback law takes over within the same step, or the machine is made safe.
    fn fail(
        &mut self,
        fault: Fault,
        at: Micros,
        seen: Seen,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> (Outcome, Interventions) {
        if fault.is_survivable() && self.options.fallback.is_some() {
            self.blind = 0;
            let held = self.hold(fault, at, seen, board);
            // `Running` takes this signal.
            let _ = self.raise(Signal::FallBack, Some(fault), at, telemetry);
            if let Ok(interventions) = held {
                return (Outcome::Held(fault), interventions);
            }
        }
        self.trip(fault, board, telemetry);
        (Outcome::Refused(fault), Interventions::default())
    }

    /// Back to how it was before the first step, statistics and setpoint apart.
    fn forget(&mut self) {
        self.policy.reset();
        self.pipeline.reset();
        self.filter.reset();
        self.actions.reset(self.filter.previous());
        self.watch.reset();
        self.has_command = false;
        self.blind = 0;
        for number in self.action.iter_mut() {
            *number = 0.0;
        }
    }

    fn signal(
        &mut self,
        signal: Signal,
        at: Micros,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.raise(signal, None, at, telemetry)
    }

    /// Moves along the table of [`State::on`], keeping the first fault.
    fn raise(
        &mut self,
        signal: Signal,
        fault: Option<Fault>,
        at: Micros,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        let found = self.phase;
        let next = found.state().on(signal).ok_or(WrongPhase { found })?;
        // Only a signal with a fault, or a latched one, leads where a fault is latched.
        let fault = found.fault().or(fault).unwrap_or(Fault::External);
        self.phase = match next {
            State::Idle => Phase::Idle,
            State::SelfTest => Phase::SelfTest,
            State::Armed => Phase::Armed { since: at },
            State::Running => Phase::Running { tick: 0 },
            State::Fallback => Phase::Fallback { fault, at },
            State::Faulted => Phase::Faulted { fault, at },
        };
        telemetry.record(Event::Entered {
            phase: self.phase,
            at,
        });
        Ok(())
    }
}

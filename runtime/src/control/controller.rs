//! [`Controller`]: a policy, a board's limits and a contract, joined once and then stepped.

use super::{Cycle, CycleStats, Outcome, Phase, WrongPhase};
use crate::board::Board;
use crate::fault::Fault;
use crate::image::{Contract, Golden, ImageError};
use crate::observation::ObservationPipeline;
use crate::policy::{Policy, Shape};
use crate::safety::{Interventions, SafetyFilter, SafetyLimits};
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
    /// Lent memory is too small, or of the wrong length.
    #[error("{needed} numbers of memory needed, {found} given")]
    Memory {
        /// Numbers needed.
        needed: usize,
        /// Numbers given.
        found: usize,
    },
}

/// The loop around a policy.
///
/// On the step path nothing fails and nothing is allocated: whatever goes wrong makes the machine safe, is latched and recorded,
/// and stays so until [`reset`](Self::reset).
#[derive(Debug)]
pub struct Controller<'a, P> {
    policy: P,
    pipeline: ObservationPipeline<'a>,
    filter: SafetyFilter<'a>,
    measurement: &'a mut [f32],
    action: &'a mut [f32],
    command: &'a mut [f32],
    phase: Phase,
    stats: CycleStats,
    previous_step: Option<Micros>,
    max_interval_us: u32,
}

impl<'a, P: Policy> Controller<'a, P> {
    /// Numbers of memory a controller for this contract borrows.
    #[must_use]
    pub fn memory_len(contract: &Contract<'_>) -> usize {
        contract.measurement_dim() + contract.observation_dim() + 3 * contract.action_dim()
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
            Ok(lent)
        };
        let measurement = lend(contract.measurement_dim())?;
        let observation = lend(needed.observation_dim)?;
        let action = lend(needed.action_dim)?;
        let command = lend(needed.action_dim)?;
        let previous = lend(needed.action_dim)?;
        Ok(Self {
            policy,
            pipeline: ObservationPipeline::new(contract.observation, observation)
                .ok_or(too_small)?,
            filter: SafetyFilter::new(contract, limits, previous)?,
            measurement,
            action,
            command,
            phase: Phase::Idle,
            stats: CycleStats::new(contract.period_us),
            previous_step: None,
            max_interval_us: u32::MAX,
        })
    }

    /// Latches [`Fault::Late`] where a step begins more than this after the one before; without it, never.
    #[must_use]
    pub fn with_max_interval_us(mut self, max_interval_us: u32) -> Self {
        self.max_interval_us = max_interval_us;
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

    /// The last command that was computed, `[action_dim]`; meaningful after a step whose outcome is [`Outcome::Acted`].
    #[must_use]
    pub fn command(&self) -> &[f32] {
        self.command
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
        if self.phase != Phase::Idle {
            return Err(WrongPhase { found: self.phase });
        }
        self.enter(Phase::SelfTest, board.now(), telemetry);
        self.policy.reset();
        self.policy.act(golden.observation, self.action);
        self.policy.reset();
        if golden.matches(self.action) {
            let since = board.now();
            self.enter(Phase::Armed { since }, since, telemetry);
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
        if !matches!(self.phase, Phase::Armed { .. }) {
            return Err(WrongPhase { found: self.phase });
        }
        self.forget();
        self.enter(Phase::Running { tick: 0 }, now, telemetry);
        Ok(())
    }

    /// `Running` to `Armed`, the machine made safe.
    ///
    /// # Errors
    /// [`WrongPhase`] from any phase but `Running`.
    pub fn stop(
        &mut self,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        if !matches!(self.phase, Phase::Running { .. }) {
            return Err(WrongPhase { found: self.phase });
        }
        board.make_safe();
        let since = board.now();
        self.enter(Phase::Armed { since }, since, telemetry);
        Ok(())
    }

    /// Any phase to `Faulted`, the machine made safe. Of several faults the first stands.
    pub fn trip(&mut self, fault: Fault, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        if matches!(self.phase, Phase::Faulted { .. }) {
            return;
        }
        self.filter.latch(fault);
        let at = board.now();
        self.enter(Phase::Faulted { fault, at }, at, telemetry);
    }

    /// Any phase to `Idle`, the machine made safe and the latch cleared: somebody has looked and taken responsibility.
    pub fn reset(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        self.forget();
        self.enter(Phase::Idle, board.now(), telemetry);
    }

    /// One step. Outside of `Running` it moves nothing; in `Faulted` it makes the machine safe once more.
    pub fn step(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) -> Cycle {
        let at = board.now();
        let (tick, outcome, interventions) = match self.phase {
            Phase::Running { tick } => {
                let tick = tick.wrapping_add(1);
                self.phase = Phase::Running { tick };
                match self.try_step(at, board) {
                    Ok(interventions) => (tick, Outcome::Acted, interventions),
                    Err(fault) => {
                        self.trip(fault, board, telemetry);
                        (tick, Outcome::Refused(fault), Interventions::default())
                    }
                }
            }
            Phase::Faulted { fault, .. } => {
                board.make_safe();
                (0, Outcome::Refused(fault), Interventions::default())
            }
            Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => {
                (0, Outcome::NotRunning, Interventions::default())
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
        if outcome == Outcome::Acted {
            self.stats.add_duration(cycle.duration_us);
        }
        telemetry.record(Event::Stepped(cycle));
        cycle
    }

    fn try_step(&mut self, at: Micros, board: &mut impl Board) -> Result<Interventions, Fault> {
        if let Some(previous) = self.previous_step.replace(at) {
            let interval_us = at.since(previous);
            self.stats.add_interval(interval_us);
            if interval_us > self.max_interval_us {
                return Err(Fault::Late);
            }
        }
        board.sense(self.measurement).map_err(|_| Fault::Sense)?;
        self.filter.check_measurement(self.measurement)?;
        let observation = self.pipeline.observe(self.measurement);
        self.policy.act(observation, self.action);
        let interventions = self.filter.filter(self.action, self.command)?;
        board.actuate(self.command).map_err(|_| Fault::Actuate)?;
        Ok(interventions)
    }

    /// Back to how it was before the first step, statistics apart.
    fn forget(&mut self) {
        self.policy.reset();
        self.pipeline.reset();
        self.filter.reset();
        self.previous_step = None;
    }

    fn enter(&mut self, phase: Phase, at: Micros, telemetry: &mut impl Telemetry) {
        self.phase = phase;
        telemetry.record(Event::Entered { phase, at });
    }
}

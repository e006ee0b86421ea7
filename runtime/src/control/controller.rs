//! [`Controller`]: a policy, a board's limits and a contract, joined once and then stepped.

mod lifecycle;
mod step;

use super::watch::Watch;
use super::{ControlOptions, CycleStats, OptionError, Phase};
use crate::action::ActionPipeline;
use crate::image::{Contract, ImageError};
use crate::observation::ObservationPipeline;
use crate::policy::{Policy, Shape};
use crate::safety::{SafetyFilter, SafetyLimits};

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

    /// Latches [`Fault::Late`](crate::Fault::Late) where a step begins more than this after the one before; without it, never.
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
    /// [`Outcome::Acted`](super::Outcome::Acted) or [`Outcome::Held`](super::Outcome::Held).
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

    /// Which number of the measurement does not move, where that led to [`Fault::Stuck`](crate::Fault::Stuck); forgotten by a reset.
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
}

//! [`ControlOptions`]: what a board asks of its loop beyond the image's contract: watchdogs, rates, gains, a way out.

use crate::image::{Contract, Source, Statistics};

/// How the loop runs. The default is one step per action, commands as the policy gives them, no watchdog, and a machine made
/// safe at the first fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlOptions<'a> {
    /// Latches [`Fault::Late`](crate::Fault::Late) where a step begins more than this after the one before.
    pub max_interval_us: u32,
    /// Latches [`Fault::Overrun`](crate::Fault::Overrun) where a step takes longer than this.
    pub max_duration_us: u32,
    /// Latches [`Fault::Stale`](crate::Fault::Stale) where a measurement is older than this, see
    /// [`Board::measured_at`](crate::Board::measured_at).
    pub max_age_us: u32,
    /// Latches [`Fault::Stale`](crate::Fault::Stale) where more than this many measurements in a row repeat the one before
    /// them bit for bit. Sensors have noise; one that repeats itself is stuck.
    pub max_repeats: u16,
    /// Latches [`Fault::Stuck`](crate::Fault::Stuck) where a number of the measurement repeats itself bit for bit in more than
    /// this many steps in a row in which others move. One entry for each observation term, those of setpoints and last actions
    /// included and not looked at; `u16::MAX` for a sensor that may rest, such as a switch or a coarse encoder. Empty: none is
    /// watched.
    pub max_stuck: &'a [u16],
    /// Steps of the loop for each action of the policy: the loop is stepped this many times in a period of the image.
    pub steps_per_action: u16,
    /// What becomes of commands between two actions.
    pub between: Between,
    /// What the actuators take.
    pub drive: Drive<'a>,
    /// Refuses observations unlike those the policy was trained on.
    pub familiarity: Option<Familiarity<'a>>,
    /// What holds the machine after a fault, where it can be held.
    pub fallback: Option<Fallback<'a>>,
}

/// What becomes of commands between two actions of a policy that is slower than the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Between {
    /// They stay.
    #[default]
    Hold,
    /// They move in a straight line from one action's to the next's, and arrive one period of the policy late.
    Interpolate,
}

/// What the actuators take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Drive<'a> {
    /// The commands of the contract, such as target positions for drives with a position loop of their own.
    #[default]
    Direct,
    /// Torques: of each action term with a stiffness the command is a target position `q*`, and the actuator gets
    /// `stiffness (q* - q) - damping q'` in each step of the loop. One joint for each command; those of terms without a
    /// stiffness are passed through, bounded by the joint's `max_torque`.
    Torque(&'a [Joint]),
}

/// Where the state of a joint is measured, and what its motor may do.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Joint {
    /// Which number of the measurement is its position.
    pub position: u16,
    /// Which number of the measurement is its velocity.
    pub velocity: u16,
    /// Added to the measured position: where that counts from a default pose, the default position.
    pub offset: f32,
    /// Greatest magnitude of the torque; above 0, infinite for none.
    pub max_torque: f32,
}

/// When an observation is too far from those a policy was trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Familiarity<'a> {
    /// Of the training observations, see [`PolicyImage::statistics`](crate::PolicyImage::statistics).
    pub statistics: Statistics<'a>,
    /// Greatest distance from the mean, in standard deviations.
    pub max_deviations: f32,
    /// Latches [`Fault::Unfamiliar`](crate::Fault::Unfamiliar) at this many unfamiliar observations in a row; at least 1.
    pub patience: u16,
}

/// A law that holds the machine after a fault: `command = constant + Σ gain (measurement - target)`, then limited as any
/// other command. Without gains it is a constant, with two gains for each joint a PD controller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fallback<'a> {
    /// `[action_dim]`, in command units.
    pub constant: &'a [f32],
    /// What is fed back.
    pub gains: &'a [Gain],
    /// Steps in a row for which the last command is repeated where sensors cannot be used; after them the machine is made
    /// safe.
    pub patience: u16,
}

/// One number of the measurement fed back to one command.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Gain {
    /// Which command.
    pub command: u16,
    /// Which number of the measurement.
    pub measurement: u16,
    /// Where that number should be.
    pub target: f32,
    /// Command units per unit of the measurement; negative pulls towards the target.
    pub gain: f32,
}

/// An option that does not fit the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// `steps_per_action` is 0 or more than the microseconds of a period.
    #[error("steps per action: at least 1, each of at least a microsecond")]
    StepsPerAction,
    /// `max_stuck` has another length than the contract has observation terms.
    #[error("max stuck: one entry for each observation term, or none at all")]
    MaxStuck,
    /// Joints in number other than commands.
    #[error("drive: one joint for each command")]
    Joints,
    /// A joint reads what is not measured.
    #[error("drive: a joint's position or velocity is not in the measurement")]
    JointIndex,
    /// A joint's numbers are none.
    #[error("drive: an offset is not finite or a torque limit not above 0")]
    JointNumbers,
    /// Statistics of another observation.
    #[error("familiarity: one mean and deviation for each number of the observation")]
    Statistics,
    /// Deviations or patience of 0, or less, or no number.
    #[error("familiarity: deviations and patience above 0")]
    Familiarity,
    /// Constants in number other than commands, or not finite.
    #[error("fallback: one finite constant for each command")]
    Constants,
    /// A gain reads what is not measured, drives what is not commanded, or is not finite.
    #[error("fallback: a gain that is not finite, or of no measurement or command")]
    Gain,
}

impl ControlOptions<'_> {
    /// The default.
    pub const DEFAULT: Self = Self {
        max_interval_us: u32::MAX,
        max_duration_us: u32::MAX,
        max_age_us: u32::MAX,
        max_repeats: u16::MAX,
        max_stuck: &[],
        steps_per_action: 1,
        between: Between::Hold,
        drive: Drive::Direct,
        familiarity: None,
        fallback: None,
    };

    /// Whether they fit a contract.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, contract: &Contract<'_>) -> Result<(), OptionError> {
        if self.steps_per_action == 0 || contract.period_us < u32::from(self.steps_per_action) {
            return Err(OptionError::StepsPerAction);
        }
        if !self.max_stuck.is_empty() && self.max_stuck.len() != contract.observation.len() {
            return Err(OptionError::MaxStuck);
        }
        let measured = |index: u16| usize::from(index) < contract.measurement_dim();
        if let Drive::Torque(joints) = self.drive {
            if joints.len() != contract.action_dim() {
                return Err(OptionError::Joints);
            }
            for joint in joints {
                if !measured(joint.position) || !measured(joint.velocity) {
                    return Err(OptionError::JointIndex);
                }
                // Written so that NaN makes the claim false.
                let holds = joint.offset.is_finite() && joint.max_torque > 0.0;
                if !holds {
                    return Err(OptionError::JointNumbers);
                }
            }
        }
        if let Some(familiarity) = self.familiarity {
            let widths = [
                familiarity.statistics.mean.len(),
                familiarity.statistics.deviation.len(),
            ];
            if widths != [contract.observation_dim(); 2] {
                return Err(OptionError::Statistics);
            }
            let holds = familiarity.max_deviations > 0.0 && familiarity.patience > 0;
            if !holds {
                return Err(OptionError::Familiarity);
            }
        }
        if let Some(fallback) = self.fallback {
            let finite = fallback.constant.iter().all(|number| number.is_finite());
            if fallback.constant.len() != contract.action_dim() || !finite {
                return Err(OptionError::Constants);
            }
            for gain in fallback.gains {
                let holds = measured(gain.measurement)
                    && usize::from(gain.command) < contract.action_dim()
                    && gain.target.is_finite()
                    && gain.gain.is_finite();
                if !holds {
                    return Err(OptionError::Gain);
                }
            }
        }
        Ok(())
    }
}

impl<'a> ControlOptions<'a> {
    /// For each number of the measurement, in order: in how many steps it may stay while others move.
    pub(super) fn stuck_limits(
        &self,
        contract: &Contract<'a>,
    ) -> impl Iterator<Item = u16> + use<'a> {
        let terms = contract.observation.iter().zip(self.max_stuck);
        let sensors = terms.filter(|(rule, _)| rule.source() == Some(Source::Sensor));
        sensors.flat_map(|(rule, limit)| core::iter::repeat_n(*limit, usize::from(rule.dim)))
    }
}

impl Default for ControlOptions<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Fallback<'_> {
    /// Computes the law into `command` `[action_dim]`.
    pub(super) fn law(&self, measurement: &[f32], command: &mut [f32]) {
        for (place, constant) in command.iter_mut().zip(self.constant) {
            *place = *constant;
        }
        for gain in self.gains {
            let measured = measurement.get(usize::from(gain.measurement));
            let place = command.get_mut(usize::from(gain.command));
            if let (Some(measured), Some(place)) = (measured, place) {
                *place += gain.gain * (*measured - gain.target);
            }
        }
    }
}

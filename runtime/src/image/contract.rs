//! [`Contract`]: the numbers of observation and action terms, as the loop needs them. Names and units, which only people
//! need, are in [`ObservationTerm`](super::ObservationTerm) and [`ActionTerm`](super::ActionTerm).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ImageError;

/// Where the numbers of an observation term come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u16)]
pub enum Source {
    /// The machine's sensors: part of the measurement.
    #[default]
    Sensor = 0,
    /// Whoever asks something of the machine: a velocity, a goal.
    Setpoint = 1,
    /// The policy itself: the action it answered last, all of it.
    LastAction = 2,
}

/// How a group of numbers becomes part of the observation:
/// `clamp(number * scale + offset, -clip, clip)` for each of `dim` numbers, the newest `history` of them stacked,
/// oldest first.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ObservationRule {
    /// How many numbers.
    pub dim: u16,
    /// How many consecutive samples are stacked; 1 is the newest alone.
    pub history: u16,
    /// A [`Source`], by its number.
    pub source: u16,
    /// 0.
    pub reserved: u16,
    /// Factor to the observation.
    pub scale: f32,
    /// Added after scaling.
    pub offset: f32,
    /// Symmetric bound; infinite for none.
    pub clip: f32,
}

/// How a command follows from the action:
/// `clamp(action * scale + offset, low, high)` for each of `dim` numbers, smoothed, changing by at most `max_rate` per second.
#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ActionRule {
    /// How many numbers.
    pub dim: u16,
    /// 0.
    pub reserved: u16,
    /// Factor from action to command.
    pub scale: f32,
    /// Added after scaling, in command units.
    pub offset: f32,
    /// Least command.
    pub low: f32,
    /// Greatest command.
    pub high: f32,
    /// Greatest change of the command per second; infinite for none.
    pub max_rate: f32,
    /// Gain from position error to torque, where the command is the target position of a joint; 0 where it is not.
    pub stiffness: f32,
    /// Gain from joint velocity to opposing torque; 0 for none.
    pub damping: f32,
    /// Time constant of the first-order low-pass that smooths the command, in seconds; 0 for none.
    pub time_constant_s: f32,
}

/// Mean and standard deviation of every number of the observation in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics<'a> {
    /// `[observation_dim]`
    pub mean: &'a [f32],
    /// `[observation_dim]`; 0 where a number is not to be judged.
    pub deviation: &'a [f32],
}

impl Statistics<'_> {
    /// Whether every number of an observation is within `max_deviations` standard deviations of its mean.
    #[must_use]
    pub fn covers(&self, observation: &[f32], max_deviations: f32) -> bool {
        let numbers = observation.iter().zip(self.mean.iter().zip(self.deviation));
        numbers.into_iter().all(|(number, (mean, deviation))| {
            let distance = (*number - *mean).abs();
            // Written so that NaN is not covered.
            *deviation == 0.0 || distance <= max_deviations * *deviation
        })
    }
}

/// What a policy expects of the machine around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract<'a> {
    /// Control period in microseconds.
    pub period_us: u32,
    /// What it observes, in order.
    pub observation: &'a [ObservationRule],
    /// What it commands, in order.
    pub action: &'a [ActionRule],
}

impl Contract<'_> {
    /// Numbers the sensors give per step.
    #[must_use]
    pub fn measurement_dim(&self) -> usize {
        self.dim_of(Source::Sensor)
    }

    /// Numbers that ask something of the machine.
    #[must_use]
    pub fn setpoint_dim(&self) -> usize {
        self.dim_of(Source::Setpoint)
    }

    fn dim_of(&self, source: Source) -> usize {
        let rules = self.observation.iter();
        rules
            .filter(|rule| rule.source() == Some(source))
            .map(|rule| usize::from(rule.dim))
            .sum()
    }

    /// Numbers in one observation, history included.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        self.observation.iter().map(ObservationRule::len).sum()
    }

    /// Numbers in one action and in one command.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.action.iter().map(|rule| usize::from(rule.dim)).sum()
    }

    /// Checks that there is something to observe, to command and a period, and every rule's numbers.
    ///
    /// # Errors
    /// [`ImageError::Missing`], [`ImageError::ObservationTerm`] and [`ImageError::ActionTerm`].
    pub fn check(&self) -> Result<(), ImageError> {
        for (what, missing) in [
            ("observation terms", self.observation.is_empty()),
            ("action terms", self.action.is_empty()),
            ("control period", self.period_us == 0),
        ] {
            if missing {
                return Err(ImageError::Missing(what));
            }
        }
        for (index, rule) in self.observation.iter().enumerate() {
            rule.check(index, self.action_dim())?;
        }
        if self.measurement_dim() == 0 {
            return Err(ImageError::Missing("observation terms of a sensor"));
        }
        for (index, rule) in self.action.iter().enumerate() {
            rule.check(index)?;
        }
        Ok(())
    }
}

impl ObservationRule {
    /// One number of a sensor as it is, to begin another rule with.
    pub const SENSOR: Self = Self {
        dim: 1,
        history: 1,
        source: Source::Sensor as u16,
        reserved: 0,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
    };

    /// The same rule for another source.
    #[must_use]
    pub const fn of(self, source: Source) -> Self {
        Self {
            source: source as u16,
            ..self
        }
    }

    /// Where the numbers come from; `None` for a number of a later version, which [`Contract::check`] refuses.
    #[must_use]
    pub const fn source(&self) -> Option<Source> {
        match self.source {
            0 => Some(Source::Sensor),
            1 => Some(Source::Setpoint),
            2 => Some(Source::LastAction),
            _ => None,
        }
    }

    /// Numbers of the observation this rule fills.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.dim) * usize::from(self.history)
    }

    /// Whether it fills none, which [`Contract::check`] refuses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, index: usize, action_dim: usize) -> Result<(), ImageError> {
        let dim = usize::from(self.dim);
        let fits = self.source() != Some(Source::LastAction) || dim == action_dim;
        for (field, expected, holds) in [
            ("dim", "at least 1", self.dim > 0),
            ("dim", "of the last action, the action's", fits),
            ("source", "0 to 2", self.source().is_some()),
            ("reserved", "0", self.reserved == 0),
            ("history", "at least 1", self.history > 0),
            ("scale", "finite", self.scale.is_finite()),
            ("offset", "finite", self.offset.is_finite()),
            ("clip", "above 0", self.clip > 0.0),
        ] {
            if !holds {
                return Err(ImageError::ObservationTerm {
                    index,
                    field,
                    expected,
                });
            }
        }
        Ok(())
    }
}

impl ActionRule {
    fn check(&self, index: usize) -> Result<(), ImageError> {
        for (field, expected, holds) in [
            ("dim", "at least 1", self.dim > 0),
            ("reserved", "0", self.reserved == 0),
            ("scale", "finite", self.scale.is_finite()),
            ("offset", "finite", self.offset.is_finite()),
            ("low", "finite", self.low.is_finite()),
            ("high", "finite", self.high.is_finite()),
            ("low", "not above high", self.low <= self.high),
            ("max_rate", "above 0", self.max_rate > 0.0),
            ("stiffness", "finite, not negative", gain(self.stiffness)),
            ("damping", "finite, not negative", gain(self.damping)),
            (
                "time_constant_s",
                "finite, not negative",
                gain(self.time_constant_s),
            ),
        ] {
            if !holds {
                return Err(ImageError::ActionTerm {
                    index,
                    field,
                    expected,
                });
            }
        }
        Ok(())
    }
}

fn gain(gain: f32) -> bool {
    gain >= 0.0 && gain.is_finite()
}

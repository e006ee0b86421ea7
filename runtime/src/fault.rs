//! [`Fault`]: why the loop refuses to act.

use serde::{Deserialize, Serialize};

/// Why the loop made the machine safe. The discriminants travel on the wire and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Fault {
    /// The policy does not compute its golden action on this machine.
    #[error("self-test failed")]
    SelfTest = 1,
    /// The board could not read its sensors.
    #[error("sensors could not be read")]
    Sense = 2,
    /// A measurement is NaN or infinite.
    #[error("a measurement is not finite")]
    NonFiniteMeasurement = 3,
    /// The policy answered NaN or infinity.
    #[error("an action is not finite")]
    NonFiniteAction = 4,
    /// The board could not set its actuators.
    #[error("actuators could not be set")]
    Actuate = 5,
    /// A step began later after the previous one than allowed.
    #[error("a step began too late")]
    Late = 6,
    /// Somebody outside of the loop stopped it.
    #[error("stopped from outside")]
    External = 7,
    /// A measurement is too old, or repeats the ones before it bit for bit.
    #[error("measurements are stale")]
    Stale = 8,
    /// A step took longer than allowed.
    #[error("a step took too long")]
    Overrun = 9,
    /// Observations are too far from those the policy was trained on.
    #[error("observations are unlike those of the training")]
    Unfamiliar = 10,
    /// A number of the measurement does not move by a bit while others do.
    #[error("a sensor is stuck")]
    Stuck = 11,
}

/// A code of a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault code")]
pub struct UnknownFault;

impl Fault {
    /// Every fault, in the order of the codes.
    pub const ALL: [Self; 11] = [
        Self::SelfTest,
        Self::Sense,
        Self::NonFiniteMeasurement,
        Self::NonFiniteAction,
        Self::Actuate,
        Self::Late,
        Self::External,
        Self::Stale,
        Self::Overrun,
        Self::Unfamiliar,
        Self::Stuck,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether a law that needs no policy may take over: the actuators still answer, and nobody asked for a stop.
    #[must_use]
    pub const fn is_survivable(self) -> bool {
        !matches!(self, Self::SelfTest | Self::Actuate | Self::External)
    }
}

impl From<Fault> for u8 {
    fn from(fault: Fault) -> Self {
        fault.code()
    }
}

impl TryFrom<u8> for Fault {
    type Error = UnknownFault;

    fn try_from(code: u8) -> Result<Self, UnknownFault> {
        let mut all = Self::ALL.into_iter();
        all.find(|fault| fault.code() == code).ok_or(UnknownFault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_zero_is_none() {
        for (index, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(fault.code()), index + 1);
            assert_eq!(Fault::try_from(fault.code()), Ok(fault));
        }
        assert_eq!(Fault::try_from(0), Err(UnknownFault));
        assert_eq!(Fault::try_from(12), Err(UnknownFault));
    }
}

//! [`Phase`]: where the loop stands, and what is true there alone.

use serde::{Deserialize, Serialize};

use super::State;
use crate::fault::Fault;
use crate::time::Micros;

/// Where the loop stands. [`State::on`] is the table of what leads from one to another.
///
/// ```text
/// Idle --self_test--> SelfTest --> Armed --start--> Running --stop--> Armed
///   ^ <---disarm----      |           |                |
///   |                     |           |                +-- fault --> Fallback, where there is a law for it
///   |                     +-----------+----- fault ----+---------------+--> Faulted
///   +---------------------------------- reset ----------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing is known about this machine yet.
    Idle,
    /// The policy computes its golden action.
    SelfTest,
    /// Ready to run.
    Armed {
        /// When it became so.
        since: Micros,
    },
    /// In control.
    Running {
        /// Steps done.
        tick: u32,
    },
    /// The machine was made safe; only a reset leads out.
    Faulted {
        /// Why.
        fault: Fault,
        /// When.
        at: Micros,
    },
    /// The fallback law is in control; a reset leads out, a second fault to `Faulted`.
    Fallback {
        /// Why.
        fault: Fault,
        /// When.
        at: Micros,
    },
}

impl Phase {
    /// The phase without what is true in it alone.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::SelfTest => State::SelfTest,
            Self::Armed { .. } => State::Armed,
            Self::Running { .. } => State::Running,
            Self::Faulted { .. } => State::Faulted,
            Self::Fallback { .. } => State::Fallback,
        }
    }

    /// The latched fault, if there is one.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Faulted { fault, .. } | Self::Fallback { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

/// A transition that does not start from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not possible in phase {found:?}")]
pub struct WrongPhase {
    /// Where the loop stands.
    pub found: Phase,
}

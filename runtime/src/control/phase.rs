//! [`Phase`]: where the loop stands.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::time::Micros;

/// Where the loop stands. Each phase owns what is true in it alone.
///
/// ```text
/// Idle --self_test--> SelfTest --> Armed --start--> Running --stop--> Armed
///   ^                     \           \                |
///   |                      +-----------+--- fault -----+--> Faulted
///   +------------------------------- reset ------------------+
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
}

/// A transition that does not start from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not possible in phase {found:?}")]
pub struct WrongPhase {
    /// Where the loop stands.
    pub found: Phase,
}

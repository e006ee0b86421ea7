//! The loop: sense, observe, act, judge, actuate, record. [`Controller`] owns no clock and no timer; whoever has one calls
//! [`Controller::step`] once per period.

mod controller;
mod cycle;
mod phase;

pub use controller::{ControlError, Controller};
pub use cycle::{Cycle, CycleStats, Outcome};
pub use phase::{Phase, WrongPhase};

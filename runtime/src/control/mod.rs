//! The loop: sense, observe, act, limit, drive, actuate, record. [`Controller`] owns no clock and no timer; whoever has one
//! calls [`Controller::step`] once per period, or [`ControlOptions::steps_per_action`] times.

mod controller;
mod cycle;
mod options;
mod phase;
mod transition;
mod watch;

#[cfg(test)]
mod tests;

pub use controller::{ControlError, Controller, WrongSetpoint};
pub use cycle::{Cycle, CycleStats, Outcome};
pub use options::{
    Between, ControlOptions, Drive, Fallback, Familiarity, Gain, Joint, OptionError,
};
pub use phase::{Phase, WrongPhase};
pub use transition::{Actuation, Signal, State};

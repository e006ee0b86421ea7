#![no_std]
#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("weights are little-endian and read in place");

pub mod action;
#[cfg(feature = "alloc")]
pub mod backend;
pub mod board;
mod bounded;
mod checksum;
pub mod control;
mod fault;
pub mod image;
pub mod nn;
pub mod observation;
#[cfg(feature = "plant")]
pub mod plant;
pub mod policy;
#[cfg(test)]
mod rounds;
pub mod safety;
pub mod serve;
mod servo;
pub mod telemetry;
mod time;
#[cfg(feature = "update")]
pub mod update;
pub mod wire;

pub use action::ActionPipeline;
#[cfg(feature = "alloc")]
pub use backend::EnginePolicy;
pub use board::Board;
pub use control::{
    ControlError, ControlOptions, Controller, Cycle, CycleStats, Outcome, Phase, WrongPhase,
};
pub use fault::{Fault, UnknownFault};
pub use image::PolicyImage;
pub use nn::Function;
pub use observation::{ObservationPipeline, Sample};
pub use policy::{ImagePolicy, Policy, Shape};
pub use safety::{Interventions, SafetyFilter, SafetyLimits};
pub use telemetry::{Counters, Event, EventLog, Telemetry};
pub use time::Micros;

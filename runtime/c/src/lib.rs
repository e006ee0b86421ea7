#![no_std]
#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! The only package of the workspace whose trade is unsafe code: it turns what C promises in words, that a pointer leads to so
//! many bytes and stays good, into what Rust can check from there on. It computes nothing; `rlfd-runtime` does.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

// On a host the standard library brings what a program must have besides `main`; on bare metal it is here.
#[cfg(not(target_os = "none"))]
extern crate std;

mod board;
mod contract;
mod controller;
mod cycle;
mod fault;
mod memory;
mod options;
mod policy;
#[cfg(feature = "update")]
mod refusal;
mod status;
#[cfg(feature = "update")]
mod update;

pub use board::Board;
pub use contract::{
    ActionTerm, Contract, ObservationTerm, Source, Text, rlfd_image_action_term, rlfd_image_check,
    rlfd_image_observation_term,
};
pub use controller::{
    Controller, Limits, Phase, rlfd_controller_command, rlfd_controller_disarm,
    rlfd_controller_fault, rlfd_controller_new, rlfd_controller_phase, rlfd_controller_reset,
    rlfd_controller_self_test, rlfd_controller_set_setpoint, rlfd_controller_start,
    rlfd_controller_stop, rlfd_controller_stuck, rlfd_controller_take_over, rlfd_controller_target,
    rlfd_controller_trip,
};
pub use cycle::{
    Counters, Cycle, Event, Outcome, RLFD_FAULTS, Stats, rlfd_controller_counters,
    rlfd_controller_next_event, rlfd_controller_stats, rlfd_controller_step,
};
pub use fault::{Fault, rlfd_fault_name};
pub use memory::RLFD_MEMORY_ALIGNMENT;
pub use options::{Between, Gain, Joint, Options, rlfd_controller_set_options};
pub use policy::{
    Policy, rlfd_policy_act, rlfd_policy_new, rlfd_policy_reset, rlfd_policy_self_test,
};
#[cfg(feature = "update")]
pub use refusal::{Refusal, rlfd_refusal_name};
pub use status::{Status, rlfd_status_name};
#[cfg(feature = "update")]
pub use update::{
    Flash, Installed, RLFD_UPDATER_MEMORY, UpdateStatus, Updater, rlfd_update_choose,
    rlfd_updater_begin, rlfd_updater_chunk, rlfd_updater_commit, rlfd_updater_new,
    rlfd_updater_status,
};

/// Nothing in the library panics, and a linker that drops what is not reached drops this.
#[cfg(all(target_os = "none", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

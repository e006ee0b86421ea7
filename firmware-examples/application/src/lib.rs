//! The application of every board: a policy image in a control loop, served over a byte stream. A board brings a
//! [`Port`] and calls [`Server::boot`]; it sees neither frames nor policies, and the application sees no registers.

#![no_std]

mod control_loop;
mod inference;
mod kernels;
mod memory;
mod meter;
mod port;
mod register;
mod server;
mod stack;
mod text;
#[cfg(feature = "update")]
mod updatable;

pub use control_loop::ControlLoop;
pub use inference::{infer, infer_with};
pub use kernels::{Scratch, kernels};
pub use memory::{COMMAND_DIM, IMAGE, MEASUREMENT_DIM, Memory, SETPOINT_DIM};
pub use meter::measure;
pub use port::Port;
pub use register::Register;
/// What a policy that is written as source calls.
pub use rlfd_runtime;
pub use server::Server;
pub use stack::Stack;
#[cfg(feature = "update")]
pub use updatable::serve_updatable;

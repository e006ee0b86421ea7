//! A policy served over the link: [`Server`] answers a host's questions, [`LinkedLoop`] is the loop it serves and
//! [`LinkedMachine`] the machine, which is at the host's end. `docs/wire.md` is the protocol. Boards and robot computers share
//! this; it knows neither UARTs nor sockets, and keeps no time.

mod linked_loop;
mod machine;
mod server;

#[cfg(test)]
mod tests;

pub use linked_loop::LinkedLoop;
pub use machine::LinkedMachine;
pub use server::{Channel, NoUpdates, Server, Tally, Updates};

/// Measurements may stay away for this many periods of the plant's clock before a loop counts as late.
pub const MAX_INTERVAL_PERIODS: u32 = 5;

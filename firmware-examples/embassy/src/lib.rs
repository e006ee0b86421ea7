//! What boards with embassy share: a [`UartPort`] over any UART, and the loop that a timer drives. Knows no chip.
//!
//! Between two ticks of the policy's period the UART's interrupt gathers bytes; at a tick the server takes them. A measurement is
//! so acted on at the tick after its arrival, whenever within the period it came, and the board keeps the time.

#![no_std]

mod port;
mod ticks;

pub use port::{Named, UartPort};
pub use ticks::run;

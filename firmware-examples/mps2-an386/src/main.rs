//! Boots the board and serves the linked-in policy over its UART.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::{Memory, Server};

#[cortex_m_rt::entry]
fn main() -> ! {
    if let (Some(mut board), Some(memory)) = (Mps2::take(), Memory::take()) {
        Server::boot(memory, &mut board).serve(&mut board);
    }
    halt()
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}

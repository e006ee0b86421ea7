//! Boots the board and serves the linked-in policy over its UART.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::Memory;

#[cortex_m_rt::entry]
fn main() -> ! {
    if let (Some(mut board), Some(memory)) = (Mps2::take(), Memory::take()) {
        serve(memory, &mut board);
    }
    halt()
}

#[cfg(not(feature = "update"))]
fn serve(memory: &'static mut Memory, board: &mut Mps2) -> ! {
    rlfd_firmware::Server::boot(memory, board).serve(board)
}

/// The slots are RAM: what was installed lasts until the power goes.
#[cfg(feature = "update")]
fn serve(memory: &'static mut Memory, board: &mut Mps2) -> ! {
    use rlfd_runtime::update::RamFlash;
    const SLOT_LEN: usize = 64 * 1024;
    static mut SLOTS: [RamFlash<SLOT_LEN>; 2] = [RamFlash::new(), RamFlash::new()];
    // SAFETY: `Memory::take` lets only one caller get here, so this is the only reference.
    match unsafe { (&raw mut SLOTS).as_mut() } {
        Some(slots) => rlfd_firmware::serve_updatable(memory, slots, board),
        None => halt(),
    }
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}

//! The programs of a Cortex-M board: each a function for any [`Board`], and a macro that makes it the program.

#[cfg(not(feature = "update"))]
use rlfd_firmware::Server;
use rlfd_firmware::{Memory, Scratch, Stack, infer, infer_with, kernels, measure};

use crate::board::Board;

/// Makes this file the program that serves the linked-in policy.
#[macro_export]
macro_rules! serve {
    ($board:ty) => {
        #[$crate::entry]
        fn main() -> ! {
            $crate::serve::<$board>()
        }
    };
}

/// Makes this file the program that measures what the firmware costs, logs it and ends the emulator.
#[macro_export]
macro_rules! measure {
    ($board:ty) => {
        #[$crate::entry]
        fn main() -> ! {
            $crate::measure_once::<$board>()
        }
    };
}

/// Makes this file the program that logs checksums of what the runtime's kernels compute and ends the emulator.
#[macro_export]
macro_rules! compare {
    ($board:ty) => {
        #[$crate::entry]
        fn main() -> ! {
            $crate::compare_kernels::<$board>()
        }
    };
}

/// Serves for good.
pub fn serve<B: Board>() -> ! {
    if let (Some(mut board), Some(memory)) = (B::take(), Memory::take()) {
        serve_in(memory, &mut board);
    }
    halt()
}

#[cfg(not(feature = "update"))]
fn serve_in<B: Board>(memory: &'static mut Memory, board: &mut B) -> ! {
    Server::boot(memory, board).serve(board)
}

/// The slots are RAM: what was installed lasts until the power goes.
#[cfg(feature = "update")]
fn serve_in<B: Board>(memory: &'static mut Memory, board: &mut B) -> ! {
    use rlfd_runtime::update::RamFlash;
    const SLOT_LEN: usize = 64 * 1024;
    static mut SLOTS: [RamFlash<SLOT_LEN>; 2] = [RamFlash::new(), RamFlash::new()];
    // SAFETY: `Memory::take` lets only one caller get here, so this is the only reference.
    match unsafe { (&raw mut SLOTS).as_mut() } {
        Some(slots) => rlfd_firmware::serve_updatable(memory, slots, board),
        None => halt(),
    }
}

/// Measures, logs and ends the emulator.
pub fn measure_once<B: Board>() -> ! {
    let stack = paint_stack();
    if let (Some(mut board), Some(memory)) = (B::take(), Memory::take()) {
        measure(memory, &stack, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Logs checksums and ends the emulator.
pub fn compare_kernels<B: Board>() -> ! {
    static mut SCRATCH: Scratch = Scratch::new();
    if let Some(mut board) = B::take() {
        // SAFETY: a board can be taken once, so this is the only reference.
        if let Some(scratch) = unsafe { (&raw mut SCRATCH).as_mut() } {
            kernels(scratch, &mut board);
            semihosting::process::exit(0);
        }
    }
    semihosting::process::exit(1)
}

/// Answers the golden observation between `begin` and `end` and ends the emulator.
pub fn infer_once<B: Board>(begin: fn(), end: fn()) -> ! {
    if let (Some(mut board), Some(memory)) = (B::take(), Memory::take()) {
        infer(memory, begin, end, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Does `act`, which says whether it answered as it should, in place of the policy and ends the emulator.
pub fn infer_with_once<B: Board>(act: impl FnOnce() -> bool) -> ! {
    if let (Some(mut board), Some(memory)) = (B::take(), Memory::take()) {
        infer_with(memory, act, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Paints the free part of the stack, between the symbols of the linker script.
fn paint_stack() -> Stack {
    unsafe extern "C" {
        static mut _stack_end: u32;
        static mut _stack_start: u32;
    }
    // SAFETY: the linker script keeps everything else out of this range.
    unsafe { Stack::paint(&raw mut _stack_end, &raw mut _stack_start) }
}

/// Stops for good.
fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

/// Nothing in the program panics; the folder's README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}

//! Arm MPS2 with the AN386 image (Cortex-M4F) as a place for `rlfd-firmware`.

#![no_std]

use rlfd_cortex_m::{FpgaImage, Mps2};

/// "Application Note AN386: ARM Cortex-M4 SMM on V2M-MPS2".
#[derive(Debug)]
pub struct An386;

// SAFETY: the note's memory map and interrupt table.
unsafe impl FpgaImage for An386 {
    const NAME: &'static str = "mps2-an386";
    const UART: usize = 0x4000_4000;
    const UART_RECEIVE: u16 = 0;
    const TIMER: usize = 0x4000_0000;
    const CLOCK_HZ: u32 = 25_000_000;
}

/// The board, once.
pub type An386Board = Mps2<An386>;

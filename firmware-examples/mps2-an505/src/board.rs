//! Arm MPS2 with the AN505 image (Cortex-M33) as a place for `rlfd-firmware`. The processor starts in the secure state and
//! stays there, so memory and devices are used through their secure aliases, 0x1000_0000 above the others.

#![no_std]

use rlfd_cortex_m::{FpgaImage, Mps2};

/// "Application Note AN505: Cortex-M33 IoT Kit FPGA for MPS2+".
#[derive(Debug)]
pub struct An505;

// SAFETY: the note's memory map and interrupt table; the kit's own 32 interrupts come before the board's.
unsafe impl FpgaImage for An505 {
    const NAME: &'static str = "mps2-an505";
    const UART: usize = 0x5020_0000;
    const UART_RECEIVE: u16 = 32;
    const TIMER: usize = 0x5000_0000;
    const CLOCK_HZ: u32 = 20_000_000;
}

/// The board, once.
pub type An505Board = Mps2<An505>;

//! What the Cortex-M boards share. A board brings a [`Board`] and `memory.x`; its programs are one line each. Knows no
//! policy and no protocol: those are `rlfd-firmware`'s.
//!
//! Interrupts stay masked for good on these boards. They serve only to end `wfi`: a pending one wakes the core whether or
//! not it may be taken, so there is no handler, no shared state, and no gap between looking for a byte and going to sleep.

#![no_std]

mod board;
mod cmsdk;
mod mps2;
mod program;

pub use board::{Board, Interrupt, semihosting_log};
pub use cmsdk::{CmsdkTimer, CmsdkUart};
pub use cortex_m_rt::entry;
pub use mps2::{FpgaImage, Mps2};
pub use program::{compare_kernels, infer_once, measure_once, serve};

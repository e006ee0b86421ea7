//! Writes checksums of what the runtime's kernels compute to the log and ends the emulator.

#![no_std]
#![no_main]

rlfd_cortex_m::compare!(mps2_an386::An386Board);

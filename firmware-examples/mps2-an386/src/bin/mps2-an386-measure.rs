//! Measures what the firmware costs, writes it to the log and ends the emulator.

#![no_std]
#![no_main]

rlfd_cortex_m::measure!(mps2_an386::An386Board);

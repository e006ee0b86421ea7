//! Measures what the firmware costs, writes it to the log and ends the emulator.

#![no_std]
#![no_main]

rlfd_cortex_m::measure!(lm3s6965evb::Lm3s6965);

//! Writes checksums of what the runtime's kernels compute to the log and ends the emulator.

#![no_std]
#![no_main]

rlfd_cortex_m::compare!(lm3s6965evb::Lm3s6965);

//! Boots the board and serves the linked-in policy over its UART.

#![no_std]
#![no_main]

rlfd_cortex_m::serve!(lm3s6965evb::Lm3s6965);

//! Boots the board and serves the linked-in policy over its UART.

#![no_std]
#![no_main]

rlfd_cortex_m::serve!(mps2_an500::An500Board);

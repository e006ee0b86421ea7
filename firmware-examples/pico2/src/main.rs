//! Raspberry Pi Pico 2: UART0 on GP0 and GP1, which a debug probe makes a serial port of the host, is the link; the system timer
//! keeps the time; telemetry goes through the debug probe. Compiled by our tests, not run by them.

#![no_std]
#![no_main]

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::uart::{BufferedInterruptHandler, BufferedUart, Config};
use embassy_rp::{bind_interrupts, peripherals};
use panic_probe as _;
use rlfd_embassy::{Named, run};
use static_cell::StaticCell;

/// Bytes that may come in a period of the policy, or go out in one.
const BUFFERED: usize = 4096;

const BAUD: u32 = 115_200;

struct Pico2;

impl Named for Pico2 {
    const NAME: &'static str = "pico2";
}

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<peripherals::UART0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    static SENT: StaticCell<[u8; BUFFERED]> = StaticCell::new();
    static RECEIVED: StaticCell<[u8; BUFFERED]> = StaticCell::new();
    let chip = embassy_rp::init(embassy_rp::config::Config::default());
    let mut config = Config::default();
    config.baudrate = BAUD;
    let uart = BufferedUart::new(
        chip.UART0,
        chip.PIN_0,
        chip.PIN_1,
        Interrupts,
        SENT.init([0; BUFFERED]),
        RECEIVED.init([0; BUFFERED]),
        config,
    );
    run::<Pico2, _>(uart).await
}

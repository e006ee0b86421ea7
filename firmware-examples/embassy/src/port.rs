//! [`UartPort`]: a UART that buffers, embassy's clock, and defmt for the log.

use core::marker::PhantomData;
use core::str;

use embassy_time::Instant;
use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{Read, Write};
use rlfd_firmware::Port;

/// A board's name.
pub trait Named {
    /// 32 bytes at most.
    const NAME: &'static str;
}

/// Bytes of a line of the log that are kept.
const LINE: usize = 128;

/// A port over a UART whose interrupt stores what arrives.
#[derive(Debug)]
pub struct UartPort<B, U> {
    uart: U,
    line: [u8; LINE],
    line_len: usize,
    board: PhantomData<B>,
}

impl<B, U> UartPort<B, U> {
    /// A port over this UART.
    pub fn new(uart: U) -> Self {
        Self {
            uart,
            line: [0; LINE],
            line_len: 0,
            board: PhantomData,
        }
    }
}

impl<B: Named, U: Read + Write> Port for UartPort<B, U> {
    const NAME: &'static str = B::NAME;

    /// Where bytes were lost there is none; their frame then fails its checksum, and the host asks again.
    fn read(&mut self) -> Option<u8> {
        self.uart.read().ok()
    }

    fn write(&mut self, byte: u8) {
        // A byte that cannot be sent is like one that the cable lost.
        let _ = nb::block!(self.uart.write(byte));
    }

    /// The loop waits for its timer, never in here.
    fn wait(&mut self) {}

    fn now_ns(&mut self) -> u64 {
        Instant::now().as_micros().wrapping_mul(1_000)
    }

    /// Microseconds are the nearest thing the clock has.
    fn instructions(&mut self) -> u64 {
        self.now_ns()
    }

    /// A line becomes a message when it is whole.
    fn log(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte == b'\n' {
                let line = self.line.get(..self.line_len).unwrap_or_default();
                defmt::info!("{=str}", str::from_utf8(line).unwrap_or_default());
                self.line_len = 0;
            } else if let Some(place) = self.line.get_mut(self.line_len) {
                *place = byte;
                self.line_len += 1;
            }
        }
    }
}

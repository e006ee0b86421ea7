//! BBC micro:bit (nRF51822, Cortex-M0) as a place for `rlfd-firmware`: the UART to the board's USB bridge is the link, TIMER0
//! clock and wake-up, semihosting the log.

#![no_std]

use cortex_m::Peripherals;
use rlfd_cortex_m::{Board, Interrupt, semihosting_log};
use rlfd_firmware::Port;

/// UART, nRF51 Series Reference Manual, chapter 29.
mod uart {
    use rlfd_firmware::Register;
    // SAFETY: the manual maps the device here; its registers are words.
    pub const START_RECEIVER: Register<u32> = unsafe { Register::at(0x4000_2000) };
    // SAFETY: as above.
    pub const START_TRANSMITTER: Register<u32> = unsafe { Register::at(0x4000_2008) };
    // SAFETY: as above.
    pub const RECEIVED: Register<u32> = unsafe { Register::at(0x4000_2108) };
    // SAFETY: as above.
    pub const TRANSMITTED: Register<u32> = unsafe { Register::at(0x4000_211C) };
    // SAFETY: as above.
    pub const INTERRUPT_SET: Register<u32> = unsafe { Register::at(0x4000_2304) };
    pub const INTERRUPT_RECEIVED: u32 = 1 << 2;
    // SAFETY: as above.
    pub const ENABLE: Register<u32> = unsafe { Register::at(0x4000_2500) };
    pub const ENABLED: u32 = 4;
    // SAFETY: as above.
    pub const PIN_TRANSMIT: Register<u32> = unsafe { Register::at(0x4000_250C) };
    // SAFETY: as above.
    pub const PIN_RECEIVE: Register<u32> = unsafe { Register::at(0x4000_2514) };
    // SAFETY: as above.
    pub const RECEIVE_DATA: Register<u32> = unsafe { Register::at(0x4000_2518) };
    // SAFETY: as above.
    pub const TRANSMIT_DATA: Register<u32> = unsafe { Register::at(0x4000_251C) };
    // SAFETY: as above.
    pub const BAUD: Register<u32> = unsafe { Register::at(0x4000_2524) };
    pub const BAUD_115200: u32 = 0x01D7_E000;
}

/// TIMER0, the one of 32 bits, manual chapter 18.
mod timer {
    use rlfd_firmware::Register;
    // SAFETY: the manual maps the device here; its registers are words.
    pub const START: Register<u32> = unsafe { Register::at(0x4000_8000) };
    // SAFETY: as above.
    pub const CAPTURE_0: Register<u32> = unsafe { Register::at(0x4000_8040) };
    // SAFETY: as above.
    pub const COMPARED_1: Register<u32> = unsafe { Register::at(0x4000_8144) };
    // SAFETY: as above.
    pub const INTERRUPT_SET: Register<u32> = unsafe { Register::at(0x4000_8304) };
    pub const INTERRUPT_COMPARED_1: u32 = 1 << 17;
    // SAFETY: as above.
    pub const WIDTH: Register<u32> = unsafe { Register::at(0x4000_8508) };
    pub const WIDTH_32: u32 = 3;
    // SAFETY: as above.
    pub const PRESCALER: Register<u32> = unsafe { Register::at(0x4000_8510) };
    // SAFETY: as above.
    pub const VALUE_0: Register<u32> = unsafe { Register::at(0x4000_8540) };
    // SAFETY: as above.
    pub const VALUE_1: Register<u32> = unsafe { Register::at(0x4000_8544) };
    pub const TICKS_PER_MILLISECOND: u32 = 16_000;
}

/// P0.24 and P0.25 go to the chip that is the board's USB.
const TRANSMIT_PIN: u32 = 24;
const RECEIVE_PIN: u32 = 25;

// SAFETY: the manual's peripheral numbers; `take` masks interrupts before it uses them.
const UART_INTERRUPT: Interrupt = unsafe { Interrupt::new(2) };
// SAFETY: as above.
const TIMER_INTERRUPT: Interrupt = unsafe { Interrupt::new(8) };

/// The board, once.
#[derive(Debug)]
pub struct Microbit {
    ticks: u64,
    last: u32,
}

fn captured() -> u32 {
    timer::CAPTURE_0.write(1);
    timer::VALUE_0.read()
}

impl Board for Microbit {
    fn take() -> Option<Self> {
        Peripherals::take()?;
        cortex_m::interrupt::disable();

        uart::PIN_TRANSMIT.write(TRANSMIT_PIN);
        uart::PIN_RECEIVE.write(RECEIVE_PIN);
        uart::BAUD.write(uart::BAUD_115200);
        uart::ENABLE.write(uart::ENABLED);
        uart::INTERRUPT_SET.write(uart::INTERRUPT_RECEIVED);
        uart::START_TRANSMITTER.write(1);
        uart::START_RECEIVER.write(1);
        UART_INTERRUPT.wake();

        timer::WIDTH.write(timer::WIDTH_32);
        timer::PRESCALER.write(0);
        timer::INTERRUPT_SET.write(timer::INTERRUPT_COMPARED_1);
        timer::START.write(1);
        TIMER_INTERRUPT.wake();

        Some(Self { ticks: 0, last: 0 })
    }
}

impl Port for Microbit {
    const NAME: &'static str = "microbit";

    fn read(&mut self) -> Option<u8> {
        if uart::RECEIVED.read() == 0 {
            return None;
        }
        // The event is cleared before the byte is taken out, because taking it out may bring the next.
        uart::RECEIVED.write(0);
        let [byte, ..] = uart::RECEIVE_DATA.read().to_le_bytes();
        UART_INTERRUPT.forget();
        Some(byte)
    }

    fn write(&mut self, byte: u8) {
        uart::TRANSMIT_DATA.write(u32::from(byte));
        while uart::TRANSMITTED.read() == 0 {}
        uart::TRANSMITTED.write(0);
    }

    fn wait(&mut self) {
        timer::VALUE_1.write(captured().wrapping_add(timer::TICKS_PER_MILLISECOND));
        cortex_m::asm::wfi();
        timer::COMPARED_1.write(0);
        TIMER_INTERRUPT.forget();
    }

    fn now_ns(&mut self) -> u64 {
        let value = captured();
        self.ticks += u64::from(value.wrapping_sub(self.last));
        self.last = value;
        // 16 MHz: 62.5 ns each.
        self.ticks * 125 / 2
    }

    /// With `-icount shift=0` an instruction takes one nanosecond; the timer sees 62.5 of them at a time.
    fn instructions(&mut self) -> u64 {
        self.now_ns()
    }

    fn log(&mut self, text: &str) {
        semihosting_log(text);
    }
}

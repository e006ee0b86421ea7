//! [`Mps2`]: CMSDK UART 0 is the link, CMSDK timer 0 the clock, semihosting the log.
//!
//! Interrupts stay masked for good. They serve only to end `wfi`: a pending one wakes the core whether or not it may
//! be taken, so there is no handler, no shared state, and no gap between looking for a byte and going to sleep.

use cortex_m::{
    Peripherals,
    interrupt::InterruptNumber,
    peripheral::{NVIC, SCB, syst::SystClkSource},
};
use rlfd_firmware::{Port, Register, Stack};

const CLOCK_HZ: u32 = 25_000_000;
const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / CLOCK_HZ as u64;

/// UART 0, "CMSDK APB UART" in Arm's Cortex-M System Design Kit.
mod uart {
    use super::Register;
    // SAFETY: AN386 maps the device here; its registers are words.
    pub const DATA: Register<u32> = unsafe { Register::at(0x4000_4000) };
    // SAFETY: as above.
    pub const STATE: Register<u32> = unsafe { Register::at(0x4000_4004) };
    pub const STATE_TRANSMIT_FULL: u32 = 1 << 0;
    pub const STATE_RECEIVE_FULL: u32 = 1 << 1;
    // SAFETY: as above.
    pub const CONTROL: Register<u32> = unsafe { Register::at(0x4000_4008) };
    pub const CONTROL_TRANSMIT: u32 = 1 << 0;
    pub const CONTROL_RECEIVE: u32 = 1 << 1;
    pub const CONTROL_RECEIVE_INTERRUPT: u32 = 1 << 3;
    // SAFETY: as above.
    pub const INTERRUPT: Register<u32> = unsafe { Register::at(0x4000_400C) };
    pub const INTERRUPT_RECEIVE: u32 = 1 << 1;
    // SAFETY: as above.
    pub const BAUD_DIVISOR: Register<u32> = unsafe { Register::at(0x4000_4010) };
}

/// Timer 0, "CMSDK APB timer": counts down, 32 bits.
mod timer {
    use super::Register;
    // SAFETY: AN386 maps the device here; its registers are words.
    pub const CONTROL: Register<u32> = unsafe { Register::at(0x4000_0000) };
    // SAFETY: as above.
    pub const VALUE: Register<u32> = unsafe { Register::at(0x4000_0004) };
    // SAFETY: as above.
    pub const RELOAD: Register<u32> = unsafe { Register::at(0x4000_0008) };
}

/// UART 0's receive interrupt, number 0 on AN386.
#[derive(Clone, Copy, Debug)]
struct Uart0Receive;

// SAFETY: the number is constant and exists on this chip.
unsafe impl InterruptNumber for Uart0Receive {
    fn number(self) -> u16 {
        0
    }
}

/// The board, once.
#[derive(Debug)]
pub struct Mps2 {
    ticks: u64,
    last: u32,
}

impl Mps2 {
    /// Sets up UART, timers and wake-ups. `None` when called again.
    pub fn take() -> Option<Self> {
        let mut core = Peripherals::take()?;
        cortex_m::interrupt::disable();

        uart::BAUD_DIVISOR.write(CLOCK_HZ / 115_200);
        uart::CONTROL.write(
            uart::CONTROL_TRANSMIT | uart::CONTROL_RECEIVE | uart::CONTROL_RECEIVE_INTERRUPT,
        );
        // SAFETY: interrupts are masked, so nothing relies on this one being off.
        unsafe { NVIC::unmask(Uart0Receive) };

        timer::RELOAD.write(u32::MAX);
        timer::VALUE.write(u32::MAX);
        timer::CONTROL.write(1);

        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK_HZ / 1_000 - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();

        Some(Self {
            ticks: 0,
            last: u32::MAX,
        })
    }

    fn ticks(&mut self) -> u64 {
        let value = timer::VALUE.read();
        self.ticks += u64::from(self.last.wrapping_sub(value));
        self.last = value;
        self.ticks
    }
}

impl Port for Mps2 {
    const NAME: &'static str = "mps2-an386";

    fn read(&mut self) -> Option<u8> {
        if uart::STATE.read() & uart::STATE_RECEIVE_FULL == 0 {
            return None;
        }
        let [byte, ..] = uart::DATA.read().to_le_bytes();
        // The request is cleared after the byte is out, so a byte that comes now raises it again.
        uart::INTERRUPT.write(uart::INTERRUPT_RECEIVE);
        NVIC::unpend(Uart0Receive);
        Some(byte)
    }

    fn write(&mut self, byte: u8) {
        while uart::STATE.read() & uart::STATE_TRANSMIT_FULL != 0 {}
        uart::DATA.write(u32::from(byte));
    }

    fn wait(&mut self) {
        cortex_m::asm::wfi();
        SCB::clear_pendst();
    }

    fn now_ns(&mut self) -> u64 {
        self.ticks() * NANOSECONDS_PER_TICK
    }

    /// With `-icount shift=0` an instruction takes one nanosecond; the timer sees forty of them at a time.
    fn instructions(&mut self) -> u64 {
        self.now_ns()
    }

    fn log(&mut self, text: &str) {
        for byte in text.bytes() {
            semihosting::sys::arm_compat::sys_writec(byte);
        }
    }
}

/// Paints the free part of the stack.
#[must_use]
pub fn paint_stack() -> Stack {
    unsafe extern "C" {
        static mut _stack_end: u32;
        static mut _stack_start: u32;
    }
    // SAFETY: the linker script keeps everything else out of this range.
    unsafe { Stack::paint(&raw mut _stack_end, &raw mut _stack_start) }
}

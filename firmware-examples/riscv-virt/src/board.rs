//! [`Virt`]: the 16550 UART is the link, the CLINT's `mtime` the clock, semihosting the log.
//!
//! Interrupts stay disabled in `mstatus`. They serve only to end `wfi`, which a pending one does whether or not it
//! may be taken, so there is no handler, no shared state, and no gap between looking for a byte and going to sleep.

use core::sync::atomic::{AtomicBool, Ordering};

use riscv::register::{mie, minstret};
use rlfd_firmware::{Port, Register, Stack};

const MTIME_HZ: u64 = 10_000_000;

/// 16550, byte-wide registers.
mod uart {
    use super::Register;
    // SAFETY: the machine maps the device here.
    pub const DATA: Register<u8> = unsafe { Register::at(0x1000_0000) };
    // SAFETY: as above.
    pub const INTERRUPT_ENABLE: Register<u8> = unsafe { Register::at(0x1000_0001) };
    pub const INTERRUPT_RECEIVE: u8 = 1 << 0;
    // SAFETY: as above.
    pub const FIFO_CONTROL: Register<u8> = unsafe { Register::at(0x1000_0002) };
    pub const FIFO_ENABLE_AND_CLEAR: u8 = 0b111;
    // SAFETY: as above.
    pub const LINE_STATUS: Register<u8> = unsafe { Register::at(0x1000_0005) };
    pub const LINE_RECEIVED: u8 = 1 << 0;
    pub const LINE_TRANSMIT_EMPTY: u8 = 1 << 5;
}

/// Platform-level interrupt controller, machine mode of hart 0.
mod plic {
    use super::Register;
    pub const UART: u32 = 10;
    // SAFETY: the machine maps the controller at 0x0C00_0000.
    pub const UART_PRIORITY: Register<u32> = unsafe { Register::at(0x0C00_0000 + 4 * 10) };
    // SAFETY: as above.
    pub const ENABLE: Register<u32> = unsafe { Register::at(0x0C00_2000) };
    // SAFETY: as above.
    pub const THRESHOLD: Register<u32> = unsafe { Register::at(0x0C20_0000) };
    // SAFETY: as above.
    pub const CLAIM: Register<u32> = unsafe { Register::at(0x0C20_0004) };
}

/// Core-local interruptor.
mod clint {
    use super::Register;
    // SAFETY: the machine maps the device at 0x0200_0000.
    pub const MTIMECMP_LOW: Register<u32> = unsafe { Register::at(0x0200_4000) };
    // SAFETY: as above.
    pub const MTIMECMP_HIGH: Register<u32> = unsafe { Register::at(0x0200_4004) };
    // SAFETY: as above.
    pub const MTIME_LOW: Register<u32> = unsafe { Register::at(0x0200_BFF8) };
    // SAFETY: as above.
    pub const MTIME_HIGH: Register<u32> = unsafe { Register::at(0x0200_BFFC) };
}

/// The board, once.
#[derive(Debug)]
pub struct Virt(());

impl Virt {
    /// Sets up UART, timer and wake-ups. `None` when called again.
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        uart::FIFO_CONTROL.write(uart::FIFO_ENABLE_AND_CLEAR);
        uart::INTERRUPT_ENABLE.write(uart::INTERRUPT_RECEIVE);
        plic::UART_PRIORITY.write(1);
        plic::ENABLE.write(1 << plic::UART);
        plic::THRESHOLD.write(0);
        // SAFETY: `mstatus.MIE` stays clear, so no handler is ever entered.
        unsafe {
            mie::set_mext();
            mie::set_mtimer();
        }
        Some(Self(()))
    }

    fn mtime() -> u64 {
        loop {
            let high = clint::MTIME_HIGH.read();
            let low = clint::MTIME_LOW.read();
            if high == clint::MTIME_HIGH.read() {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }
}

impl Port for Virt {
    const NAME: &'static str = "riscv-virt";

    fn read(&mut self) -> Option<u8> {
        (uart::LINE_STATUS.read() & uart::LINE_RECEIVED != 0).then(|| uart::DATA.read())
    }

    fn write(&mut self, byte: u8) {
        while uart::LINE_STATUS.read() & uart::LINE_TRANSMIT_EMPTY == 0 {}
        uart::DATA.write(byte);
    }

    fn wait(&mut self) {
        let wake = Self::mtime() + MTIME_HZ / 1_000;
        // The high word is out of reach while the low one changes, or the comparison could hold too early.
        clint::MTIMECMP_HIGH.write(u32::MAX);
        clint::MTIMECMP_LOW.write(wake as u32);
        clint::MTIMECMP_HIGH.write((wake >> 32) as u32);
        riscv::asm::wfi();
        let source = plic::CLAIM.read();
        plic::CLAIM.write(source);
    }

    fn now_ns(&mut self) -> u64 {
        Self::mtime() * (1_000_000_000 / MTIME_HZ)
    }

    fn instructions(&mut self) -> u64 {
        minstret::read64()
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

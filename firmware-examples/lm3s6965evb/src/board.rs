//! Stellaris LM3S6965 (Cortex-M3) as a place for `rlfd-firmware`: UART 0 is the link, SysTick the clock, semihosting the log.

#![no_std]

use cortex_m::Peripherals;
use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use rlfd_cortex_m::{Board, Interrupt, semihosting_log};
use rlfd_firmware::Port;

/// After reset, in QEMU; the chip's internal oscillator is 12 MHz give or take a third.
const CLOCK_HZ: u32 = 12_500_000;
const BAUD: u32 = 115_200;

/// SysTick has 24 bits and counts down.
const SYSTICK_MASK: u32 = 0x00FF_FFFF;

/// Clock gates and port A, whose first two pins are UART 0's.
mod system {
    use rlfd_firmware::Register;
    // SAFETY: the data sheet maps the registers here.
    pub const CLOCK_GATES_1: Register<u32> = unsafe { Register::at(0x400F_E104) };
    pub const GATE_UART_0: u32 = 1 << 0;
    // SAFETY: as above.
    pub const CLOCK_GATES_2: Register<u32> = unsafe { Register::at(0x400F_E108) };
    pub const GATE_PORT_A: u32 = 1 << 0;
    // SAFETY: as above.
    pub const PORT_A_FUNCTION: Register<u32> = unsafe { Register::at(0x4000_4420) };
    // SAFETY: as above.
    pub const PORT_A_DIGITAL: Register<u32> = unsafe { Register::at(0x4000_451C) };
    pub const UART_PINS: u32 = 0b11;
}

/// UART 0, a PL011.
mod uart {
    use rlfd_firmware::Register;
    // SAFETY: the data sheet maps the device here; its registers are words.
    pub const DATA: Register<u32> = unsafe { Register::at(0x4000_C000) };
    // SAFETY: as above.
    pub const FLAGS: Register<u32> = unsafe { Register::at(0x4000_C018) };
    pub const FLAG_RECEIVE_EMPTY: u32 = 1 << 4;
    pub const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
    // SAFETY: as above.
    pub const BAUD_INTEGER: Register<u32> = unsafe { Register::at(0x4000_C024) };
    // SAFETY: as above.
    pub const BAUD_FRACTION: Register<u32> = unsafe { Register::at(0x4000_C028) };
    // SAFETY: as above.
    pub const LINE_CONTROL: Register<u32> = unsafe { Register::at(0x4000_C02C) };
    pub const LINE_EIGHT_BITS_FIFO: u32 = 0b11 << 5 | 1 << 4;
    // SAFETY: as above.
    pub const CONTROL: Register<u32> = unsafe { Register::at(0x4000_C030) };
    pub const CONTROL_ENABLE_BOTH_WAYS: u32 = 1 << 0 | 1 << 8 | 1 << 9;
    // SAFETY: as above.
    pub const INTERRUPT_MASK: Register<u32> = unsafe { Register::at(0x4000_C038) };
    // SAFETY: as above.
    pub const INTERRUPT_CLEAR: Register<u32> = unsafe { Register::at(0x4000_C044) };
    /// Bytes in the FIFO, and bytes that have waited in it.
    pub const INTERRUPT_RECEIVE: u32 = 1 << 4 | 1 << 6;
}

// SAFETY: the data sheet's interrupt table; `take` masks interrupts before it uses this.
const UART_INTERRUPT: Interrupt = unsafe { Interrupt::new(5) };

/// The board, once.
#[derive(Debug)]
pub struct Lm3s6965 {
    ticks: u64,
    last: u32,
}

impl Lm3s6965 {
    fn ticks(&mut self) -> u64 {
        let value = SYST::get_current();
        self.ticks += u64::from(self.last.wrapping_sub(value) & SYSTICK_MASK);
        self.last = value;
        self.ticks
    }
}

impl Board for Lm3s6965 {
    fn take() -> Option<Self> {
        let mut core = Peripherals::take()?;
        cortex_m::interrupt::disable();

        system::CLOCK_GATES_1.write(system::GATE_UART_0);
        system::CLOCK_GATES_2.write(system::GATE_PORT_A);
        // The gates open within three cycles; until then the device must not be touched.
        cortex_m::asm::delay(3);
        system::PORT_A_FUNCTION.write(system::UART_PINS);
        system::PORT_A_DIGITAL.write(system::UART_PINS);

        // The divisor in 64ths, rounded: sixteen samples per bit.
        let divisor = (CLOCK_HZ * 8 / BAUD).div_ceil(2);
        uart::BAUD_INTEGER.write(divisor / 64);
        uart::BAUD_FRACTION.write(divisor % 64);
        uart::LINE_CONTROL.write(uart::LINE_EIGHT_BITS_FIFO);
        uart::INTERRUPT_MASK.write(uart::INTERRUPT_RECEIVE);
        uart::CONTROL.write(uart::CONTROL_ENABLE_BOTH_WAYS);
        UART_INTERRUPT.wake();

        // The clock runs through its whole range, which takes more than a second, and asks for attention each time.
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(SYSTICK_MASK);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();

        Some(Self { ticks: 0, last: 0 })
    }
}

impl Port for Lm3s6965 {
    const NAME: &'static str = "lm3s6965evb";

    fn read(&mut self) -> Option<u8> {
        if uart::FLAGS.read() & uart::FLAG_RECEIVE_EMPTY != 0 {
            return None;
        }
        let [byte, ..] = uart::DATA.read().to_le_bytes();
        // The request is cleared after the byte is out, so a byte that comes now raises it again.
        uart::INTERRUPT_CLEAR.write(uart::INTERRUPT_RECEIVE);
        UART_INTERRUPT.forget();
        Some(byte)
    }

    fn write(&mut self, byte: u8) {
        while uart::FLAGS.read() & uart::FLAG_TRANSMIT_FULL != 0 {}
        uart::DATA.write(u32::from(byte));
    }

    /// Wakes for a byte, and before the clock starts over.
    fn wait(&mut self) {
        cortex_m::asm::wfi();
        SCB::clear_pendst();
        self.ticks();
    }

    fn now_ns(&mut self) -> u64 {
        self.ticks() * u64::from(1_000_000_000 / CLOCK_HZ)
    }

    /// With `-icount shift=0` an instruction takes one nanosecond; SysTick sees eighty of them at a time.
    fn instructions(&mut self) -> u64 {
        self.now_ns()
    }

    fn log(&mut self, text: &str) {
        semihosting_log(text);
    }
}

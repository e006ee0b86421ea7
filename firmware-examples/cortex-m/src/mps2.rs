//! [`Mps2`]: Arm's MPS2 board, whatever processor its FPGA holds: CMSDK UART 0 is the link, CMSDK timer 0 the clock, SysTick
//! the wake-up, semihosting the log.

use core::marker::PhantomData;

use cortex_m::Peripherals;
use cortex_m::peripheral::{SCB, syst::SystClkSource};
use rlfd_firmware::Port;

use crate::board::{Board, Interrupt, semihosting_log};
use crate::cmsdk::{CmsdkTimer, CmsdkUart};

const BAUD: u32 = 115_200;

/// What is in the board's FPGA.
///
/// # Safety
///
/// Devices and interrupt are where the constants say.
pub unsafe trait FpgaImage {
    /// The board's name.
    const NAME: &'static str;
    /// Address of UART 0, "CMSDK APB UART".
    const UART: usize;
    /// Number of its receive interrupt.
    const UART_RECEIVE: u16;
    /// Address of timer 0, "CMSDK APB timer".
    const TIMER: usize;
    /// Rate of processor and devices.
    const CLOCK_HZ: u32;
}

/// The board, once.
#[derive(Debug)]
pub struct Mps2<F> {
    uart: CmsdkUart,
    received: Interrupt,
    timer: CmsdkTimer,
    ticks: u64,
    last: u32,
    fpga: PhantomData<F>,
}

impl<F: FpgaImage> Board for Mps2<F> {
    fn take() -> Option<Self> {
        let mut core = Peripherals::take()?;
        cortex_m::interrupt::disable();

        // SAFETY: the trait promises the addresses.
        let (uart, timer) = unsafe { (CmsdkUart::at(F::UART), CmsdkTimer::at(F::TIMER)) };
        uart.start(F::CLOCK_HZ, BAUD);
        // SAFETY: the trait promises the number, and interrupts were masked above.
        let received = unsafe { Interrupt::new(F::UART_RECEIVE) };
        received.wake();
        timer.start();

        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(F::CLOCK_HZ / 1_000 - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();

        Some(Self {
            uart,
            received,
            timer,
            ticks: 0,
            last: u32::MAX,
            fpga: PhantomData,
        })
    }
}

impl<F: FpgaImage> Port for Mps2<F> {
    const NAME: &'static str = F::NAME;

    fn read(&mut self) -> Option<u8> {
        let byte = self.uart.read()?;
        self.received.forget();
        Some(byte)
    }

    fn write(&mut self, byte: u8) {
        self.uart.write(byte);
    }

    fn wait(&mut self) {
        cortex_m::asm::wfi();
        SCB::clear_pendst();
    }

    fn now_ns(&mut self) -> u64 {
        let value = self.timer.value();
        self.ticks += u64::from(self.last.wrapping_sub(value));
        self.last = value;
        self.ticks * u64::from(1_000_000_000 / F::CLOCK_HZ)
    }

    /// With `-icount shift=0` an instruction takes one nanosecond; the timer sees a few dozen of them at a time.
    fn instructions(&mut self) -> u64 {
        self.now_ns()
    }

    fn log(&mut self, text: &str) {
        semihosting_log(text);
    }
}

//! ST Nucleo-F446RE: USART2, which the board's debugger makes a serial port of the host, is the link; TIM2 keeps the time;
//! telemetry goes through the debugger. Compiled by our tests, not run by them.

#![no_std]
#![no_main]

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_stm32::usart::{BufferedInterruptHandler, BufferedUart, Config as UartConfig};
use embassy_stm32::{Config, bind_interrupts, peripherals, rcc, time::Hertz};
use panic_probe as _;
use rlfd_embassy::{Named, run};
use static_cell::StaticCell;

/// Bytes that may come in a period of the policy, or go out in one.
const BUFFERED: usize = 4096;

const BAUD: u32 = 115_200;

struct NucleoF446re;

impl Named for NucleoF446re {
    const NAME: &'static str = "nucleo-f446re";
}

bind_interrupts!(struct Interrupts {
    USART2 => BufferedInterruptHandler<peripherals::USART2>;
});

/// 168 MHz out of the 8 MHz that the debugger gives.
fn clocks() -> Config {
    let mut config = Config::default();
    config.rcc.hse = Some(rcc::Hse {
        freq: Hertz(8_000_000),
        mode: rcc::HseMode::Bypass,
    });
    config.rcc.pll_src = rcc::PllSource::HSE;
    config.rcc.pll = Some(rcc::Pll {
        prediv: rcc::PllPreDiv::DIV4,
        mul: rcc::PllMul::MUL168,
        divp: Some(rcc::PllPDiv::DIV2),
        divq: None,
        divr: None,
    });
    config.rcc.ahb_pre = rcc::AHBPrescaler::DIV1;
    config.rcc.apb1_pre = rcc::APBPrescaler::DIV4;
    config.rcc.apb2_pre = rcc::APBPrescaler::DIV2;
    config.rcc.sys = rcc::Sysclk::PLL1_P;
    config
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    static SENT: StaticCell<[u8; BUFFERED]> = StaticCell::new();
    static RECEIVED: StaticCell<[u8; BUFFERED]> = StaticCell::new();
    let chip = embassy_stm32::init(clocks());
    let mut config = UartConfig::default();
    config.baudrate = BAUD;
    // PA2 and PA3 go to the debugger.
    let uart = BufferedUart::new(
        chip.USART2,
        chip.PA3,
        chip.PA2,
        SENT.init([0; BUFFERED]),
        RECEIVED.init([0; BUFFERED]),
        Interrupts,
        config,
    );
    match uart {
        Ok(uart) => run::<NucleoF446re, _>(uart).await,
        Err(error) => defmt::panic!("USART2: {}", error),
    }
}

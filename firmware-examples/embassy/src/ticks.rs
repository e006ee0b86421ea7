//! [`run`]: the server, once per period of its policy, with telemetry about the loop and its time.

use embassy_time::{Duration, Instant, Timer};
use embedded_hal_nb::serial::{Read, Write};
use rlfd_firmware::{Memory, Port, Server};

use crate::port::{Named, UartPort};

/// Of a board whose image is damaged, and which therefore has no period: it still answers, with a refusal.
const DAMAGED_PERIOD_US: u32 = 10_000;

/// How often the telemetry sums up.
const SUMMARY: Duration = Duration::from_secs(1);

/// What a summary is about.
#[derive(Default)]
struct Summary {
    ticks: u32,
    missed: u32,
    latest_us: u64,
    longest_us: u64,
}

/// Serves the linked-in policy over the UART for good.
pub async fn run<B: Named, U: Read + Write>(uart: U) -> ! {
    let mut port = UartPort::<B, U>::new(uart);
    let Some(memory) = Memory::take() else {
        defmt::panic!("the program's memory is taken once, at the start");
    };
    let mut server = Server::boot(memory, &mut port);
    let period_us = server
        .control()
        .map_or(DAMAGED_PERIOD_US, |control| control.image().period_us());
    let period = Duration::from_micros(period_us.into());
    defmt::info!("{=str}: a tick every {=u32} us", B::NAME, period_us);

    let mut due = Instant::now() + period;
    let mut summed_up = Instant::now();
    let mut summary = Summary::default();
    let mut faulted = false;
    loop {
        Timer::at(due).await;
        let woke = Instant::now();
        while let Some(byte) = port.read() {
            server.receive(byte, &mut port);
        }
        let done = Instant::now();
        summary.ticks += 1;
        summary.latest_us = summary.latest_us.max((woke - due).as_micros());
        summary.longest_us = summary.longest_us.max((done - woke).as_micros());
        // Deadlines are absolute: being late once does not move the ones after it.
        due += period;
        while due <= done {
            summary.missed += 1;
            due += period;
        }
        tell_of_fault(&mut server, &mut faulted);
        if done - summed_up >= SUMMARY {
            defmt::debug!(
                "{=u32} ticks, {=u32} missed, woke at most {=u64} us late, took at most {=u64} us",
                summary.ticks,
                summary.missed,
                summary.latest_us,
                summary.longest_us
            );
            summed_up = done;
            summary = Summary::default();
        }
    }
}

/// A latched fault is told once, by its number in `runtime/docs/wire.md`, and so is its end.
fn tell_of_fault(server: &mut Server<'_>, faulted: &mut bool) {
    let Some(control) = server.control() else {
        return;
    };
    let fault = control.phase().fault();
    if fault.is_some() != *faulted {
        *faulted = fault.is_some();
        match fault {
            Some(fault) => defmt::error!("fault {=u8}: the policy is out of control", fault.code()),
            None => defmt::info!("fault cleared"),
        }
    }
}

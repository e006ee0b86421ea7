//! How the loop answers every kind of fault, as a committed table.

use std::fmt::Write;
use std::string::String;
use std::vec;

use super::{PERIOD_US, balancing, with_options};
use crate::board::{FaultInjector, FaultRates};
use crate::control::{Fallback, Gain};
use crate::plant::Pendulum;
use crate::{ControlOptions, EventLog, Fault, Micros, Outcome, Phase, SafetyLimits};

/// What a run of the loop came to.
struct Ending {
    acted: u32,
    held: u32,
    fault: Option<Fault>,
    worst_angle: f32,
    torque_after_fault: f32,
}

/// A PD controller, weaker than the policy.
const LAW: Fallback<'static> = Fallback {
    constant: &[0.0],
    gains: &[
        Gain {
            command: 0,
            measurement: 0,
            target: 0.0,
            gain: -20.0,
        },
        Gain {
            command: 0,
            measurement: 1,
            target: 0.0,
            gain: -5.0,
        },
    ],
    patience: 5,
};

fn run(rates: FaultRates, delay: u16, fallback: Option<Fallback<'_>>) -> Ending {
    let bytes = balancing(30.0);
    let mut memory = vec![0.0; 2 * (usize::from(delay) + 1)];
    let injector = FaultInjector::new(Pendulum::leaning(0.1), rates, 1);
    let mut board = injector.with_delay(delay, &mut memory);
    let mut log = EventLog::<16>::new();
    let options = ControlOptions {
        fallback,
        ..ControlOptions::DEFAULT
    };
    with_options(&bytes, SafetyLimits::NONE, options, |controller, golden| {
        controller.self_test(golden, &mut board, &mut log).unwrap();
        controller.start(Micros(0), &mut log).unwrap();
        let mut worst_angle = 0.0f32;
        let mut torque_after_fault = 0.0f32;
        for _ in 0..500 {
            let was_faulted = matches!(controller.phase(), Phase::Faulted { .. });
            let cycle = controller.step(&mut board, &mut log);
            let torque = board.board_mut().torque;
            if let Outcome::Refused(_) = cycle.outcome {
                torque_after_fault = torque_after_fault.max(torque.abs());
            }
            assert!(
                !was_faulted || cycle.outcome != Outcome::Acted,
                "a latched fault stays"
            );
            board.board_mut().advance(PERIOD_US);
            worst_angle = worst_angle.max(board.board_mut().angle.abs());
        }
        let fault = controller.phase().fault();
        Ending {
            acted: log.counters().acted,
            held: log.counters().held,
            fault,
            worst_angle,
            torque_after_fault,
        }
    })
}

/// One kind of fault, at a rate.
type Kind = fn(u16) -> FaultRates;

/// The committed table says how the loop answers every kind of fault at three rates; `RLFD_BLESS=1` rewrites it.
#[test]
fn the_table_of_faults() {
    let kinds: [(&str, Kind); 6] = [
        ("sense error", |n| FaultRates {
            sense_error: n,
            ..FaultRates::default()
        }),
        ("not a number", |n| FaultRates {
            not_a_number: n,
            ..FaultRates::default()
        }),
        ("held", |n| FaultRates {
            held: n,
            ..FaultRates::default()
        }),
        ("bit flip", |n| FaultRates {
            bit_flip: n,
            ..FaultRates::default()
        }),
        ("actuate error", |n| FaultRates {
            actuate_error: n,
            ..FaultRates::default()
        }),
        ("command lost", |n| FaultRates {
            command_lost: n,
            ..FaultRates::default()
        }),
    ];
    let mut table = String::from(
        "Balancing for 500 steps of 10 ms from 0.1 rad, torque within 10 N m. Delay in steps, rate per 1000 steps.\n\
         After a fault the motor is off and stays off, so the pendulum falls.\n\n\
         fault          rate  delay  steps acted  latched fault         upright\n",
    );
    for (name, rates) in kinds {
        for rate in [0, 10, 200] {
            for delay in [0, 3, 30] {
                let ending = run(rates(rate), delay, None);
                let fault = ending
                    .fault
                    .map_or("none".into(), |fault| std::format!("{fault:?}"));
                let upright = if ending.worst_angle < 0.5 {
                    "yes"
                } else {
                    "no"
                };
                assert_eq!(
                    ending.torque_after_fault, 0.0,
                    "safe from the first refusal on"
                );
                writeln!(
                    table,
                    "{name:<13} {rate:>5} {delay:>6} {:>12}  {fault:<20}  {upright}",
                    ending.acted
                )
                .unwrap();
            }
        }
    }
    table += "\nWith a fallback law: a PD controller of 20 N m/rad and 5 N m s/rad, which repeats its last command for up to 5 steps\n\
              where it cannot see. \"held\": steps in which it commanded.\n\n\
              fault          rate  steps acted   held  latched fault         upright\n";
    for (name, rates) in kinds {
        for rate in [1, 10, 200, 700] {
            let ending = run(rates(rate), 0, Some(LAW));
            let fault = ending
                .fault
                .map_or("none".into(), |fault| std::format!("{fault:?}"));
            let upright = if ending.worst_angle < 0.5 {
                "yes"
            } else {
                "no"
            };
            assert_eq!(ending.torque_after_fault, 0.0, "safe from a refusal on");
            writeln!(
                table,
                "{name:<13} {rate:>5} {:>12} {:>6}  {fault:<20}  {upright}",
                ending.acted, ending.held
            )
            .unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plant/fault_table.txt");
    if std::env::var_os("RLFD_BLESS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert!(
        golden == table,
        "the table differs from {path}; now it is\n{table}"
    );
}

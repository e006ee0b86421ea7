//! The table of what a fallback law does for the board: the learned policy balances, and when a fault takes it out, a linear
//! law of the board's configuration holds the pendulum, or the machine is made safe where that law cannot see either.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_trainer::hil::emulator::Machine;
use rlfd_trainer::hil::{Disturbance, HilError};

use super::bench::{Bench, Outcome};
use super::firmware::Firmware;
use super::images;

const GOLDEN: &str = "golden/fallback.txt";

/// Steps of an episode; a pendulum without force falls within 30.
const STEPS: u32 = 400;

/// The step at which something happens.
const TAMPERED: u32 = 50;

/// The gains of the balance law, as `RLFD_FALLBACK` takes them.
const LAW: &str = "0,0:0.72,1:6.83,2:0.92,3:1.08";

/// A measurement on its way, with the one of the step before.
type Tamper = fn(u32, &mut u64, &mut [f32], &[f32], &mut ChaCha8Rng);

fn one_in(n: u32, rng: &mut ChaCha8Rng) -> bool {
    rng.random_range(0..n) == 0
}

const ROWS: [(&str, Tamper); 24] = [
    ("nothing", |_, _, _, _, _| {}),
    ("one NaN", |step, _, now, _, _| {
        if step == TAMPERED {
            now[1] = f32::NAN;
        }
    }),
    ("NaN, 1 of 1000 samples", |_, _, now, _, rng| {
        if one_in(1000, rng) {
            now[1] = f32::NAN;
        }
    }),
    ("NaN, 1 of 100 samples", |_, _, now, _, rng| {
        if one_in(100, rng) {
            now[1] = f32::NAN;
        }
    }),
    ("NaN, 1 of 5 samples", |_, _, now, _, rng| {
        if one_in(5, rng) {
            now[1] = f32::NAN;
        }
    }),
    ("NaN for 5 steps", |step, _, now, _, _| {
        if (TAMPERED..TAMPERED + 5).contains(&step) {
            now[1] = f32::NAN;
        }
    }),
    ("NaN for 6 steps", |step, _, now, _, _| {
        if (TAMPERED..TAMPERED + 6).contains(&step) {
            now[1] = f32::NAN;
        }
    }),
    ("NaN for good", |step, _, now, _, _| {
        if step >= TAMPERED {
            now[1] = f32::NAN;
        }
    }),
    ("an infinity", |step, _, now, _, _| {
        if step == TAMPERED {
            now[3] = f32::INFINITY;
        }
    }),
    (
        "all sensors stuck for 5 steps",
        |step, _, now, before, _| {
            if (TAMPERED..TAMPERED + 5).contains(&step) {
                now.copy_from_slice(before);
            }
        },
    ),
    (
        "all sensors stuck for 8 steps",
        |step, _, now, before, _| {
            if (TAMPERED..TAMPERED + 8).contains(&step) {
                now.copy_from_slice(before);
            }
        },
    ),
    ("all sensors stuck for good", |step, _, now, before, _| {
        if step >= TAMPERED {
            now.copy_from_slice(before);
        }
    }),
    ("the angle stuck for 5 steps", |step, _, now, before, _| {
        if (TAMPERED..TAMPERED + 5).contains(&step) {
            now[1] = before[1];
        }
    }),
    ("the angle stuck for 6 steps", |step, _, now, before, _| {
        if (TAMPERED..TAMPERED + 6).contains(&step) {
            now[1] = before[1];
        }
    }),
    ("the angle stuck for good", |step, _, now, before, _| {
        if step >= TAMPERED {
            now[1] = before[1];
        }
    }),
    (
        "the angle stuck, 1 of 10 samples",
        |_, _, now, before, rng| {
            if one_in(10, rng) {
                now[1] = before[1];
            }
        },
    ),
    ("the place stuck for good", |step, _, now, before, _| {
        if step >= TAMPERED {
            now[0] = before[0];
        }
    }),
    ("the place 2 m off for 2 steps", |step, _, now, _, _| {
        if (TAMPERED..TAMPERED + 2).contains(&step) {
            now[0] += 2.0;
        }
    }),
    ("the place 2 m off for 3 steps", |step, _, now, _, _| {
        if (TAMPERED..TAMPERED + 3).contains(&step) {
            now[0] += 2.0;
        }
    }),
    ("the angle in degrees for good", |step, _, now, _, _| {
        if step >= TAMPERED {
            now[1] = now[1].to_degrees();
        }
    }),
    ("a sample repeated, 1 of 10", |_, _, now, before, rng| {
        if one_in(10, rng) {
            now.copy_from_slice(before);
        }
    }),
    ("a sample repeated, 1 of 2", |_, _, now, before, rng| {
        if one_in(2, rng) {
            now.copy_from_slice(before);
        }
    }),
    ("5 periods later than due", |step, time_us, _, _, _| {
        if step == TAMPERED {
            *time_us += 5 * 40_000;
        }
    }),
    (
        "5 periods later, again 50 steps on",
        |step, time_us, _, _, _| {
            if step % 50 == 0 && step >= TAMPERED {
                *time_us += 5 * 40_000;
            }
        },
    ),
];

/// Runs every row on every board, without the law and with it, and compares with the committed table.
pub fn table(machines: &[&'static Machine]) {
    let mut text = String::from(
        "# What bad measurements lead to where the board has a fallback law (the balance law, gains of an LQR; it repeats\n\
         # the last command for up to 5 steps where it cannot see) and where it has none. The learned policy begins, on\n\
         # InvertedPendulum-v5; samples are tampered with from step 50 on, or at random. More than 5 repetitions of a sample\n\
         # bit for bit are stale, of one number while others move stuck; the third observation in a row with a number further\n\
         # than 10 standard deviations from the training's mean is unfamiliar. Simulated sensors have no noise: at rest one may stay\n\
         # while another moves by a bit, which then counts as stuck too, late in some rows (step 207) and at the end of the law's care.\n\
         # \"held\": steps in which the law commanded other than 0. RLFD_BLESS=1 rewrites this file.\n",
    );
    let image = images::learned_with_statistics();
    let laws = [("without a fallback law", ""), ("with a fallback law", LAW)];
    let every = machines
        .iter()
        .flat_map(|machine| laws.map(|(title, law)| (*machine, title, law)));
    for (machine, title, law) in every {
        let firmware = Firmware::build_with(machine, &image, |build, _| {
            build
                .env("RLFD_FALLBACK", law)
                .env("RLFD_MAX_REPEATS", "5")
                .env("RLFD_MAX_STUCK", "5,5,5,5")
                .env("RLFD_FAMILIARITY", "10,3");
        });
        writeln!(
            text,
            "\n{}, {title}\n{:<36}  {:<8}  {:>5}  fault latched",
            machine.name, "what happens", "end", "held"
        )
        .unwrap();
        let mut bench = Bench::open(&firmware, Disturbance::default());
        for (name, tamper) in ROWS {
            let outcome = play(&mut bench, tamper);
            row(&mut text, name, &outcome);
            // Whatever happened: the next episode starts clean.
            let again = bench.episode(TAMPERED, |_, _, _| {});
            assert!(again.fault.is_none() && !again.fell, "{again:?}");
        }
        let verdict = restarted(bench, &firmware);
        writeln!(text, "{:<36}  {verdict}", "the board restarts at step 50").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("RLFD_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{GOLDEN} differs (RLFD_BLESS=1 rewrites it); this run gave:\n{text}"
    );
}

fn play(bench: &mut Bench, tamper: Tamper) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut before, mut late_us) = (vec![0.0; 4], 0);
    let outcome = bench.episode(STEPS, |step, time_us, now| {
        let plain = *time_us;
        *time_us += late_us;
        tamper(step, time_us, now, &before, &mut rng);
        // A clock that was late stays late by as much.
        late_us = *time_us - plain;
        before.copy_from_slice(now);
    });
    assert_eq!(outcome.announced, outcome.fault.is_some());
    assert_eq!(outcome.differing, 0, "{outcome:?}");
    outcome
}

fn row(text: &mut String, name: &str, outcome: &Outcome) {
    let end = if outcome.fell { "fell" } else { "upright" };
    let fault = match outcome.fault {
        Some((step, fault)) => format!("step {step}: {fault}"),
        None => "none".to_owned(),
    };
    writeln!(
        text,
        "{name:<36}  {end:<8}  {:>5}  {fault}",
        outcome.unsafe_commands
    )
    .unwrap();
}

/// A board that was switched off and on knows of no session: it refuses, and moves nothing before it is greeted again.
fn restarted(mut bench: Bench, firmware: &Firmware) -> String {
    let outcome = bench.episode(TAMPERED, |_, _, _| {});
    assert!(outcome.fault.is_none() && !outcome.fell);
    bench.restart(firmware);
    let refused = bench.step_once(&[0.0; 4]);
    let Err(HilError::Refused { source, .. }) = refused else {
        panic!("a board without a session answered {refused:?}");
    };
    let mut bench = Bench::open(firmware, Disturbance::default());
    let again = bench.episode(TAMPERED, |_, _, _| {});
    assert!(again.fault.is_none() && !again.fell && again.steps == TAMPERED);
    bench.close();
    format!("refused: {source}; greeted again, it balances")
}

//! The table of faults: what is done to the link or to a measurement, and what becomes of the loop. What depends on the
//! machine's speed is asserted, not printed: how often a question was repeated is no property of the firmware.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rlfd_trainer::hil::Disturbance;
use rlfd_trainer::hil::emulator::Machine;

use super::bench::{Bench, Outcome};
use super::firmware::Firmware;
use super::images;

const GOLDEN: &str = "golden/link_faults.txt";

/// Steps of an episode through a bad link.
const LINK_STEPS: u32 = 100;

/// The bench asks again after this long.
const RETRY: Duration = Duration::from_millis(40);

/// The step at which a measurement is tampered with.
const TAMPERED: u32 = 50;

/// Steps after which a pendulum without force has fallen for certain.
const FALLEN: u32 = 400;

fn links() -> Vec<(String, Disturbance)> {
    let none = Disturbance {
        seed: 1,
        ..Disturbance::default()
    };
    let mut rows = vec![("perfect".to_owned(), none)];
    // One of so many, with a seed that makes rare things happen within an episode.
    for (one_of, seed) in [(100, 2), (10, 1), (3, 1)] {
        let drop = 1.0 / f64::from(one_of);
        let lossy = Disturbance { drop, seed, ..none };
        rows.push((format!("1 of {one_of} frames dropped"), lossy));
    }
    for one_of in [50, 10, 3] {
        let corrupt = 1.0 / f64::from(one_of);
        let noisy = Disturbance { corrupt, ..none };
        rows.push((format!("1 of {one_of} frames corrupted"), noisy));
    }
    for one_of in [20, 5, 2] {
        let duplicate = 1.0 / f64::from(one_of);
        let echoing = Disturbance { duplicate, ..none };
        rows.push((format!("1 of {one_of} frames duplicated"), echoing));
    }
    // Shorter and longer than the host waits before it asks again.
    for ms in [20, 60] {
        let delay = Duration::from_millis(ms);
        let slow = Disturbance { delay, ..none };
        rows.push((format!("every frame delayed, up to {ms} ms"), slow));
    }
    for one_of in [10, 2] {
        let overtaken = Disturbance {
            duplicate: 1.0 / f64::from(one_of),
            delay: Duration::from_millis(30),
            ..none
        };
        let name = format!("1 of {one_of} frames twice and overtaken by later ones");
        rows.push((name, overtaken));
    }
    let all = Disturbance {
        drop: 0.1,
        corrupt: 0.1,
        duplicate: 0.2,
        delay: Duration::from_millis(20),
        ..none
    };
    rows.push(("all of it".to_owned(), all));
    rows
}

type Tamper = fn(&mut u64, &mut [f32]);

const MEASUREMENTS: [(&str, Tamper); 6] = [
    ("a NaN", |_, values| values[1] = f32::NAN),
    ("an infinity", |_, values| values[3] = f32::NEG_INFINITY),
    (
        "so large that the command is out of its limits",
        |_, values| values[3] = 1e9,
    ),
    ("so large that the command overflows", |_, values| {
        values[3] = f32::MAX
    }),
    ("4 periods later than due", |time_us, _| {
        *time_us += 4 * 40_000
    }),
    ("5 periods later than due", |time_us, _| {
        *time_us += 5 * 40_000
    }),
];

/// Runs every row on every board and compares with the committed table.
pub fn table(machines: &[&'static Machine]) {
    let mut text = String::from(
        "# What a bad link and bad measurements lead to, with the balance law of firmware-examples on\n\
         # InvertedPendulum-v5. A frame is dropped, corrupted, duplicated or delayed each way by itself; a measurement\n\
         # is tampered with at step 50. \"equal\": every command up to a fault has the bits of the host's own engine, so\n\
         # no damaged frame was accepted. RLFD_BLESS=1 rewrites this file.\n",
    );
    let image = images::balance_law();
    for machine in machines {
        let firmware = Firmware::build(machine, &image);
        writeln!(
            text,
            "\n{}\n{:<11}  {:<48}  {:<8}  {:<7}  {:<7}  fault latched",
            machine.name, "disturbed", "how", "commands", "clamped", "end"
        )
        .unwrap();
        for (name, disturbance) in links() {
            let outcome = through_link(&firmware, disturbance);
            row(&mut text, "link", &name, &outcome);
        }
        let mut bench = Bench::open(&firmware, Disturbance::default());
        for (name, tamper) in MEASUREMENTS {
            let outcome = with_measurement(&mut bench, tamper);
            row(&mut text, "measurement", name, &outcome);
        }
        bench.close();
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

fn through_link(firmware: &Firmware, disturbance: Disturbance) -> Outcome {
    let mut bench = Bench::open(firmware, disturbance);
    let outcome = bench.episode(LINK_STEPS, |_, _, _| {});
    let host = bench.counters();
    let corrupted = bench.corrupted();
    let board = bench.close();
    // The board acted once on every step, however often it was asked.
    assert_eq!((board.acted, board.refused), (outcome.steps, 0));
    assert_eq!(disturbance.corrupt > 0.0, corrupted > 0);
    // A flipped bit in a delimiter may join two frames or split one, so the number of bad ones is not that of damaged ones.
    let bad_frames = host.bad_frames + u64::from(board.bad_frames);
    assert_eq!(
        disturbance.corrupt > 0.0,
        bad_frames > 0,
        "{host}, {board:?}"
    );
    if disturbance.drop + disturbance.corrupt > 0.0 || disturbance.delay > RETRY {
        assert!(host.retransmitted > 0);
    }
    if disturbance.duplicate > 0.0 {
        assert!(board.repeated > 0);
    }
    outcome
}

/// Tampers once and plays on; then an untouched episode must run, or the latch would outlive its reset.
fn with_measurement(bench: &mut Bench, tamper: Tamper) -> Outcome {
    let outcome = bench.episode(FALLEN, |step, time_us, values| {
        // A clock that was late stays late by as much.
        if step == TAMPERED {
            tamper(time_us, values);
        }
    });
    let again = bench.episode(TAMPERED, |_, _, _| {});
    assert!(again.fault.is_none() && !again.fell, "{again:?}");
    assert_eq!((again.steps, again.differing), (TAMPERED, 0));
    // A latched fault is announced, and the machine stays safe.
    assert_eq!(outcome.announced, outcome.fault.is_some());
    assert_eq!(outcome.unsafe_commands, 0);
    outcome
}

fn row(text: &mut String, kind: &str, name: &str, outcome: &Outcome) {
    let commands = match outcome.differing {
        0 => "equal".to_owned(),
        n => format!("{n} DIFFER"),
    };
    let clamped = if outcome.clamped == 0 { "none" } else { "some" };
    let end = if outcome.fell { "fell" } else { "upright" };
    let fault = match outcome.fault {
        Some((step, fault)) => format!("step {step}: {fault}; command 0 from there on"),
        None => "none".to_owned(),
    };
    writeln!(
        text,
        "{kind:<11}  {name:<48}  {commands:<8}  {clamped:<7}  {end:<7}  {fault}"
    )
    .unwrap();
}

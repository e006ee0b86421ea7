//! Firmware in the loop: the boards in their emulators, real MuJoCo around them, and a cable as bad as one likes.

mod bench;
mod fallback;
mod faults;
mod firmware;
mod goal;
pub mod images;
mod peg;
mod update;

use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::wire::Refusal;
use rlfd_runtime::{EnginePolicy, Policy, PolicyImage};
use rlfd_trainer::env::registry;
use rlfd_trainer::hil::emulator::{MACHINES, machine};
use rlfd_trainer::hil::{
    Disturbance, Expectation, HilError, Link, LinkAddress, Pace, Patience, Plant, Session,
};

use bench::Bench;
use firmware::Firmware;

/// Of an episode of InvertedPendulum-v5.
const STEPS: u32 = 1000;

fn balances(name: &str, image: &[u8]) {
    let firmware = Firmware::build(machine(name).unwrap(), image);
    let mut bench = Bench::open(&firmware, Disturbance::default());
    let outcome = bench.episode(STEPS, |_, _, _| {});
    assert_eq!(outcome.steps, STEPS, "{outcome:?}");
    assert!(!outcome.fell && outcome.fault.is_none(), "{outcome:?}");
    // One per step upright.
    assert_eq!(outcome.ret, 1000.0);
    assert_eq!(outcome.differing, 0, "commands differ from the host's");
    let board = bench.close();
    assert_eq!(
        (board.acted, board.refused, board.bad_frames),
        (STEPS, 0, 0)
    );
}

#[test]
fn mps2_an386_balances_the_pendulum_for_a_thousand_steps() {
    balances("mps2-an386", &images::learned());
}

#[test]
fn mps2_an500_balances_the_pendulum_for_a_thousand_steps() {
    balances("mps2-an500", &images::learned());
}

#[test]
fn mps2_an505_balances_the_pendulum_for_a_thousand_steps() {
    balances("mps2-an505", &images::learned());
}

#[test]
fn lm3s6965evb_balances_the_pendulum_for_a_thousand_steps() {
    balances("lm3s6965evb", &images::learned());
}

#[test]
fn microbit_balances_the_pendulum_in_eight_bits_for_a_thousand_steps() {
    balances("microbit", &images::learned_in_8_bits());
}

#[test]
fn riscv_virt_balances_the_pendulum_for_a_thousand_steps() {
    balances("riscv-virt", &images::learned());
}

/// Every operation, every activation, widths that fill no panel, numbers of every magnitude: the same bits.
#[test]
fn host_and_boards_compute_the_same_bits() {
    let bytes = images::every_operation();
    let mut host = EnginePolicy::from_bytes(&bytes).unwrap();
    for machine in &MACHINES {
        let firmware = Firmware::build(machine, &bytes);
        let mut session = open(&firmware).unwrap();
        session.reset(0).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut distinct = std::collections::BTreeSet::new();
        for step in 0..300_u64 {
            let magnitude = 10_f32.powi(rng.random_range(-6..=6));
            let measurement: Vec<f32> = (0..host.shape().observation_dim)
                .map(|_| magnitude * rng.random_range(-1.0..=1.0_f32))
                .collect();
            let mut here = vec![0.0; host.shape().action_dim];
            host.act(&measurement, &mut here);
            let mut there = vec![f32::NAN; here.len()];
            let answer = session.step(step, &measurement, &mut there).unwrap();
            assert_eq!(answer.fault, None);
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(
                bits(&here),
                bits(&there),
                "{} {measurement:?}",
                machine.name
            );
            distinct.insert(bits(&here));
        }
        assert!(
            distinct.len() > 100,
            "the inputs do not exercise the network"
        );
        session.close().unwrap();
    }
}

/// A measurement of eight thousand numbers takes nine frames, and is acted on when it is whole.
#[test]
fn a_measurement_longer_than_a_frame_arrives_in_parts() {
    const DIM: u16 = 8002;
    let bytes = images::wide(DIM);
    let mut host = EnginePolicy::from_bytes(&bytes).unwrap();
    let firmware = Firmware::build(&MACHINES[0], &bytes);
    let mut session = open(&firmware).unwrap();
    session.reset(0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for step in 0..5_u32 {
        let measurement: Vec<f32> = (0..DIM).map(|_| rng.random_range(-1.0..=1.0)).collect();
        let (mut here, mut there) = ([0.0], [f32::NAN]);
        host.act(&measurement, &mut here);
        let time_us = u64::from(step) * 20_000;
        let answer = session.step(time_us, &measurement, &mut there).unwrap();
        assert_eq!((answer.tick, answer.fault), (step + 1, None));
        assert_eq!(here[0].to_bits(), there[0].to_bits());
    }
    // One number too few is none, and the next whole one is.
    let short = vec![0.0; usize::from(DIM) - 1];
    let refused = session.step(100_000, &short, &mut [0.0]).unwrap_err();
    assert!(
        matches!(
            &refused,
            HilError::Refused {
                source: Refusal::Width { expected: DIM },
                ..
            }
        ),
        "{refused}"
    );
    let whole = vec![0.0; DIM.into()];
    assert_eq!(session.step(100_000, &whole, &mut [0.0]).unwrap().tick, 6);
    session.close().unwrap();
}

#[test]
fn another_image_than_the_boards_is_refused() {
    let machine = &MACHINES[0];
    let firmware = Firmware::build(machine, &images::balance_law());
    let expect = |expected: Expectation| {
        let opened = Session::open(
            Link::open(&firmware.address()).unwrap(),
            expected,
            Patience::default(),
            Disturbance::default(),
        );
        opened.map(|_| ()).unwrap_err()
    };
    let bytes = firmware.image();
    let right = Expectation::from(&PolicyImage::view(&bytes).unwrap());
    let same_wiring = expect(Expectation {
        image_checksum: !right.image_checksum,
        ..right
    });
    assert!(matches!(
        &same_wiring,
        HilError::Mismatch {
            what: "image checksum",
            ..
        }
    ));
    assert!(
        same_wiring
            .to_string()
            .contains("cargo xtask firmware build --image FILE")
    );
    let other_wiring = expect(Expectation {
        contract_id: !right.contract_id,
        ..right
    });
    assert!(matches!(
        other_wiring,
        HilError::Refused { what: "Hello", .. }
    ));
}

#[test]
fn a_board_without_firmware_is_named_with_the_command_that_builds_it() {
    let link = |text: &str| {
        let address: LinkAddress = text.parse().unwrap();
        Link::open(&address).unwrap_err().to_string()
    };
    let message = link("qemu:mps2-an386=no/such/firmware.elf");
    assert!(message.contains("no/such/firmware.elf"), "{message}");
    assert!(
        message.contains("cargo xtask firmware build --board mps2-an386"),
        "{message}"
    );
    assert!(link("serial:/no/such/device@115200").contains("cannot open"));
}

#[test]
fn an_image_for_another_machine_is_refused_before_any_board_is_asked() {
    let bytes = ImageBytes::new(&images::balance_law());
    let image = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open("HalfCheetah-v5").unwrap();
    let refused = Plant::new(env.as_mut(), &image, Pace::LockStep);
    let message = refused.map(|_| ()).unwrap_err().to_string();
    for part in ["HalfCheetah-v5", "control period", "50000 us", "40000 us"] {
        assert!(message.contains(part), "{message}");
    }
    let mut env = registry::open("InvertedPendulum-v5").unwrap();
    Plant::new(env.as_mut(), &image, Pace::LockStep).unwrap();
    let bytes = ImageBytes::new(&images::every_operation());
    let image = PolicyImage::view(&bytes).unwrap();
    assert!(Plant::new(env.as_mut(), &image, Pace::LockStep).is_err());
}

/// In real time nobody waits: a command that is not there at the deadline is missed, and does no harm when it comes.
#[test]
fn a_missed_deadline_is_counted_and_its_late_answer_ignored() {
    let firmware = Firmware::build(&MACHINES[1], &images::balance_law());
    let mut session = open(&firmware).unwrap();
    session.reset(0).unwrap();
    let mut command = [f32::NAN];
    let missed = session.step_until(Instant::now(), 0, &[0.1; 4], &mut command);
    assert!(missed.unwrap().is_none() && command[0].is_nan());
    let in_time = Instant::now() + Duration::from_secs(30);
    let answer = session
        .step_until(in_time, 40_000, &[0.01; 4], &mut command)
        .unwrap()
        .unwrap();
    assert_eq!(answer.tick, 2);
    let counters = session.counters();
    assert_eq!((counters.missed_deadlines, counters.late_answers), (1, 1));
    // The gains by hand: 0.01 * (0.72 + 6.83 + 0.92 + 1.08).
    assert!((command[0] - 0.0955).abs() < 1e-6, "{}", command[0]);
}

/// Somebody else's program: the emulator runs it, nobody answers, and the error tells what the emulator said.
#[test]
fn a_silent_board_is_given_up() {
    let firmware = Firmware::build(&MACHINES[1], &images::balance_law());
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.elf");
    let mut program = std::fs::read(firmware.elf()).unwrap();
    // The entry point's first instruction becomes a jump to itself (RISC-V `j .`).
    let entry = entry_offset(&program);
    program[entry..entry + 4].copy_from_slice(&0x0000_006f_u32.to_le_bytes());
    std::fs::write(&damaged, program).unwrap();
    let address = LinkAddress::Qemu {
        machine: &MACHINES[1],
        elf: Some(damaged),
    };
    let patience = Patience {
        retry: Duration::from_millis(50),
        give_up: Duration::from_millis(500),
    };
    let bytes = firmware.image();
    let image = PolicyImage::view(&bytes).unwrap();
    let opened = Session::open(
        Link::open(&address).unwrap(),
        Expectation::from(&image),
        patience,
        Disturbance::default(),
    );
    assert!(matches!(
        opened.map(|_| ()).unwrap_err(),
        HilError::Silent {
            what: "Hello",
            attempts: 2..,
            ..
        }
    ));
}

fn open(firmware: &Firmware) -> Result<Session, HilError> {
    let bytes = firmware.image();
    let image = PolicyImage::view(&bytes).unwrap();
    Session::open(
        Link::open(&firmware.address())?,
        Expectation::from(&image),
        Patience::default(),
        Disturbance::default(),
    )
}

/// Where the first instruction lies in a 32-bit ELF file whose first segment holds it.
fn entry_offset(elf: &[u8]) -> usize {
    let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()) as usize;
    let (entry, headers) = (word(24), word(28));
    let count = usize::from(u16::from_le_bytes([elf[44], elf[45]]));
    (0..count)
        .map(|index| headers + 32 * index)
        .find_map(|header| {
            let (offset, address, len) = (word(header + 4), word(header + 8), word(header + 16));
            (address..address + len)
                .contains(&entry)
                .then(|| entry - address + offset)
        })
        .unwrap()
}

/// What a fallback law is good for, on a processor of each family. `RLFD_BLESS=1` rewrites the table.
#[test]
fn the_table_of_the_fallback_law_is_the_committed_one() {
    fallback::table(&["mps2-an386", "riscv-virt"].map(|name| machine(name).unwrap()));
}

/// What a bad link and bad measurements lead to, on a processor of each family. `RLFD_BLESS=1` rewrites the table.
#[test]
fn the_table_of_faults_is_the_committed_one() {
    faults::table(&["mps2-an386", "riscv-virt"].map(|name| machine(name).unwrap()));
}

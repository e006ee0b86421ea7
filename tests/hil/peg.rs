//! A learned peg in a hole on a board: a contract without setpoint, for the goal is part of what the policy knows.

use std::path::Path;

use rlfd_export::{ImageOptions, make_image, model_of};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::{EnginePolicy, PolicyImage};
use rlfd_trainer::env::registry;
use rlfd_trainer::hil::emulator::machine;
use rlfd_trainer::hil::{Disturbance, Pace, Plant, evaluation};
use rlfd_trainer::run::Deployment;

use super::bench::Bench;
use super::firmware::Firmware;
use super::open;

const POLICY: &str = "../models/zoo/PegInHoleRandInit-v0/td3-maf/policy.pt";
const STEPS: u32 = 40;
const EPISODES: usize = 5;

/// Insertions from random starts in the loop: each command with the bits of the host's engine, the same returns, the peg in the
/// hole sooner than the demonstrator had it there (-15.1 on the mean).
#[test]
fn a_board_puts_a_peg_into_a_hole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY);
    let model = model_of(&Checkpoint::read(&path).unwrap()).unwrap();
    let made = make_image(&model, &ImageOptions::default()).unwrap().bytes;
    let firmware = Firmware::build(machine("mps2-an386").unwrap(), &made);
    let mut bench = Bench::open(&firmware, Disturbance::default());
    let outcome = bench.episode(STEPS, |_, _, _| {});
    assert_eq!((outcome.differing, outcome.fault), (0, None), "{outcome:?}");
    assert_eq!(outcome.steps, STEPS);
    bench.close();

    let bytes = firmware.image();
    let image = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open(image.environment()).unwrap();
    let mut plant = Plant::new(env.as_mut(), &image, Pace::LockStep).unwrap();
    let mut session = open(&firmware).unwrap();
    let reports = plant.play(&mut session, EPISODES, 7, |_, _| Ok(()));
    let on_board = evaluation(&reports.unwrap());
    session.close().unwrap();
    assert_eq!(on_board.successes, [true; EPISODES], "{on_board:?}");
    assert!(on_board.mean() > -9.0, "{on_board:?}");

    let mut policy = EnginePolicy::from_bytes(&bytes).unwrap();
    let spec = env.spec().clone();
    let on_host = Deployment::new(&mut policy, spec.observation, spec.action, env.as_ref())
        .unwrap()
        .play(env.as_mut(), EPISODES, 7, |_, _| Ok(()))
        .unwrap();
    assert_eq!(on_host, on_board);
}

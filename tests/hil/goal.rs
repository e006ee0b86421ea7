//! A policy with a goal on a board: what is asked for is a setpoint of its contract, beside the measurements.

use std::path::Path;

use rlfd_export::{ImageOptions, make_image, model_of};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_models::spec::Source;
use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::{EnginePolicy, PolicyImage};
use rlfd_trainer::env::registry;
use rlfd_trainer::hil::emulator::machine;
use rlfd_trainer::hil::{Pace, Plant, evaluation};
use rlfd_trainer::run::Deployment;

use super::firmware::Firmware;
use super::open;

const POLICY: &str = "../models/zoo/FetchReach-v4/ddpg/policy.pt";
const EPISODES: usize = 5;

fn image(change: impl FnOnce(&mut Checkpoint)) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY);
    let mut checkpoint = Checkpoint::read(&path).unwrap();
    change(&mut checkpoint);
    let model = model_of(&checkpoint).unwrap();
    make_image(&model, &ImageOptions::default()).unwrap().bytes
}

/// Every episode has another goal, and the board reaches each as the host does, in the same steps.
#[test]
fn a_board_brings_the_gripper_to_every_goal() {
    let image = image(|_| ());
    let firmware = Firmware::build(machine("mps2-an386").unwrap(), &image);
    let bytes = firmware.image();
    let view = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open(view.environment()).unwrap();
    let mut plant = Plant::new(env.as_mut(), &view, Pace::LockStep).unwrap();
    let mut session = open(&firmware).unwrap();
    let reports = plant.play(&mut session, EPISODES, 0, |_, _| Ok(()));
    let there = evaluation(&reports.unwrap());
    session.close().unwrap();

    let mut policy = EnginePolicy::from_bytes(&image).unwrap();
    let spec = env.spec().clone();
    let here = Deployment::new(&mut policy, spec.observation, spec.action, env.as_ref())
        .unwrap()
        .play(env.as_mut(), EPISODES, 0, |_, _| Ok(()))
        .unwrap();
    assert_eq!(there.successes, [true; EPISODES]);
    assert_eq!(there.returns, here.returns);
    assert!(here.returns.iter().any(|other| *other != here.returns[0]));
}

/// An image whose goal would come from a sensor waits for measurements that this plant does not send.
#[test]
fn a_goal_that_comes_from_elsewhere_is_another_contract() {
    let bytes = ImageBytes::new(&image(|checkpoint| {
        checkpoint.spec.observation.last_mut().unwrap().source = Source::Sensor;
    }));
    let view = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open(view.environment()).unwrap();
    let error = Plant::new(env.as_mut(), &view, Pace::LockStep).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`desired_goal` [3] in m from Setpoint"),
        "{message}"
    );
    assert!(message.contains("from Sensor"), "{message}");
}

//! A peg in a hole by a law on a board: a contract without setpoint, for the goal is part of what the policy knows.

use rlfd_runtime::image::{ActionTerm, Chain, ImageSource, Layer, ObservationTerm, Source, write};
use rlfd_runtime::{EnginePolicy, Function, PolicyImage};
use rlfd_trainer::env::mujoco::fetch::HOLE_M;
use rlfd_trainer::env::registry;
use rlfd_trainer::hil::emulator::machine;
use rlfd_trainer::hil::{Disturbance, Pace, Plant, evaluation};
use rlfd_trainer::run::Deployment;

use super::bench::Bench;
use super::firmware::Firmware;
use super::open;

const ENVIRONMENT: &str = "PegInHoleRandInit-v0";
const STEPS: u32 = 40;
/// Command per metre that is missing.
const GAIN: f32 = 10.0;
/// Metres that the peg stays higher per metre that it is beside the hole: the slope of a funnel.
const SLOPE: f32 = 3.0;

/// `u = 10 (goal - grip)`, the goal being higher by three times `|x| + |y|` of what is missing: one hidden layer of five
/// rectified units, four for the two magnitudes and one for the height, which is never negative.
fn law() -> Vec<u8> {
    let [x, y, z] = HOLE_M.map(|metres| metres as f32);
    #[rustfmt::skip]
    let weight = [
        -1.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        1.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        0.0, -1.0, 0.0, 0.0, 0.0, 0.0,
        0.0, 1.0, 0.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 1.0, 0.0, 0.0, 0.0,
    ];
    let height = GAIN * SLOPE;
    #[rustfmt::skip]
    let to_command = [
        GAIN, -GAIN, 0.0, 0.0, 0.0,
        0.0, 0.0, GAIN, -GAIN, 0.0,
        height, height, height, height, -GAIN,
        0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let layers = [
        Layer::Dense {
            weight: &weight,
            bias: &[x, -x, y, -y, 0.0],
            activation: Some(Function::Relu),
        },
        Layer::Dense {
            weight: &to_command,
            bias: &[0.0, 0.0, GAIN * z, 0.0],
            activation: None,
        },
        Layer::Clamp {
            low: &[-1.0; 4],
            high: &[1.0; 4],
        },
    ];
    let chain = Chain::new(6, &layers).unwrap();
    let env = registry::open(ENVIRONMENT).unwrap();
    let spec = env.spec();
    let observation: Vec<ObservationTerm<'_>> = (spec.observation.iter())
        .map(|term| ObservationTerm {
            name: &term.name,
            unit: &term.unit,
            source: Source::Sensor,
            dim: term.dim as u16,
            history: 1,
            scale: 1.0,
            offset: 0.0,
            clip: f32::INFINITY,
        })
        .collect();
    let action: Vec<ActionTerm<'_>> = (spec.action.iter())
        .map(|term| ActionTerm {
            name: &term.name,
            unit: &term.unit,
            dim: term.dim as u16,
            scale: 1.0,
            offset: 0.0,
            low: term.low,
            high: term.high,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        })
        .collect();
    write(&ImageSource {
        environment: &spec.id,
        provenance: "a funnel above the hole",
        period_us: spec.period_us,
        observation: &observation,
        action: &action,
        program: chain.source(),
        golden_observation: &[1.25, 0.7, 0.46, 0.0, 0.0, 0.0],
        statistics: None,
    })
    .unwrap()
}

/// Three insertions in the loop: each command with the bits of the host's engine, the same returns, the peg in the hole.
#[test]
fn a_board_puts_a_peg_into_a_hole() {
    let firmware = Firmware::build(machine("mps2-an386").unwrap(), &law());
    let mut bench = Bench::open(&firmware, Disturbance::default());
    let outcome = bench.episode(STEPS, |_, _, _| {});
    assert_eq!((outcome.differing, outcome.fault), (0, None), "{outcome:?}");
    assert_eq!(outcome.steps, STEPS);
    assert!(outcome.ret > -25.0, "{outcome:?}");
    bench.close();

    let bytes = firmware.image();
    let image = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open(ENVIRONMENT).unwrap();
    let mut plant = Plant::new(env.as_mut(), &image, Pace::LockStep).unwrap();
    let mut session = open(&firmware).unwrap();
    let reports = plant.play(&mut session, 3, 7, |_, _| Ok(())).unwrap();
    session.close().unwrap();
    let on_board = evaluation(&reports);
    assert_eq!(on_board.successes, [true; 3], "{on_board:?}");

    let mut policy = EnginePolicy::from_bytes(&bytes).unwrap();
    let terms = (env.spec().observation.clone(), env.spec().action.clone());
    let mut deployment = Deployment::new(&mut policy, terms.0, terms.1, env.as_ref()).unwrap();
    let on_host = deployment.play(env.as_mut(), 3, 7, |_, _| Ok(())).unwrap();
    assert_eq!(on_host, on_board);
}

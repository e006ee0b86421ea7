//! Images for the boards: the SAC policy of the zoo, the balance law that the firmware links in by default, and one with
//! everything in it.

use std::fs;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_export::calibration;
use rlfd_export::image::Reduced;
use rlfd_export::lower::Precision;
use rlfd_export::{Artefact, ImageOptions, make_image};
use rlfd_runtime::image::{ActionTerm, Chain, ImageSource, Layer, ObservationTerm, Source, write};
use rlfd_runtime::{EnginePolicy, Function, Policy};
use rlfd_trainer::env::registry;

const LEARNED_IMAGE: &str = "../models/zoo/InvertedPendulum-v5/sac/policy.rlfd";

/// The learned policy as a model, from this package's folder.
pub const LEARNED_MODEL: &str = "../models/zoo/InvertedPendulum-v5/sac/policy.onnx";

const DEFAULT_IMAGE: &str = "../firmware-examples/application/linear-balance.rlfd";

/// Linear state feedback for InvertedPendulum-v5: cart position, pole angle and their rates. The gains are those of the
/// discrete linear-quadratic regulator around upright (weights 1, 10, 0.1, 0.1 on the state and 1 on the force), to two
/// decimals.
const BALANCE: [f32; 4] = [0.72, 6.83, 0.92, 1.08];

/// The learned policy of the zoo.
pub fn learned() -> Vec<u8> {
    read(LEARNED_IMAGE)
}

/// The learned policy with weights and activations of 8 bits, its scales found in episodes on the host.
pub fn learned_in_8_bits() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LEARNED_MODEL);
    let model = Artefact::open(&path).unwrap().into_model(&path).unwrap();
    let reduced = Reduced {
        precision: Precision::I8,
        calibration: seen(&learned()),
    };
    let options = ImageOptions {
        reduced: Some(reduced),
        ..ImageOptions::default()
    };
    make_image(&model, &options).unwrap().bytes
}

/// The learned policy with the mean and deviation of what it observes on its way to rest, for the guard against the unfamiliar; at
/// rest, where it soon is, nothing deviates.
pub fn learned_with_statistics() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LEARNED_MODEL);
    let model = Artefact::open(&path).unwrap().into_model(&path).unwrap();
    let seen = seen(&learned());
    let moving: Vec<_> = seen
        .chunks(SEEN_STEPS)
        .flat_map(|episode| &episode[..25])
        .cloned()
        .collect();
    let options = ImageOptions {
        statistics: Some(calibration::statistics(&moving)),
        ..ImageOptions::default()
    };
    make_image(&model, &options).unwrap().bytes
}

/// Steps of each episode that is looked at.
const SEEN_STEPS: usize = 200;

/// What a policy observes while it comes to rest, from twenty initial states.
fn seen(image: &[u8]) -> Vec<Vec<f32>> {
    let mut policy = EnginePolicy::from_bytes(image).unwrap();
    let mut env = registry::open("InvertedPendulum-v5").unwrap();
    let mut observation = vec![0.0; env.spec().observation_dim()];
    let mut command = vec![0.0; env.spec().action_dim()];
    let mut observations = Vec::new();
    for seed in 100..120 {
        env.reset(&mut ChaCha8Rng::seed_from_u64(seed), &mut observation);
        for _ in 0..SEEN_STEPS {
            let measured: Vec<f32> = observation.iter().map(|wide| *wide as f32).collect();
            policy.act(&measured, &mut command);
            observations.push(measured);
            let action: Vec<f64> = command.iter().map(|force| f64::from(*force)).collect();
            env.step(&action, &mut observation);
        }
    }
    observations
}

/// The linear law, whose commands, unlike those of a squashed policy, can leave their limits.
pub fn balance_law() -> Vec<u8> {
    read(DEFAULT_IMAGE)
}

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn observation<'a>(name: &'a str, unit: &'a str, dim: u16) -> ObservationTerm<'a> {
    ObservationTerm {
        name,
        unit,
        source: Source::Sensor,
        dim,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
    }
}

/// Normaliser, dense layers of awkward widths with every activation, scale and shift, clamp.
pub fn every_operation() -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut random = |n: usize, scale: f32| -> Vec<f32> {
        (0..n)
            .map(|_| scale * rng.random_range(-1.0..=1.0_f32))
            .collect()
    };
    let widths = [7, 33, 16, 17, 5, 3];
    let dense: Vec<(Vec<f32>, Vec<f32>)> = widths
        .windows(2)
        .map(|pair| (random(pair[0] * pair[1], 0.7), random(pair[1], 0.3)))
        .collect();
    let activations = [
        Some(Function::Elu),
        Some(Function::Relu),
        Some(Function::Tanh),
        Some(Function::Sigmoid),
        None,
    ];
    let (mean, std_reciprocal) = (random(7, 1.0), vec![0.5, 1.5, 3.0, 0.1, 1.0, 7.0, 0.01]);
    let (scale, offset) = (vec![2.0, 0.3, 1.1], vec![0.1, -0.2, 0.0]);
    let (low, high) = (vec![-1.5, -0.1, -1.0], vec![1.5, 0.1, 1.0]);
    let mut layers = vec![Layer::Normalize {
        mean: &mean,
        std_reciprocal: &std_reciprocal,
    }];
    for ((weight, bias), activation) in dense.iter().zip(activations) {
        layers.push(Layer::Dense {
            weight,
            bias,
            activation,
        });
    }
    layers.push(Layer::Activate(Function::Tanh));
    layers.push(Layer::ScaleShift {
        scale: &scale,
        offset: &offset,
    });
    layers.push(Layer::Clamp {
        low: &low,
        high: &high,
    });
    let chain = Chain::new(7, &layers).unwrap();
    write(&ImageSource {
        environment: "none",
        provenance: "random weights",
        period_us: 1_000,
        observation: &[observation("anything", "1", 7)],
        action: &[ActionTerm {
            name: "anything",
            unit: "1",
            dim: 3,
            scale: 1.0,
            offset: 0.0,
            low: -9.0,
            high: 9.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.source(),
        golden_observation: &[0.5, -0.5, 1.0, 2.0, -3.0, 0.25, 100.0],
        statistics: None,
    })
    .unwrap()
}

/// One layer over an observation of so many numbers, such as a map of heights.
pub fn wide(dim: u16) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let weight: Vec<f32> = (0..dim)
        .map(|_| rng.random_range(-0.01..=0.01_f32))
        .collect();
    let chain = Chain::new(
        dim.into(),
        &[Layer::Dense {
            weight: &weight,
            bias: &[0.25],
            activation: None,
        }],
    )
    .unwrap();
    write(&ImageSource {
        environment: "none",
        provenance: "random weights",
        period_us: 20_000,
        observation: &[observation("heights", "m", dim)],
        action: &[ActionTerm {
            name: "anything",
            unit: "1",
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -9.0,
            high: 9.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.source(),
        golden_observation: &vec![0.5; dim.into()],
        statistics: None,
    })
    .unwrap()
}

/// The committed file is what these lines write; `RLFD_BLESS=1` writes it.
#[test]
fn the_default_image_is_the_balance_law() {
    let env = registry::open("InvertedPendulum-v5").unwrap();
    let spec = env.spec();
    let terms: Vec<ObservationTerm<'_>> = spec
        .observation
        .iter()
        .map(|term| observation(&term.name, &term.unit, term.dim as u16))
        .collect();
    let force = &spec.action[0];
    let chain = Chain::new(
        4,
        &[Layer::Dense {
            weight: &BALANCE,
            bias: &[0.0],
            activation: None,
        }],
    )
    .unwrap();
    let bytes = write(&ImageSource {
        environment: &spec.id,
        provenance: "linear balance law, gains by discrete LQR around upright",
        period_us: spec.period_us,
        observation: &terms,
        action: &[ActionTerm {
            name: &force.name,
            unit: &force.unit,
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: force.low,
            high: force.high,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.source(),
        golden_observation: &[0.01, -0.02, 0.03, -0.04],
        statistics: None,
    })
    .unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_IMAGE);
    if std::env::var_os("RLFD_BLESS").is_some() {
        fs::write(&path, &bytes).unwrap();
    }
    assert!(
        fs::read(&path).unwrap() == bytes,
        "{DEFAULT_IMAGE} differs; RLFD_BLESS=1 rewrites it"
    );
}

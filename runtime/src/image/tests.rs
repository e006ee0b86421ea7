//! Images as a whole: what is written is read, what is damaged is refused.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::nn::Function;
use crate::rounds::rounds;
use crate::{EnginePolicy, ImagePolicy, Policy};

mod specification;

const OBSERVATION: ObservationTerm<'static> = ObservationTerm {
    name: "joint position",
    unit: "rad",
    dim: 3,
    history: 1,
    scale: 1.0,
    offset: 0.0,
    source: Source::Sensor,
    clip: f32::INFINITY,
};
const VELOCITY: ObservationTerm<'static> = ObservationTerm {
    name: "joint velocity",
    unit: "rad/s",
    dim: 1,
    history: 2,
    scale: 0.1,
    offset: 0.5,
    source: Source::Sensor,
    clip: 10.0,
};
const ACTION: ActionTerm<'static> = ActionTerm {
    name: "torque",
    unit: "N m",
    dim: 2,
    scale: 1.0,
    offset: 0.0,
    low: -3.0,
    high: 3.0,
    max_rate: 50.0,
    stiffness: 0.0,
    damping: 0.0,
    time_constant_s: 0.0,
};

/// A small net that uses every operation, with weights from a seed.
struct Net {
    mean: Vec<f32>,
    std_reciprocal: Vec<f32>,
    weights: [Vec<f32>; 2],
    biases: [Vec<f32>; 2],
}

const HIDDEN: usize = 21;

/// Sums of 21 products of up to 5, each rounded to 24 bits, through a head that scales by 3.
const ROUNDING: f64 = 1e-5;

impl Net {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut numbers =
            |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
        Self {
            mean: numbers(5),
            std_reciprocal: numbers(5).iter().map(|x| x + 1.5).collect(),
            weights: [numbers(5 * HIDDEN), numbers(HIDDEN * 2)],
            biases: [numbers(HIDDEN), numbers(2)],
        }
    }

    fn chain(&self) -> Chain {
        Chain::new(5, &self.layers()).unwrap()
    }

    fn layers(&self) -> Vec<Layer<'_>> {
        vec![
            Layer::Normalize {
                mean: &self.mean,
                std_reciprocal: &self.std_reciprocal,
            },
            Layer::Clamp {
                low: &[-5.0; 5],
                high: &[5.0; 5],
            },
            Layer::Dense {
                weight: &self.weights[0],
                bias: &self.biases[0],
                activation: Some(Function::Elu),
            },
            Layer::Dense {
                weight: &self.weights[1],
                bias: &self.biases[1],
                activation: None,
            },
            Layer::Activate(Function::Tanh),
            Layer::ScaleShift {
                scale: &[3.0, 2.0],
                offset: &[0.0, 0.25],
            },
        ]
    }

    /// The same function in double precision, straight from its definition.
    fn reference(&self, observation: &[f32]) -> Vec<f64> {
        let mut x: Vec<f64> = observation
            .iter()
            .zip(&self.mean)
            .zip(&self.std_reciprocal)
            .map(|((x, mean), reciprocal)| {
                (f64::from(*x) - f64::from(*mean)) * f64::from(*reciprocal)
            })
            .map(|x| x.clamp(-5.0, 5.0))
            .collect();
        for (layer, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            x = bias
                .iter()
                .zip(weight.chunks(x.len()))
                .map(|(bias, row)| {
                    let products = row.iter().zip(&x).map(|(weight, x)| f64::from(*weight) * x);
                    f64::from(*bias) + products.sum::<f64>()
                })
                .map(|y| {
                    if layer == 0 && y <= 0.0 {
                        y.exp_m1()
                    } else {
                        y
                    }
                })
                .collect();
        }
        vec![x[0].tanh() * 3.0, x[1].tanh() * 2.0 + 0.25]
    }
}

fn image_of(net: &Net) -> Vec<u8> {
    image_from(net, "test 1, seed 7")
}

fn image_from(net: &Net, provenance: &str) -> Vec<u8> {
    write(&ImageSource {
        environment: "Arm-v0",
        provenance,
        period_us: 10_000,
        observation: &[OBSERVATION, VELOCITY],
        action: &[ACTION],
        program: net.chain().source(),
        golden_observation: &[0.3, -0.2, 0.1, 0.9, -0.7],
        statistics: None,
    })
    .unwrap()
}

/// Wherever in the image the text before them puts them.
#[test]
fn on_the_heap_the_largest_weights_start_with_a_cache_line() {
    let net = Net::new(3);
    for len in 0..rounds(80) {
        let bytes = image_from(&net, &"x".repeat(len));
        let copy = ImageBytes::new(&bytes);
        assert_eq!(*copy, *bytes);
        let image = PolicyImage::view(&copy).unwrap();
        let first = image.ops().find(|op| op.code == OpCode::Dense).unwrap();
        let Place::Constant(start) = first.b else {
            panic!("weights are constants: {first:?}");
        };
        let weights = &image.constants()[start as usize..];
        assert_eq!(weights.as_ptr().addr() % 64, 0, "{len} letters");
    }
}

#[test]
fn what_is_written_is_read() {
    let net = Net::new(3);
    let bytes = ImageBytes::new(&image_of(&net));
    let image = PolicyImage::view(&bytes).unwrap();
    assert_eq!(image.environment(), "Arm-v0");
    assert_eq!(image.provenance(), "test 1, seed 7");
    assert_eq!(image.period_us(), 10_000);
    assert_eq!(
        image.observation_terms().collect::<Vec<_>>(),
        [OBSERVATION, VELOCITY]
    );
    assert_eq!(image.action_terms().collect::<Vec<_>>(), [ACTION]);
    assert_eq!(image.arena_len(), 2 * HIDDEN);
    assert_eq!(image.state_len(), 0);
    let observation = Port {
        name: "observation",
        shape: "",
        place: Place::Arena(0),
        len: 5,
    };
    assert_eq!(image.inputs().collect::<Vec<_>>(), [observation]);
    let action = Port {
        name: "action",
        len: 2,
        ..observation
    };
    assert_eq!(image.outputs().collect::<Vec<_>>(), [action]);
    assert_eq!(image.contract().measurement_dim(), 4);
    assert_eq!(image.shape().observation_dim, 5);
    let ops: Vec<Op> = image.ops().collect();
    let codes: Vec<OpCode> = ops.iter().map(|op| op.code).collect();
    use OpCode::{Dense, Map, Zip};
    assert_eq!(codes, [Zip, Zip, Zip, Zip, Dense, Dense, Map, Zip, Zip]);
    let dense = ops[4];
    assert_eq!(Function::from_code(dense.function), Some(Function::Elu));
    assert_eq!(dense.n, [5, HIDDEN as u32, 1, 0]);
    let Place::Constant(start) = dense.b else {
        panic!("weights are constants: {dense:?}");
    };
    // No panel is full, so the weights lie input by input.
    for o in 0..HIDDEN {
        for i in 0..5 {
            let weight = image.constants()[start as usize + i * HIDDEN + o];
            assert_eq!(weight, net.weights[0][o * 5 + i]);
        }
    }
}

#[test]
fn acts_like_its_definition() {
    let net = Net::new(4);
    let bytes = ImageBytes::new(&image_of(&net));
    let image = PolicyImage::view(&bytes).unwrap();
    let mut arena = vec![f32::NAN; image.arena_len()];
    let mut policy = ImagePolicy::new(image, &mut arena).unwrap();
    assert!(policy.self_test());
    let mut engine = EnginePolicy::from_bytes(&bytes).unwrap();
    assert!(engine.image().self_test().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for size in [0.1, 1.0, 10.0, 1e6] {
        for _ in 0..rounds(500) {
            let observation: [f32; 5] = core::array::from_fn(|_| rng.random_range(-size..size));
            let (mut action, mut same) = ([0.0; 2], [0.0; 2]);
            policy.act(&observation, &mut action);
            engine.act(&observation, &mut same);
            assert_eq!(action, same);
            for (action, expected) in action.iter().zip(net.reference(&observation)) {
                assert!(
                    (f64::from(*action) - expected).abs() < ROUNDING,
                    "{action} for {expected}"
                );
            }
        }
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    assert_eq!(image_of(&Net::new(6)), image_of(&Net::new(6)));
    assert_ne!(image_of(&Net::new(6)), image_of(&Net::new(7)));
}

#[test]
fn an_observation_of_a_wrong_length_is_answered_by_nan() {
    let mut engine = EnginePolicy::from_bytes(&image_of(&Net::new(1))).unwrap();
    let mut action = [0.0; 2];
    engine.act(&[0.0; 4], &mut action);
    assert!(action.iter().all(|action| action.is_nan()));
    let mut long = [0.0; 3];
    engine.act(&[0.0; 5], &mut long);
    assert!(long[0].is_finite() && long[1].is_finite() && long[2].is_nan());
}

#[test]
fn too_little_memory_is_refused() {
    let bytes = ImageBytes::new(&image_of(&Net::new(1)));
    let image = PolicyImage::view(&bytes).unwrap();
    let refusal = ImagePolicy::new(image, &mut [0.0; 41]).err();
    assert_eq!(
        refusal,
        Some(ImageError::Arena {
            needed: 42,
            found: 41
        })
    );
}

#[test]
fn an_unaligned_image_is_refused() {
    let bytes = image_of(&Net::new(1));
    let mut shifted = vec![0; 4];
    shifted.extend(&bytes);
    let shifted = ImageBytes::new(&shifted);
    let refusal = PolicyImage::view(&shifted[4..]).err();
    assert_eq!(refusal, Some(ImageError::Unaligned { remainder: 4 }));
}

#[test]
fn other_versions_and_trailing_bytes_are_named() {
    let mut bytes = image_of(&Net::new(1));
    let len = bytes.len();
    bytes.push(0);
    assert_eq!(
        OwnedImage::new(&bytes).err(),
        Some(ImageError::TrailingBytes {
            stated: len,
            found: len + 1
        })
    );
    bytes.pop();
    bytes[8] = 1;
    prelude::seal(&mut bytes);
    assert_eq!(
        OwnedImage::new(&bytes).err(),
        Some(ImageError::Version {
            found: 1,
            supported: IMAGE_VERSION
        })
    );
    assert_eq!(
        OwnedImage::new(b"PK\x03\x04 and thirty more bytes, or so").err(),
        Some(ImageError::Magic)
    );
}

/// 1,000 truncations and 1,000 bit flips: never a panic, never accepted.
#[test]
fn damaged_images_are_refused() {
    let bytes = image_of(&Net::new(8));
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..rounds(1000) {
        let cut = rng.random_range(0..bytes.len());
        assert!(OwnedImage::new(&bytes[..cut]).is_err(), "cut to {cut}");
        let mut flipped = bytes.clone();
        let bit = rng.random_range(0..bytes.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(OwnedImage::new(&flipped).is_err(), "bit {bit}");
    }
}

/// A damaged image whose checksum was made right again: the other checks must hold by themselves. Such an image may be a
/// valid one (another weight, another name), but then it runs without panic.
#[test]
fn forged_images_never_panic() {
    let bytes = image_of(&Net::new(8));
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let mut refused = 0;
    for round in 0..rounds(4000) {
        let mut forged = bytes.clone();
        // Half of the rounds aim at header, terms and operations, where the structure is.
        let reach = if round % 2 == 0 { forged.len() } else { 400 };
        for _ in 0..rng.random_range(1..4) {
            forged[rng.random_range(8..reach)] = rng.random();
        }
        prelude::seal(&mut forged);
        match EnginePolicy::from_bytes(&forged) {
            Ok(mut engine) => {
                let shape = engine.shape();
                let mut action = vec![0.0; shape.action_dim];
                engine.act(&vec![0.5; shape.observation_dim], &mut action);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > rounds(1000) / 2,
        "only {refused} of 4000 were refused"
    );
}

#[test]
fn sources_that_do_not_fit_are_named() {
    let net = Net::new(1);
    let chain = net.chain();
    let good = ImageSource {
        environment: "",
        provenance: "",
        period_us: 1,
        observation: &[OBSERVATION, VELOCITY],
        action: &[ACTION],
        program: chain.source(),
        golden_observation: &[0.0; 5],
        statistics: None,
    };
    assert!(write(&good).is_ok());
    let refusal = |source: ImageSource<'_>| write(&source).unwrap_err();
    assert_eq!(
        refusal(ImageSource {
            golden_observation: &[0.0; 4],
            ..good
        }),
        ImageError::Golden {
            what: "observation",
            expected: 5,
            found: 4
        }
    );
    assert_eq!(
        refusal(ImageSource {
            period_us: 0,
            ..good
        }),
        ImageError::Missing("control period")
    );
    for (len, what) in [(3, "width of the outputs"), (0, "width of the outputs")] {
        let chain = Chain::new(5, &net.layers()[..len]).unwrap();
        let refused = refusal(ImageSource {
            program: chain.source(),
            ..good
        });
        assert_eq!(refused, ImageError::Inconsistent { what });
    }
    let nan = [Layer::Dense {
        weight: &[f32::NAN; 10],
        bias: &[0.0; 2],
        activation: None,
    }];
    let chain = Chain::new(5, &nan).unwrap();
    assert_eq!(
        refusal(ImageSource {
            program: chain.source(),
            ..good
        }),
        ImageError::Number {
            index: 0,
            what: "weight",
            expected: "finite"
        }
    );
    let upside_down = ActionTerm {
        low: 1.0,
        high: -1.0,
        ..ACTION
    };
    assert_eq!(
        refusal(ImageSource {
            action: &[upside_down],
            ..good
        }),
        ImageError::ActionTerm {
            index: 0,
            field: "low",
            expected: "not above high"
        }
    );
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let refusal = |layers: &[Layer<'_>]| Chain::new(5, layers).unwrap_err();
    let no_outputs = refusal(&[Layer::Dense {
        weight: &[],
        bias: &[],
        activation: None,
    }]);
    assert_eq!(no_outputs, ImageError::Missing("outputs of a layer"));
    let short = refusal(&[Layer::ScaleShift {
        scale: &[1.0; 4],
        offset: &[0.0; 5],
    }]);
    assert_eq!(
        short,
        ImageError::Width {
            index: 0,
            what: "scale",
            expected: 5,
            found: 4
        }
    );
}

/// Each field of an operation set to something impossible.
#[test]
fn operations_that_do_not_fit_are_named() {
    let net = Net::new(1);
    let chain = net.chain();
    let source = chain.source();
    let spoiled = |spoil: fn(&mut Vec<Op>)| {
        let mut ops = source.ops.to_vec();
        spoil(&mut ops);
        let program = ProgramSource {
            ops: &ops,
            ..source
        };
        write(&ImageSource {
            environment: "",
            provenance: "",
            period_us: 1,
            observation: &[OBSERVATION, VELOCITY],
            action: &[ACTION],
            program,
            golden_observation: &[0.0; 5],
            statistics: None,
        })
        .unwrap_err()
    };
    let operand = |index, what| ImageError::Operand { index, what };
    for (spoil, expected) in [
        (
            (|ops| ops[4].out = ops[4].n[0] - 1) as fn(&mut Vec<Op>),
            operand(4, "first operand"),
        ),
        (
            |ops| ops[4].out = 2 * HIDDEN as u32 - 1,
            operand(4, "result"),
        ),
        (|ops| ops[4].n[0] = u32::MAX, operand(4, "first operand")),
        (|ops| ops[4].n[1] = 0, operand(4, "result")),
        (
            |ops| ops[4].b = Place::Arena(30),
            operand(4, "second operand"),
        ),
        (|ops| ops[4].b = Place::None, operand(4, "second operand")),
        (
            |ops| ops[4].b = Place::Constant(1),
            operand(4, "second operand"),
        ),
        (
            |ops| ops[0].b = Place::Constant(1 << 20),
            operand(0, "second operand"),
        ),
        (
            |ops| ops[6].function = 99,
            ImageError::UnknownField {
                index: 6,
                op: OpCode::Map,
                field: "function",
                value: 99,
            },
        ),
        (
            |ops| ops[4].weights = WeightType::I8,
            ImageError::UnknownField {
                index: 4,
                op: OpCode::Dense,
                field: "type of weights",
                value: 2,
            },
        ),
    ] {
        assert_eq!(spoiled(spoil), expected);
    }
}

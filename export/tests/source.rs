//! `export rust`: the source of a policy with every operation, which is compiled into this test, against the engine on the image it
//! was written from. `RLFD_BLESS=1` rewrites the source.

#[rustfmt::skip]
#[path = "source/every_operation.rs"]
mod every_operation;

use std::fs;
use std::process::Command;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_export::source::rust_source;
use rlfd_runtime::image::{
    ActionTerm, Constants, ImageBytes, ImageSource, ObservationTerm, Op, OpCode, Place,
    PolicyImage, Port, ProgramSource, Source, WeightType, write,
};
use rlfd_runtime::nn::reduce::Reduction;
use rlfd_runtime::nn::{Function, ZipFunction};
use rlfd_runtime::{EnginePolicy, Policy};

const GENERATED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/source/every_operation.rs"
);

/// The image is what its fuzzer starts from, too.
const SEED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../runtime/fuzz/corpus/image/every_operation"
);

/// Operations one behind the other, each in memory of its own.
struct Build {
    ops: Vec<Op>,
    constants: Constants,
    arena: u32,
    stream: ChaCha8Rng,
}

impl Build {
    fn words(&mut self, len: u32) -> u32 {
        self.arena += len;
        self.arena - len
    }

    fn number(&mut self) -> f32 {
        (self.stream.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn f32(&mut self, len: usize) -> Place {
        let numbers: Vec<f32> = (0..len).map(|_| self.number()).collect();
        self.constants.f32(&numbers).unwrap()
    }

    fn i32(&mut self, numbers: &[i32]) -> Place {
        self.constants.i32(numbers).unwrap()
    }

    fn bytes(&mut self, len: usize) -> Place {
        let bytes: Vec<u8> = (0..len).map(|_| self.stream.next_u32() as u8).collect();
        self.constants.bytes(&bytes).unwrap()
    }

    /// Appends an operation whose result has `len` words, and answers where they are.
    fn op(&mut self, code: OpCode, function: u8, places: [Place; 3], n: [u32; 4], len: u32) -> u32 {
        let out = self.words(len);
        let [a, b, c] = places;
        self.ops.push(Op {
            code,
            function,
            weights: WeightType::F32,
            out,
            a,
            b,
            c,
            n,
            p: [1.0, 0.0],
        });
        out
    }

    fn last(&mut self) -> &mut Op {
        self.ops.last_mut().unwrap()
    }
}

fn constant(place: Place) -> u32 {
    match place {
        Place::Constant(start) => start,
        _ => panic!("{place:?} is no constant"),
    }
}

/// Every operation once or twice, and two numbers of state.
fn image() -> Vec<u8> {
    use Place::{Arena, None};
    let mut build = Build {
        ops: Vec::new(),
        constants: Constants::new(),
        arena: 0,
        stream: ChaCha8Rng::seed_from_u64(11),
    };
    let state = build.words(2);
    let x = build.words(6);
    // Two rows of three inputs to five outputs, without a bias, then with the state and the first result as biases.
    let weight = build.f32(15);
    let elu = Function::Elu.code();
    let rows = build.op(
        OpCode::Dense,
        elu,
        [Arena(x), weight, None],
        [3, 5, 2, 0],
        10,
    );
    let weight = build.f32(15);
    let onto = build.op(
        OpCode::Dense,
        0,
        [Arena(x), weight, Arena(rows)],
        [3, 5, 2, 0],
        10,
    );
    let (weight, bias) = (build.f32(2 * 70), build.f32(70));
    let wide = build.op(
        OpCode::Dense,
        Function::Tanh.code(),
        [Arena(state), weight, bias],
        [2, 70, 1, 0],
        70,
    );
    // The bits of small halves: 0x3000 to 0x37ff are 1/8 to 1/2.
    let halves: Vec<u8> = (0..24_u16)
        .flat_map(|i| (0x3000 + 70 * i).to_le_bytes())
        .collect();
    let (weight, bias) = (build.constants.bytes(&halves).unwrap(), build.f32(4));
    let half = build.op(OpCode::Dense, 0, [Arena(x), weight, bias], [6, 4, 1, 0], 4);
    build.last().weights = WeightType::F16;
    let add = ZipFunction::Add as u8;
    build.op(
        OpCode::Zip,
        add,
        [Arena(rows), Arena(onto), None],
        [1, 10, 1, 0],
        0,
    );
    build.last().out = rows;
    let five = build.f32(5);
    let sub = ZipFunction::Sub as u8;
    let zip = build.op(
        OpCode::Zip,
        sub,
        [Arena(rows), five, None],
        [2, 5, 1, 1],
        10,
    );
    let abs = build.op(
        OpCode::Map,
        Function::Abs.code(),
        [Arena(zip), None, None],
        [10, 0, 0, 0],
        10,
    );
    build.op(
        OpCode::Map,
        Function::Sigmoid.code(),
        [Arena(abs), None, None],
        [10, 0, 0, 0],
        0,
    );
    build.last().out = abs;
    let relu = build.op(
        OpCode::Map,
        Function::Relu.code(),
        [Arena(zip), None, None],
        [10, 0, 0, 0],
        10,
    );
    let select = build.op(
        OpCode::Select,
        0,
        [Arena(relu), Arena(abs), Arena(zip)],
        [10, 0, 0, 0],
        10,
    );
    let transposing = build.i32(&[2, 5, 2, 1, 5, 2, 1, 0, 0]);
    let columns = build.op(
        OpCode::Copy,
        0,
        [Arena(select), transposing, None],
        [10, 10, 9, 0],
        10,
    );
    let indices = build.constants.f32(&[1.0, -2.0]).unwrap();
    let gather = build.op(
        OpCode::Gather,
        0,
        [indices, Arena(columns), None],
        [1, 10, 1, 2],
        2,
    );
    let product = build.op(
        OpCode::MatMul,
        0,
        [Arena(gather), Arena(columns), None],
        [1, 2, 5, 1],
        5,
    );
    let shape = build.i32(&[1, 1, 1, 6, 2, 1, 3, 1, 4, 1, 1, 0, 0, 1, 1]);
    let (weight, bias) = (build.f32(6), build.f32(2));
    let conv = build.op(
        OpCode::Conv,
        Function::Relu.code(),
        [Arena(x), weight, bias],
        [constant(shape), 1, 6, 8],
        8,
    );
    let mean = Reduction::Mean as u8;
    let reduce = build.op(
        OpCode::Reduce,
        mean,
        [Arena(conv), None, None],
        [2, 4, 1, 0],
        2,
    );
    let softmax = build.op(
        OpCode::Softmax,
        0,
        [Arena(product), None, None],
        [1, 5, 1, 0],
        5,
    );
    let scale = build.f32(5);
    let norm = build.op(
        OpCode::LayerNorm,
        0,
        [Arena(rows), scale, None],
        [2, 5, 0, 0],
        10,
    );
    build.last().p = [1e-5, 0.0];
    let arg = build.op(
        OpCode::ArgMax,
        1,
        [Arena(softmax), None, None],
        [1, 5, 1, 0],
        1,
    );
    let quantized = build.op(OpCode::Quantize, 0, [Arena(x), None, None], [6, 0, 0, 0], 3);
    build.last().p = [0.05, 3.0];
    let (weight, bias) = (build.bytes(2 * 3 * 4), build.i32(&[5, -70, 900, 0]));
    let scales = build.constants.f32(&[1e-3, 2e-3, 3e-3, 4e-3]).unwrap();
    let places = [Arena(quantized), weight, bias];
    let integers = build.op(
        OpCode::DenseQuantized,
        0,
        places,
        [6, 4, 1, constant(scales)],
        2,
    );
    build.last().weights = WeightType::I8;
    build.last().p = [-100.0, 90.0];
    let weight = build.bytes(4 * 3 * 4);
    let places = [Arena(quantized), weight, bias];
    let reals = build.op(
        OpCode::DenseQuantized,
        1,
        places,
        [6, 4, 1, constant(scales)],
        4,
    );
    build.last().weights = WeightType::I16;
    let plain = build.op(
        OpCode::Dequantize,
        0,
        [Arena(integers), None, None],
        [4, 0, 0, 0],
        4,
    );
    build.last().p = [0.01, 0.0];
    build.op(
        OpCode::Map,
        Function::Tanh.code(),
        [Arena(reduce), None, None],
        [2, 0, 0, 0],
        0,
    );
    build.last().out = state;
    let kept = [
        (rows, 10),
        (wide, 70),
        (half, 4),
        (columns, 10),
        (product, 5),
        (softmax, 5),
        (norm, 10),
        (arg, 1),
        (reals, 4),
        (plain, 4),
        (state, 2),
    ];
    let port = |(start, len)| Port {
        name: "y",
        shape: "",
        place: Arena(start),
        len,
    };
    let outputs: Vec<Port<'_>> = kept.into_iter().map(port).collect();
    let action = ActionTerm {
        name: "y",
        unit: "1",
        dim: kept.iter().map(|(_, len)| *len as u16).sum(),
        scale: 1.0,
        offset: 0.0,
        low: f32::MIN,
        high: f32::MAX,
        max_rate: f32::INFINITY,
        stiffness: 0.0,
        damping: 0.0,
        time_constant_s: 0.0,
    };
    let observation = ObservationTerm {
        name: "x",
        unit: "1",
        source: Source::Sensor,
        dim: 6,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
    };
    write(&ImageSource {
        environment: "none",
        provenance: "every operation",
        period_us: 10_000,
        observation: &[observation],
        action: &[action],
        program: ProgramSource {
            ops: &build.ops,
            constants: build.constants.words(),
            inputs: &[port((x, 6))],
            outputs: &outputs,
            arena_len: build.arena,
            state_len: 2,
        },
        golden_observation: &[0.5, -0.25, 0.125, 1.0, -0.75, 0.3],
        statistics: Option::None,
    })
    .unwrap()
}

#[test]
fn the_program_writes_the_source_that_is_compiled_here() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (
        folder.path().join("policy.rlfd"),
        folder.path().join("policy.rs"),
    );
    fs::write(&from, image()).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_rlfd-export"))
        .args(["rust".as_ref(), from.as_os_str()])
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let written = fs::read_to_string(to).unwrap();
    if std::env::var_os("RLFD_BLESS").is_some() {
        fs::write(GENERATED, &written).unwrap();
        fs::write(SEED, image()).unwrap();
    }
    assert!(
        written == fs::read_to_string(GENERATED).unwrap(),
        "the source differs from {GENERATED}; RLFD_BLESS=1 rewrites it"
    );
}

#[test]
fn the_source_answers_the_bits_of_the_engine() {
    let image = image();
    let mut engine = EnginePolicy::from_bytes(&image).unwrap();
    let mut generated = every_operation::GeneratedPolicy::new();
    assert!(generated.self_test());
    assert_eq!(generated.shape(), engine.shape());
    let mut stream = ChaCha8Rng::seed_from_u64(12);
    for step in 0..2000 {
        if step % 100 == 0 {
            engine.reset();
            generated.reset();
        }
        let size = [0.1, 1.0, 30.0][step % 3];
        let observation: [f32; every_operation::OBSERVATION_DIM] =
            std::array::from_fn(|_| (stream.next_u32() as i32) as f32 / i32::MAX as f32 * size);
        let mut expected = [0.0; every_operation::ACTION_DIM];
        let mut found = expected;
        engine.act(&observation, &mut expected);
        generated.step(&observation, &mut found);
        assert_eq!(
            expected.map(f32::to_bits),
            found.map(f32::to_bits),
            "step {step}"
        );
    }
    let mut action = [0.0; every_operation::ACTION_DIM];
    generated.act(&[0.0; 5], &mut action);
    assert!(action.iter().all(|number| number.is_nan()));
}

#[test]
fn every_operation_is_in_the_image() {
    let bytes = ImageBytes::new(&image());
    let image = PolicyImage::view(&bytes).unwrap();
    for code in 1..=15 {
        let code = OpCode::from_code(code).unwrap();
        assert!(image.ops().any(|op| op.code == code), "{code:?}");
    }
    assert!(
        rust_source(&image)
            .unwrap()
            .contains("the features functions, half, quantized, tensor, zip")
    );
}

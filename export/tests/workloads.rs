//! Memory and operations of networks of known size.

#[allow(dead_code)]
#[path = "../benches/engine/workload.rs"]
mod workload;

use std::collections::BTreeMap;

use rlfd_export::graph::{Attribute, Dim, Graph, Node, Port, Value};
use rlfd_export::onnx::{IR_VERSION, OPSET};
use rlfd_export::{ImageOptions, Model, cost, make_image};
use rlfd_runtime::image::{ImageBytes, PolicyImage};

fn port(name: &str, width: usize) -> Port {
    Port {
        name: name.to_string(),
        dtype: "float32",
        shape: Some(vec![Dim::Fixed(1), Dim::Fixed(width)]),
    }
}

/// Dense layers of these widths with ReLU between them, each as `MatMul, Add, Relu`.
fn perceptron(widths: &[usize]) -> Model {
    let mut constants = BTreeMap::new();
    let mut nodes: Vec<Node> = Vec::new();
    let mut push = |op: &str, inputs: [&str; 2], output: &str| {
        nodes.push(Node {
            name: String::new(),
            op: op.to_string(),
            domain: String::new(),
            inputs: inputs
                .iter()
                .filter(|name| !name.is_empty())
                .map(ToString::to_string)
                .collect(),
            outputs: vec![output.to_string()],
            attributes: BTreeMap::new(),
        });
    };
    let n_layers = widths.len() - 1;
    let mut flow = "x".to_string();
    for i in 0..n_layers {
        let (n, m) = (widths[i], widths[i + 1]);
        let number = |i: usize| (i as f32 * 0.7).sin() / n as f32;
        constants.insert(
            format!("w{i}"),
            Value::f32(&[n, m], (0..n * m).map(number).collect()),
        );
        constants.insert(
            format!("b{i}"),
            Value::f32(&[m], (0..m).map(number).collect()),
        );
        push("MatMul", [&flow, &format!("w{i}")], &format!("u{i}"));
        flow = format!("z{i}");
        push("Add", [&format!("u{i}"), &format!("b{i}")], &flow);
        if i + 1 < n_layers {
            push("Relu", [&flow, ""], &format!("a{i}"));
            flow = format!("a{i}");
        }
    }
    let last = port(&flow, widths[n_layers]);
    model(vec![port("x", widths[0])], vec![last], constants, nodes)
}

fn model(
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    constants: BTreeMap<String, Value>,
    nodes: Vec<Node>,
) -> Model {
    Model {
        ir_version: IR_VERSION,
        producer: "test".to_string(),
        metadata: Vec::new(),
        graph: Graph {
            name: "test".to_string(),
            opset: OPSET,
            inputs,
            outputs,
            constants,
            nodes,
        },
    }
}

fn options() -> ImageOptions {
    ImageOptions {
        period_us: Some(1000),
        ..ImageOptions::default()
    }
}

#[test]
fn a_perceptron_needs_one_operation_per_layer_and_twice_its_widest_layer() {
    for widths in [
        &[17, 256, 256, 6][..],
        &[48, 512, 256, 128, 12],
        &[4, 64, 64, 1],
        &[3, 5, 1, 17, 2],
        &[376, 100, 17],
    ] {
        let made = make_image(&perceptron(widths), &options()).unwrap();
        assert_eq!(made.lowered.ops.len(), widths.len() - 1);
        let widest = widths.iter().max().unwrap();
        assert!(
            made.lowered.arena_len <= 2 * widest,
            "{widths:?}: {}",
            made.lowered.arena_len
        );
    }
}

/// A GRU cell needs its state, the gates' sums before and after the state is multiplied, the candidate, and nothing is copied.
#[test]
fn a_cell_is_computed_in_place() {
    let (n_in, n_hidden) = (24, 64);
    let number = |i: usize| (i as f32 * 0.7).sin() / 8.0;
    let weights =
        |shape: &[usize]| Value::f32(shape, (0..shape.iter().product()).map(number).collect());
    let constants = BTreeMap::from([
        ("w".to_string(), weights(&[1, 3 * n_hidden, n_in])),
        ("r".to_string(), weights(&[1, 3 * n_hidden, n_hidden])),
        ("b".to_string(), weights(&[1, 6 * n_hidden])),
    ]);
    let three = |name: &str, width| Port {
        shape: Some(vec![Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(width)]),
        ..port(name, width)
    };
    let node = Node {
        name: "gru".to_string(),
        op: "GRU".to_string(),
        domain: String::new(),
        inputs: ["x", "w", "r", "b", "", "h"].map(str::to_string).to_vec(),
        outputs: ["y", "h_next"].map(str::to_string).to_vec(),
        attributes: BTreeMap::from([("linear_before_reset".to_string(), Attribute::Int(1))]),
    };
    let y = Port {
        shape: Some([1, 1, 1, n_hidden].map(Dim::Fixed).to_vec()),
        ..port("y", n_hidden)
    };
    let model = model(
        vec![three("x", n_in), three("h", n_hidden)],
        vec![y, three("h_next", n_hidden)],
        constants,
        vec![node],
    );
    let made = make_image(&model, &options()).unwrap();
    assert_eq!(made.lowered.state.len(), 1);
    assert_eq!(made.lowered.ops.len(), 9);
    // 3 gates before, 2 after, the state, the product of the candidate.
    assert!(
        made.lowered.arena_len <= 7 * n_hidden,
        "{}",
        made.lowered.arena_len
    );
}

/// The estimates for a Cortex-M4F against its traces, which `cargo xtask bench engine --board` takes.
#[test]
fn cycles_are_estimated_as_the_traces_count_them() {
    let traced = [
        ("p1", TRACED[0]),
        ("p2", TRACED[1]),
        ("p3", TRACED[2]),
        ("p4", TRACED[3]),
        ("p5", TRACED[4]),
    ];
    for (workload, (name, traced)) in workload::all().iter().zip(traced) {
        assert_eq!(workload.name, name);
        let options = ImageOptions {
            period_us: Some(10_000),
            ..ImageOptions::default()
        };
        let bytes = ImageBytes::new(&rlfd_export::image_of(&workload.model, &options).unwrap());
        let image = PolicyImage::view(&bytes).unwrap();
        let estimates = cost::estimates(&image);
        assert_eq!(estimates[0].processor, "Cortex-M4F");
        let apart = estimates[0].cycles as f64 / traced - 1.0;
        assert!(
            apart.abs() <= cost::TOLERANCE,
            "{name}: {} cycles are {apart:+.3} from the {traced} of the trace",
            estimates[0].cycles
        );
        // Without a floating-point unit integers are the faster by far.
        let of = |name| {
            estimates
                .iter()
                .find(|e| e.processor == name)
                .unwrap()
                .cycles
        };
        assert_eq!(of("Cortex-M3") < 10 * of("Cortex-M4F"), name == "p5");
    }
}

/// Cycles of P1 to P5 in `runtime/docs/performance.md`.
const TRACED: [f64; 5] = [242_029.0, 684_249.0, 22_138.0, 72_305.0, 110_696.0];

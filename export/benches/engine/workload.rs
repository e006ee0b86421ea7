//! The five policies that are measured, with weights from a fixed stream: shapes as they occur, contents without meaning.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_export::dtype::Dtype;
use rlfd_export::graph::{Attribute, Data, Dim, Graph, Node, Port, Value};
use rlfd_export::onnx::{IR_VERSION, Model, OPSET};

/// A policy as a graph, and as what a plain C program needs.
pub struct Workload {
    pub name: &'static str,
    pub title: &'static str,
    pub multiplications: usize,
    pub observation_dim: usize,
    pub action_dim: usize,
    /// Numbers of recurrent state, input `h` and output `h_next` of the graph.
    pub state_dim: usize,
    pub model: Model,
    pub net: Net,
}

/// Row-major weights `[outputs, inputs]` and biases.
pub struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The same in integers: sums times a multiplier are the next layer's activations.
pub struct IntegerLayer {
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Vec<i8>,
    pub bias: Vec<i32>,
    pub multiplier: f32,
}

pub enum Net {
    Perceptron {
        layers: Vec<Layer>,
        activation: &'static str,
    },
    /// Gates z, r, h of the observation and of the state, then the head.
    Gru {
        of_input: Layer,
        of_state: Layer,
        head: Layer,
    },
    Quantised {
        layers: Vec<IntegerLayer>,
        input_scale: f32,
        output_scale: f32,
    },
}

/// P1 to P5.
pub fn all() -> Vec<Workload> {
    vec![
        perceptron("p1", "17-256-256-6 ReLU", &[17, 256, 256, 6], "Relu"),
        perceptron(
            "p2",
            "48-512-256-128-12 ELU",
            &[48, 512, 256, 128, 12],
            "Elu",
        ),
        perceptron("p3", "4-64-64-1 tanh", &[4, 64, 64, 1], "Tanh"),
        gru("p4", "GRU 24-64-8", 24, 64, 8),
        quantised("p5", "P1 in int8", &[17, 256, 256, 6]),
    ]
}

/// Numbers uniform between -1 and 1.
pub struct Stream(ChaCha8Rng);

impl Stream {
    pub fn new(name: &str) -> Self {
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        let unit = |bits: u32| (bits >> 8) as f32 / (1 << 23) as f32 - 1.0;
        (0..count).map(|_| unit(self.0.next_u32())).collect()
    }

    /// As torch initialises a linear layer.
    fn layer(&mut self, inputs: usize, outputs: usize) -> Layer {
        let bound = 1.0 / (inputs as f32).sqrt();
        let mut scaled = |count| self.numbers(count).iter().map(|x| x * bound).collect();
        Layer {
            inputs,
            outputs,
            weight: scaled(inputs * outputs),
            bias: scaled(outputs),
        }
    }
}

fn perceptron(
    name: &'static str,
    title: &'static str,
    widths: &[usize],
    activation: &'static str,
) -> Workload {
    let layers = layers(name, widths);
    let mut graph = Builder::new(name, widths);
    let mut here = "obs".to_owned();
    for (index, layer) in layers.iter().enumerate() {
        let last = index + 1 == layers.len();
        let sums = if last {
            "action".to_owned()
        } else {
            format!("z{index}")
        };
        graph.gemm(&here, layer, &format!("{index}"), &sums);
        if !last {
            graph.node(activation, &[&sums], &[&format!("a{index}")], &[]);
            here = format!("a{index}");
        }
    }
    Workload {
        name,
        title,
        multiplications: layers.iter().map(|layer| layer.weight.len()).sum(),
        observation_dim: widths[0],
        action_dim: *widths.last().unwrap(),
        state_dim: 0,
        model: graph.model(),
        net: Net::Perceptron { layers, activation },
    }
}

fn layers(name: &str, widths: &[usize]) -> Vec<Layer> {
    let mut stream = Stream::new(name);
    widths
        .windows(2)
        .map(|pair| stream.layer(pair[0], pair[1]))
        .collect()
}

fn gru(
    name: &'static str,
    title: &'static str,
    inputs: usize,
    hidden: usize,
    outputs: usize,
) -> Workload {
    let mut stream = Stream::new(name);
    let of_input = stream.layer(inputs, 3 * hidden);
    let of_state = stream.layer(hidden, 3 * hidden);
    let head = stream.layer(hidden, outputs);
    let mut graph = Builder::new(name, &[inputs, outputs]);
    graph.graph.inputs = vec![port("obs", &[1, 1, inputs]), port("h", &[1, 1, hidden])];
    graph.graph.outputs.push(port("h_next", &[1, 1, hidden]));
    graph.constant("w", &[1, 3 * hidden, inputs], of_input.weight.clone());
    graph.constant("r", &[1, 3 * hidden, hidden], of_state.weight.clone());
    let biases = [&of_input.bias[..], &of_state.bias[..]].concat();
    graph.constant("b", &[1, 6 * hidden], biases);
    graph.node(
        "GRU",
        &["obs", "w", "r", "b", "", "h"],
        &["", "h_next"],
        &[
            ("hidden_size", Attribute::Int(hidden as i64)),
            ("linear_before_reset", Attribute::Int(1)),
        ],
    );
    let flat = Value {
        shape: vec![2],
        data: Data::I64(vec![1, hidden as i64]),
    };
    graph.graph.constants.insert("flat".to_owned(), flat);
    graph.node("Reshape", &["h_next", "flat"], &["hf"], &[]);
    graph.gemm("hf", &head, "head", "action");
    Workload {
        name,
        title,
        multiplications: of_input.weight.len() + of_state.weight.len() + head.weight.len(),
        observation_dim: inputs,
        action_dim: outputs,
        state_dim: hidden,
        model: graph.model(),
        net: Net::Gru {
            of_input,
            of_state,
            head,
        },
    }
}

/// Symmetric, one scale per tensor, zero points 0; scales from what a few random observations give.
fn quantised(name: &'static str, title: &'static str, widths: &[usize]) -> Workload {
    let float = layers("p1", widths);
    let scales = activation_scales(&float, widths[0]);
    let mut graph = Builder::new(name, widths);
    graph.integers("zero", &[], Dtype::I8, vec![0]);
    graph.integers("zero32", &[], Dtype::I32, vec![0]);
    for (index, scale) in scales.iter().enumerate() {
        graph.constant(&format!("s{index}"), &[], vec![*scale]);
    }
    graph.node("QuantizeLinear", &["obs", "s0", "zero"], &["q0"], &[]);
    graph.node("DequantizeLinear", &["q0", "s0", "zero"], &["d0"], &[]);
    let mut layers = Vec::new();
    for (index, layer) in float.iter().enumerate() {
        let next = index + 1;
        let last = next == float.len();
        let (quantised, scale) = integers_of(layer, scales[index], scales[next]);
        let at = |what: &str| format!("{what}{index}");
        let (shape, data) = ([layer.outputs, layer.inputs], &quantised.weight);
        let data = data.iter().map(|w| i64::from(*w)).collect();
        graph.integers(&at("wq"), &shape, Dtype::I8, data);
        let data = quantised.bias.iter().map(|b| i64::from(*b)).collect();
        graph.integers(&at("bq"), &[layer.outputs], Dtype::I32, data);
        graph.constant(&at("sw"), &[], vec![scale]);
        graph.constant(&at("sb"), &[], vec![scale * scales[index]]);
        graph.node(
            "DequantizeLinear",
            &[&at("wq"), &at("sw"), "zero"],
            &[&at("w")],
            &[],
        );
        graph.node(
            "DequantizeLinear",
            &[&at("bq"), &at("sb"), "zero32"],
            &[&at("b")],
            &[],
        );
        let transposed = [("transB", Attribute::Int(1))];
        graph.node(
            "Gemm",
            &[&at("d"), &at("w"), &at("b")],
            &[&at("z")],
            &transposed,
        );
        let mut sums = at("z");
        if !last {
            graph.node("Relu", &[&sums], &[&at("a")], &[]);
            sums = at("a");
        }
        let (s, q) = (format!("s{next}"), format!("q{next}"));
        let out = if last {
            "action".to_owned()
        } else {
            format!("d{next}")
        };
        graph.node("QuantizeLinear", &[&sums, &s, "zero"], &[&q], &[]);
        graph.node("DequantizeLinear", &[&q, &s, "zero"], &[&out], &[]);
        layers.push(quantised);
    }
    Workload {
        name,
        title,
        multiplications: float.iter().map(|layer| layer.weight.len()).sum(),
        observation_dim: widths[0],
        action_dim: *widths.last().unwrap(),
        state_dim: 0,
        model: graph.model(),
        net: Net::Quantised {
            layers,
            input_scale: scales[0],
            output_scale: *scales.last().unwrap(),
        },
    }
}

/// A 127th of the greatest magnitude at each layer's input, and at the output.
fn activation_scales(layers: &[Layer], inputs: usize) -> Vec<f32> {
    let mut greatest = vec![0.0_f32; layers.len() + 1];
    let mut stream = Stream::new("calibration");
    for _ in 0..64 {
        let mut here = stream.numbers(inputs);
        for (index, layer) in layers.iter().enumerate() {
            greatest[index] = here
                .iter()
                .fold(greatest[index], |most, x| most.max(x.abs()));
            let rows = layer.weight.chunks(layer.inputs).zip(&layer.bias);
            here = rows
                .map(|(row, bias)| row.iter().zip(&here).map(|(w, x)| w * x).sum::<f32>() + bias)
                .map(|sum| {
                    if index + 1 < layers.len() {
                        sum.max(0.0)
                    } else {
                        sum
                    }
                })
                .collect();
        }
        let last = layers.len();
        greatest[last] = here
            .iter()
            .fold(greatest[last], |most, x| most.max(x.abs()));
    }
    greatest.iter().map(|most| most / 127.0).collect()
}

/// A layer between activations of these scales, and the scale of its weights.
fn integers_of(layer: &Layer, scale_in: f32, scale_out: f32) -> (IntegerLayer, f32) {
    // Seven bits: ONNX Runtime adds two products in 16 bits where a processor has no VNNI, and would saturate with eight.
    let greatest = layer
        .weight
        .iter()
        .fold(0.0_f32, |most, w| most.max(w.abs()));
    let scale = greatest / 63.0;
    let integers = IntegerLayer {
        inputs: layer.inputs,
        outputs: layer.outputs,
        weight: layer
            .weight
            .iter()
            .map(|w| (w / scale).round() as i8)
            .collect(),
        bias: layer
            .bias
            .iter()
            .map(|b| (b / (scale * scale_in)).round() as i32)
            .collect(),
        multiplier: scale * scale_in / scale_out,
    };
    (integers, scale)
}

fn port(name: &str, shape: &[usize]) -> Port {
    Port {
        name: name.to_owned(),
        dtype: "float32",
        shape: Some(shape.iter().map(|len| Dim::Fixed(*len)).collect()),
    }
}

struct Builder {
    graph: Graph,
}

impl Builder {
    /// From `obs` to `action`, as wide as the first and the last of `widths`.
    fn new(name: &str, widths: &[usize]) -> Self {
        let [first, .., last] = widths else {
            panic!("a policy has an observation and an action");
        };
        Self {
            graph: Graph {
                name: name.to_owned(),
                opset: OPSET,
                inputs: vec![port("obs", &[1, *first])],
                outputs: vec![port("action", &[1, *last])],
                constants: BTreeMap::new(),
                nodes: Vec::new(),
            },
        }
    }

    fn constant(&mut self, name: &str, shape: &[usize], data: Vec<f32>) {
        let value = Value::f32(shape, data);
        self.graph.constants.insert(name.to_owned(), value);
    }

    fn integers(&mut self, name: &str, shape: &[usize], dtype: Dtype, data: Vec<i64>) {
        let value = Value {
            shape: shape.to_vec(),
            data: Data::Integers(dtype, data),
        };
        self.graph.constants.insert(name.to_owned(), value);
    }

    fn node(&mut self, op: &str, from: &[&str], to: &[&str], attributes: &[(&str, Attribute)]) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.graph.nodes.push(Node {
            name: format!("{op}_{}", self.graph.nodes.len()),
            op: op.to_owned(),
            domain: String::new(),
            inputs: owned(from),
            outputs: owned(to),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        });
    }

    fn gemm(&mut self, from: &str, layer: &Layer, suffix: &str, to: &str) {
        let (weight, bias) = (format!("w{suffix}"), format!("b{suffix}"));
        self.constant(
            &weight,
            &[layer.outputs, layer.inputs],
            layer.weight.clone(),
        );
        self.constant(&bias, &[layer.outputs], layer.bias.clone());
        let transposed = [("transB", Attribute::Int(1))];
        self.node("Gemm", &[from, &weight, &bias], &[to], &transposed);
    }

    fn model(self) -> Model {
        Model {
            ir_version: IR_VERSION,
            producer: "rlfd-bench".to_owned(),
            metadata: Vec::new(),
            graph: self.graph,
        }
    }
}

//! Random graphs with branches, views, joins and a state: whatever shares memory in the arena must answer as the reference does, which shares
//! nothing.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_export::evaluate::Evaluator;
use rlfd_export::graph::{Attribute, Data, Dim, Graph, Node, Port, Value};
use rlfd_export::onnx::{IR_VERSION, OPSET};
use rlfd_export::session::Session;
use rlfd_export::{LowerOptions, Model};

const GRAPHS: u64 = 400;
const STEPS: usize = 3;
/// Single against double precision on numbers around 1.
const TOLERANCE: f64 = 2e-5;

struct Random(ChaCha8Rng);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u64() as usize % n
    }

    fn number(&mut self) -> f32 {
        self.0.next_u32() as f32 / (1_u32 << 31) as f32 - 1.0
    }
}

/// A graph under construction; every value is `[rows, columns]`.
struct Builder {
    random: Random,
    graph: Graph,
    values: Vec<(String, [usize; 2])>,
}

fn port(name: &str, shape: [usize; 2]) -> Port {
    Port {
        name: name.to_string(),
        dtype: "float32",
        shape: Some(shape.map(Dim::Fixed).to_vec()),
    }
}

impl Builder {
    fn new(seed: u64) -> Self {
        let mut builder = Self {
            random: Random(ChaCha8Rng::seed_from_u64(seed)),
            graph: Graph {
                name: "random".to_string(),
                opset: OPSET,
                inputs: Vec::new(),
                outputs: Vec::new(),
                constants: BTreeMap::new(),
                nodes: Vec::new(),
            },
            values: Vec::new(),
        };
        for name in ["x", "y", "h_in"] {
            let shape = [1 + builder.random.below(3), 1 + builder.random.below(5)];
            builder.graph.inputs.push(port(name, shape));
            builder.values.push((name.to_string(), shape));
        }
        builder
    }

    fn constant(&mut self, value: Value) -> String {
        let name = format!("c{}", self.graph.constants.len());
        self.graph.constants.insert(name.clone(), value);
        name
    }

    fn numbers(&mut self, shape: &[usize]) -> String {
        let data = (0..shape.iter().product())
            .map(|_: usize| self.random.number())
            .collect();
        self.constant(Value::f32(shape, data))
    }

    fn integers(&mut self, data: &[usize]) -> String {
        let data: Vec<i64> = data.iter().map(|n| *n as i64).collect();
        self.constant(Value {
            shape: vec![data.len()],
            data: Data::I64(data),
        })
    }

    fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, i64)],
        shapes: &[[usize; 2]],
    ) -> Vec<String> {
        let first = self.values.len();
        let outputs: Vec<String> = (0..shapes.len())
            .map(|i| format!("v{}", first + i))
            .collect();
        let attributes = attributes.iter().map(|(name, value)| {
            let value = match *name {
                "perm" | "axes" => Attribute::Ints(if *name == "perm" {
                    vec![1, 0]
                } else {
                    vec![*value]
                }),
                _ => Attribute::Int(*value),
            };
            (name.to_string(), value)
        });
        self.graph.nodes.push(Node {
            name: String::new(),
            op: op.to_string(),
            domain: String::new(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: outputs.clone(),
            attributes: attributes.collect(),
        });
        self.values
            .extend(outputs.iter().cloned().zip(shapes.iter().copied()));
        outputs
    }

    fn any(&mut self) -> (String, [usize; 2]) {
        // Mostly recent values, so that graphs are deep.
        let n = self.values.len();
        let back = self.random.below(n.min(6)).min(self.random.below(n));
        self.values[n - 1 - back].clone()
    }

    fn grow(&mut self) {
        let (a, shape @ [rows, columns]) = self.any();
        match self.random.below(13) {
            0 => drop(self.node("Tanh", &[&a], &[], &[shape])),
            1 => drop(self.node("Sigmoid", &[&a], &[], &[shape])),
            2 | 3 => {
                let same = self
                    .values
                    .iter()
                    .filter(|(_, other)| *other == shape)
                    .cloned()
                    .collect::<Vec<_>>();
                let (b, _) = same[self.random.below(same.len())].clone();
                let op = ["Add", "Sub", "Mul", "Max"][self.random.below(4)];
                let sum = self.node(op, &[&a, &b], &[], &[shape]);
                self.node("Tanh", &[&sum[0]], &[], &[shape]);
            }
            4 => {
                let b = self.numbers(&[columns]);
                let op = ["Add", "Sub", "Mul"][self.random.below(3)];
                self.node(op, &[&b, &a], &[], &[shape]);
            }
            5 => {
                let width = 1 + self.random.below(6);
                let (w, b) = (self.numbers(&[columns, width]), self.numbers(&[width]));
                let y = self.node("Gemm", &[&a, &w, &b], &[], &[[rows, width]]);
                self.node("Tanh", &[&y[0]], &[], &[[rows, width]]);
            }
            6 => {
                let axis = self.random.below(2);
                let fits = |other: &[usize; 2]| other[1 - axis] == shape[1 - axis];
                let others: Vec<_> = self
                    .values
                    .iter()
                    .filter(|(_, other)| fits(other))
                    .cloned()
                    .collect();
                let (b, other) = others[self.random.below(others.len())].clone();
                if rows * columns + other[0] * other[1] < 60 {
                    let mut joined = shape;
                    joined[axis] += other[axis];
                    self.node("Concat", &[&a, &b], &[("axis", axis as i64)], &[joined]);
                }
            }
            7 => {
                let axis = self.random.below(2);
                if shape[axis] > 1 {
                    let first = 1 + self.random.below(shape[axis] - 1);
                    let lengths = self.integers(&[first, shape[axis] - first]);
                    let (mut left, mut right) = (shape, shape);
                    left[axis] = first;
                    right[axis] -= first;
                    self.node(
                        "Split",
                        &[&a, &lengths],
                        &[("axis", axis as i64)],
                        &[left, right],
                    );
                }
            }
            8 => drop(self.node("Transpose", &[&a], &[("perm", 0)], &[[columns, rows]])),
            9 => {
                let flat = self.integers(&[1, rows * columns]);
                self.node("Reshape", &[&a, &flat], &[], &[[1, rows * columns]]);
            }
            10 => {
                let axis = self.random.below(2) as i64;
                self.node("Softmax", &[&a], &[("axis", axis)], &[shape]);
            }
            11 => drop(self.node("ReduceMean", &[&a], &[("axes", 1)], &[[rows, 1]])),
            _ => {
                let (b, other) = self.any();
                if other[0] == columns {
                    let y = self.node("MatMul", &[&a, &b], &[], &[[rows, other[1]]]);
                    self.node("Tanh", &[&y[0]], &[], &[[rows, other[1]]]);
                }
            }
        }
    }

    /// Ends with a state as wide as it began and a few outputs, some of which other nodes go on to use.
    fn finish(mut self) -> Model {
        let (_, [rows, columns]) = self.values[2].clone();
        let (a, [_, width]) = self.any();
        let w = self.numbers(&[width, columns]);
        let ones = self.numbers(&[rows, 1]);
        // [rows, 1] x [1, width]: any value becomes as high as the state.
        let mean = self.node("ReduceMean", &[&a], &[("axes", 0)], &[[1, width]]);
        let high = self.node("MatMul", &[&ones, &mean[0]], &[], &[[rows, width]]);
        let next = self.node("MatMul", &[&high[0], &w], &[], &[[rows, columns]]);
        let op = ["Sub", "Mul", "Add"][self.random.below(3)];
        let blend = self.node(op, &["h_in", &next[0]], &[], &[[rows, columns]]);
        self.node("Tanh", &[&blend[0]], &[], &[[rows, columns]]);
        if let Some(node) = self.graph.nodes.last_mut() {
            node.outputs = vec!["h_out".to_string()];
        }
        self.graph.outputs.push(port("h_out", [rows, columns]));
        self.values.pop();
        let mut names = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let (name, shape) = self.any();
            if !names.contains(&name) && name.starts_with('v') {
                self.graph.outputs.push(port(&name, shape));
                names.push(name);
            }
        }
        Model {
            ir_version: IR_VERSION,
            producer: "test".to_string(),
            metadata: Vec::new(),
            graph: self.graph,
        }
    }
}

#[test]
fn whatever_shares_memory_answers_as_what_shares_nothing() {
    let (mut n_ops, mut n_states) = (0, 0);
    for seed in 0..GRAPHS {
        let mut builder = Builder::new(seed);
        for _ in 0..4 + seed % 20 {
            builder.grow();
        }
        let model = builder.finish();
        if model.graph.outputs.len() == 1 {
            continue;
        }
        let options = LowerOptions {
            outputs: model
                .graph
                .outputs
                .iter()
                .map(|port| port.name.clone())
                .collect(),
            ..LowerOptions::default()
        };
        let mut reference = Evaluator::new(&model.graph, &options).unwrap();
        // A policy without observation is none.
        if reference.observation_dim() == 0 {
            continue;
        }
        let mut session = Session::of_model(&model, &options)
            .unwrap_or_else(|error| panic!("graph {seed}: {error}"));
        n_ops += model.graph.nodes.len();
        n_states += usize::from(!session.inputs().iter().any(|slot| slot.name == "h_in"));
        let mut random = Random(ChaCha8Rng::seed_from_u64(1000 + seed));
        for step in 0..STEPS {
            let mut feeds = BTreeMap::new();
            let mut observation = Vec::new();
            for slot in session.inputs() {
                let data: Vec<f64> = (0..slot.shape.iter().product())
                    .map(|_: usize| f64::from(random.number()))
                    .collect();
                observation.extend_from_slice(&data);
                feeds.insert(
                    slot.name.clone(),
                    rlfd_export::array::Array::new(slot.shape, data, slot.dtype).unwrap(),
                );
            }
            let answers = session.run(&feeds).unwrap();
            let expected = reference.evaluate(&observation).unwrap();
            let found: Vec<f64> = answers
                .into_iter()
                .flat_map(|(_, array)| array.data)
                .collect();
            assert_eq!(found.len(), expected.len(), "graph {seed}");
            for (i, (y, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    (y - expected).abs() <= TOLERANCE * (1.0 + expected.abs()),
                    "graph {seed}, step {step}, number {i}: {y} {expected}"
                );
            }
        }
    }
    assert!(n_ops > 3000 && n_states > 200, "{n_ops} {n_states}");
}

//! A case: a small model, its inputs and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rlfd_export::array::Array;
use rlfd_export::graph::{Dim, Node, Port, Value};
use rlfd_export::onnx::{OPSETS, read_tensor_file};
use rlfd_export::session::{Session, SessionBackend};
use rlfd_export::{ImageOptions, LowerOptions, Model, make_image, ops};
use rlfd_runtime::image::Op;

/// Greatest accepted `|y - expected| - RELATIVE * |expected|`. ONNX's own runner accepts 1e-7 and 1e-3.
const ABSOLUTE: f64 = 1e-6;
const RELATIVE: f64 = 2e-5;

pub struct Case {
    model: Model,
    path: PathBuf,
    inputs: Vec<(String, Value)>,
    outputs: Vec<Value>,
}

pub enum Outcome {
    /// With this many operands that were computed when the image was made.
    Passed(usize),
    Wrong(String),
    Refused(String),
}

impl Case {
    /// `None` where the files hold something that is no tensor, or no data.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join("model.onnx");
        let mut model = Model::read(&path).ok()?;
        // Sets beside those we read: newer ones add element types to the operators we have, older ones (And, Or, Xor) say the same.
        model.graph.opset = model.graph.opset.clamp(*OPSETS.start(), *OPSETS.end());
        let data = folder.join("test_data_set_0");
        let tensor = |kind: &str, i: usize| {
            let bytes = std::fs::read(data.join(format!("{kind}_{i}.pb"))).ok()?;
            read_tensor_file(&bytes).ok().map(|(_, value)| value)
        };
        let inputs = model.graph.inputs.iter().enumerate();
        let inputs = inputs.map(|(i, port)| Some((port.name.clone(), tensor("input", i)?)));
        let outputs = (0..model.graph.outputs.len()).map(|i| tensor("output", i));
        Some(Self {
            path,
            inputs: inputs.collect::<Option<_>>()?,
            outputs: outputs.collect::<Option<_>>()?,
            model,
        })
    }

    /// The operator the case is about; or why it is not ours to run.
    pub fn scope(&self) -> Result<String, &'static str> {
        let graph = &self.model.graph;
        let values = self
            .inputs
            .iter()
            .map(|(_, value)| value)
            .chain(&self.outputs);
        let types: BTreeSet<&str> = values.map(Value::dtype).collect();
        let ours = [
            "float32", "int64", "int32", "int8", "uint8", "int16", "uint16", "bool",
        ];
        let unknown = graph
            .nodes
            .iter()
            .any(|node| !node.domain.is_empty() || !ops::TABLE.iter().any(|op| op.name == node.op));
        if unknown {
            return Err("other operators");
        }
        if self
            .model
            .graph
            .nodes
            .iter()
            .any(|node| ops::is_random(&node.op))
        {
            return Err("sampling");
        }
        if !types.iter().all(|dtype| ours.contains(dtype)) {
            return Err("other element types");
        }
        if self.model.check_opset().is_err() {
            return Err("other operator sets");
        }
        let is_expanded = graph.nodes.len() > 1;
        let last = graph.nodes.last().map_or("", |node| node.op.as_str());
        Ok(if is_expanded {
            "several, composed".to_string()
        } else {
            last.to_string()
        })
    }

    /// Runs the case as an image: first with every input an observation, then with all but the first constant, at last with all of them
    /// constant. Weights and axes are constants in a policy.
    pub fn on_engine(&self) -> (Outcome, Vec<Op>) {
        let n_inputs = self.inputs.len();
        let mut attempts = vec![0];
        if n_inputs > 1 {
            attempts.push(n_inputs - 1);
        }
        attempts.push(n_inputs);
        let mut reason = String::new();
        for n_constant in attempts {
            let model = self.with_constants(n_constant);
            let options = ImageOptions {
                period_us: Some(1),
                lower: LowerOptions {
                    outputs: model
                        .graph
                        .outputs
                        .iter()
                        .map(|port| port.name.clone())
                        .collect(),
                    state_by_caller: true,
                    ..LowerOptions::default()
                },
                ..ImageOptions::default()
            };
            match make_image(&model, &options) {
                Err(error) if reason.is_empty() || n_constant < n_inputs => reason = chain(&error),
                Err(_) => {}
                Ok(made) => {
                    let mut session = Session::on_engine(&made.bytes).unwrap();
                    let answers = session.run(&self.feeds()).unwrap();
                    let outcome = match self.check(&answers) {
                        Ok(()) => Outcome::Passed(n_constant),
                        Err(problem) => Outcome::Wrong(problem),
                    };
                    return (outcome, made.lowered.ops);
                }
            }
        }
        (Outcome::Refused(reason), Vec::new())
    }

    /// Whether another engine answers as expected.
    pub fn on(&self, backend: SessionBackend) -> bool {
        let options = LowerOptions {
            state_by_caller: true,
            ..LowerOptions::default()
        };
        let session = Session::open(&self.path, backend, &options);
        let answers = session.and_then(|mut session| session.run(&self.feeds()));
        answers.is_ok_and(|answers| self.check(&answers).is_ok())
    }

    fn feeds(&self) -> BTreeMap<String, Array> {
        let array = |(name, value): &(String, Value)| (name.clone(), Array::of(value).unwrap());
        let mut feeds: BTreeMap<String, Array> = self.inputs.iter().map(array).collect();
        feeds.insert(
            IDLE.to_string(),
            Array::new(vec![1], vec![0.0], rlfd_export::dtype::Dtype::F32).unwrap(),
        );
        feeds
    }

    /// The model with its last `n_constant` inputs as constants; where that is all of them, with an input that goes straight to an output,
    /// because a policy has one.
    fn with_constants(&self, n_constant: usize) -> Model {
        let mut model = self.model.clone();
        let n_inputs = self.inputs.len();
        for (name, value) in &self.inputs[n_inputs - n_constant..] {
            model.graph.inputs.retain(|port| port.name != *name);
            model.graph.constants.insert(name.clone(), value.clone());
        }
        if n_constant == n_inputs {
            let port = |name: &str| Port {
                name: name.to_string(),
                dtype: "float32",
                shape: Some(vec![Dim::Fixed(1)]),
            };
            model.graph.inputs.push(port(IDLE));
            model.graph.outputs.push(port(IDLE_OUT));
            model.graph.nodes.push(Node {
                name: String::new(),
                op: "Identity".to_string(),
                domain: String::new(),
                inputs: vec![IDLE.to_string()],
                outputs: vec![IDLE_OUT.to_string()],
                attributes: BTreeMap::new(),
            });
        }
        model
    }

    fn check(&self, answers: &[(String, Array)]) -> Result<(), String> {
        if answers.len() < self.outputs.len() {
            return Err(format!(
                "{} outputs, {} are expected",
                answers.len(),
                self.outputs.len()
            ));
        }
        for ((name, answer), expected) in answers.iter().zip(&self.outputs) {
            let expected = Array::of(expected)?;
            let (a, b) = (significant(&answer.shape), significant(&expected.shape));
            if a != b {
                return Err(format!("{name}: shape {a:?}, {b:?} is expected"));
            }
            for (i, (y, expected)) in answer.data.iter().zip(&expected.data).enumerate() {
                let same = y == expected || (y.is_nan() && expected.is_nan());
                let near = (y - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs();
                if !same && !near {
                    return Err(format!("{name}[{i}] = {y}, {expected} is expected"));
                }
            }
        }
        Ok(())
    }
}

const IDLE: &str = "conformance.idle";
const IDLE_OUT: &str = "conformance.idle_out";

fn significant(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|n| *n != 1).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

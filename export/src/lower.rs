//! From a graph to the operations of an image: constants computed, patterns recognised, steps fused, the arena planned. What an image
//! cannot hold is refused by name.

mod along_axis;
mod builder;
mod codes;
mod emit;
mod fuse;
mod lowered;
mod plan;
mod precision;
mod quantized;
mod ranges;
mod step;
mod tensor;

use std::collections::BTreeMap;

use rlfd_runtime::image::Place as ImagePlace;

pub use builder::{Bias, Builder, ConvShape};
pub use codes::{map, reduce, zip};
pub use lowered::{Lowered, NamedPort, StatePair};
pub use precision::Precision;
pub use ranges::Ranges;
pub use tensor::{Quantized, Tensor};

use crate::dtype::Dtype;
use crate::error::ExportError;
use crate::graph::{Graph, Node};
use crate::ops::{self, Call, Site};
use crate::passes::{self, Folded, Selection};
use crate::work::Work;
use emit::{Emitter, small};
use fuse::Fuser;
use plan::{Fixed, Plan};
use precision::Rewriter;
use step::Run;
use tensor::Place;

/// What a graph leaves open.
#[derive(Clone, Debug, Default)]
pub struct LowerOptions {
    /// Outputs that make up the action; empty for all that depend on an input and are no recurrent state.
    pub outputs: Vec<String>,
    /// Recurrent state stays what it is in the graph, inputs and outputs, instead of being carried by the policy.
    pub state_by_caller: bool,
    /// Dense layers with fewer bits, and what was seen of their inputs.
    pub precision: Option<(Precision, Ranges)>,
    /// Sampling nodes give their mean instead of being refused.
    pub sampling_mean: bool,
}

/// Lowers the part of `graph` that the options ask for, for one observation at a time.
///
/// # Errors
/// Names the node, tensor or output that is wrong or not supported, and what is.
pub fn lower(graph: &Graph, options: &LowerOptions) -> Result<Lowered, ExportError> {
    let selection = passes::select(graph, options)?;
    let folded = passes::fold_constants(&selection.graph)?;
    let folded = passes::recognise(folded, &selection);
    let selection = selection.without_constants(&folded, options)?;
    Lowering::new(&folded, &selection)?.finish(options.precision.as_ref())
}

/// A graph on its way.
struct Lowering<'a> {
    folded: &'a Folded,
    selection: &'a Selection,
    build: Builder,
    tensors: BTreeMap<String, Tensor>,
    inputs: Vec<(String, Tensor)>,
    state: Vec<(String, Tensor)>,
    work: Work,
}

impl<'a> Lowering<'a> {
    fn new(folded: &'a Folded, selection: &'a Selection) -> Result<Self, ExportError> {
        let mut build = Builder::default();
        let mut tensors = BTreeMap::new();
        let (mut inputs, mut state) = (Vec::new(), Vec::new());
        for (name, array) in &folded.constants {
            let quantized = folded.quantized.get(name).cloned();
            tensors.insert(name.clone(), Tensor::quantized(array.clone(), quantized));
        }
        for port in &folded.graph.inputs {
            let (dtype, shape) = &folded.facts[&port.name];
            let tensor = build.fresh(shape, *dtype);
            tensors.insert(port.name.clone(), tensor.clone());
            match selection.state.iter().any(|(input, _)| *input == port.name) {
                true => state.push((port.name.clone(), tensor)),
                false => inputs.push((port.name.clone(), tensor)),
            }
        }
        let mut lowering = Self {
            folded,
            selection,
            build,
            tensors,
            inputs,
            state,
            work: Work::default(),
        };
        for node in &folded.graph.nodes {
            lowering.node(node)?;
        }
        Ok(lowering)
    }

    fn node(&mut self, node: &Node) -> Result<(), ExportError> {
        let op = ops::definition(node)?;
        let mut operands = Vec::new();
        let mut zeros = Vec::new();
        for name in &node.inputs {
            let tensor = self.tensors.get(name).cloned();
            // Of an operand that is computed only type and shape are known.
            zeros.push(match &tensor {
                Some(tensor) if tensor.constant().is_none() => Some(
                    crate::array::Array::zeros(&tensor.shape, tensor.dtype)
                        .map_err(|problem| node.wrong(problem))?,
                ),
                Some(tensor) => tensor.constant().cloned(),
                None => None,
            });
            operands.push(tensor);
        }
        for index in op.fixed {
            let tensor = operands.get(*index).and_then(Option::as_ref);
            if tensor.is_some_and(|tensor| tensor.constant().is_none()) {
                return Err(node.wrong(format!(
                    "operand {index} depends on the observation, a constant is expected"
                )));
            }
        }
        let results: Vec<(Dtype, Vec<usize>)> = node
            .outputs
            .iter()
            .map(|name| {
                self.folded
                    .facts
                    .get(name)
                    .cloned()
                    .unwrap_or((Dtype::F32, Vec::new()))
            })
            .collect();
        let mut site = Site {
            call: Call {
                node,
                opset: self.folded.graph.opset,
                operands: zeros.iter().map(Option::as_ref).collect(),
                work: &self.work,
            },
            operands,
            results: results.clone(),
            build: &mut self.build,
        };
        let tensors = (op.lower)(&mut site).map_err(|problem| node.wrong(problem))?;
        if let Some(problem) = self.build.problem.take() {
            return Err(node.wrong(problem));
        }
        for ((name, tensor), (dtype, shape)) in node.outputs.iter().zip(tensors).zip(results) {
            if !name.is_empty() {
                self.tensors
                    .insert(name.clone(), tensor.with_shape(&shape).typed(dtype));
            }
        }
        Ok(())
    }

    /// The tensor of a name as a run or constant that is no part of the state before this step, except `allowed`.
    fn settled(&mut self, name: &str, allowed: Option<usize>) -> Tensor {
        let tensor = match self.tensors.get(name) {
            Some(tensor) => self.build.real(&tensor.clone()),
            None => self.build.fresh(&[1], Dtype::F32),
        };
        let state = |buffer: usize| {
            self.state
                .iter()
                .any(|(_, state)| buffer_of(state) == Some(buffer))
        };
        match buffer_of(&tensor) {
            Some(buffer) if state(buffer) && allowed != Some(buffer) => self.build.copied(&tensor),
            _ => tensor,
        }
    }

    fn finish(mut self, precision: Option<&(Precision, Ranges)>) -> Result<Lowered, ExportError> {
        let mut outputs = Vec::new();
        for name in &self.selection.outputs {
            outputs.push((name.clone(), self.settled(name, None)));
        }
        let mut next = Vec::new();
        let state = self.state.clone();
        let mut pairs = Vec::new();
        for (input, slot) in &state {
            let output = self.selection.state.iter().find(|(name, _)| name == input);
            let output = output.map(|(_, output)| output.clone()).unwrap_or_default();
            let mut tensor = self.settled(&output, buffer_of(slot));
            if tensor.len() != slot.len() {
                return Err(ExportError::Model(format!(
                    "its state `{input}` has {} numbers, `{output}` {}",
                    slot.len(),
                    tensor.len()
                )));
            }
            if tensor.constant().is_some() {
                tensor = self.build.copied(&tensor);
            }
            pairs.push(StatePair {
                input: input.clone(),
                output,
                len: slot.len(),
            });
            next.push(tensor);
        }
        let runs = |tensors: &[Tensor]| -> Vec<Run> { tensors.iter().filter_map(run_of).collect() };
        let next = runs(&next);
        let kept = runs(
            &outputs
                .iter()
                .map(|(_, tensor)| tensor.clone())
                .collect::<Vec<_>>(),
        );
        let buffers_of = |named: &[(String, Tensor)]| -> Vec<usize> {
            named.iter().filter_map(|(_, t)| buffer_of(t)).collect()
        };
        let (input_buffers, state_buffers) = (buffers_of(&self.inputs), buffers_of(&state));
        let Builder {
            mut steps,
            mut constants,
            mut buffers,
            ..
        } = self.build;
        let all_kept = [kept.clone(), next.clone()].concat();
        Fuser {
            steps: &mut steps,
            constants: &mut constants,
            buffers: &mut buffers,
            kept: &all_kept,
        }
        .run();
        if let Some((precision, ranges)) = precision {
            Rewriter {
                steps: &mut steps,
                constants: &mut constants,
                buffers: &mut buffers,
                kept: &all_kept,
            }
            .run(*precision, ranges);
        }
        let fixed = Fixed {
            inputs: &input_buffers,
            state: &state_buffers,
            next: &next,
            outputs: &kept,
        };
        let plan = Plan::new(&mut steps, &buffers, &fixed);
        let mut emitter = Emitter::new(&plan, &constants);
        let mut ops = Vec::new();
        for step in &steps {
            ops.push(emitter.op(step)?);
        }
        let port = |emitter: &mut Emitter<'_>,
                    name: &str,
                    tensor: &Tensor|
         -> Result<NamedPort, ExportError> {
            let place = match (tensor.constant(), run_of(tensor)) {
                (Some(array), _) => emitter.constants.f32(&array.to_f32())?,
                (None, Some(run)) => ImagePlace::Arena(small(plan.address(&run))?),
                (None, None) => ImagePlace::None,
            };
            let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
            Ok(NamedPort {
                name: name.to_string(),
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
                place,
                shape_text: shape.join("x"),
            })
        };
        let mut input_ports = Vec::new();
        for (name, tensor) in &self.inputs {
            input_ports.push(port(&mut emitter, name, tensor)?);
        }
        let mut output_ports = Vec::new();
        for (name, tensor) in &outputs {
            output_ports.push(port(&mut emitter, name, tensor)?);
        }
        Ok(Lowered {
            ops,
            constants: emitter.constants,
            inputs: input_ports,
            outputs: output_ports,
            state: pairs,
            arena_len: plan.arena_len,
        })
    }
}

fn buffer_of(tensor: &Tensor) -> Option<usize> {
    match tensor.place {
        Place::Buffer(buffer, _) => Some(buffer),
        _ => None,
    }
}

fn run_of(tensor: &Tensor) -> Option<Run> {
    match tensor.place {
        Place::Buffer(buffer, start) => Some(Run {
            buffer,
            start,
            len: tensor.len(),
        }),
        _ => None,
    }
}

//! [`Evaluator`]: the reference. Runs a graph node by node in `f64`; slow, plain, and the judge of every engine.

use std::collections::BTreeMap;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;
use crate::graph::Graph;
use crate::lower::LowerOptions;
use crate::ops::{self, Call, OpDef};
use crate::passes::{Selection, select};
use crate::work::Work;

/// The part of a graph that makes up a policy, ready to run. A recurrent state is carried, as an image carries it.
#[derive(Debug)]
pub struct Evaluator {
    selection: Selection,
    ops: Vec<&'static OpDef>,
    constants: BTreeMap<String, Array>,
    inputs: Vec<(String, Dtype, Vec<usize>)>,
    state: BTreeMap<String, Array>,
}

impl Evaluator {
    /// Prepares the part of `graph` that the options ask for, see [`select`].
    ///
    /// # Errors
    /// Names the node, tensor or output that is wrong or not supported.
    pub fn new(graph: &Graph, options: &LowerOptions) -> Result<Self, ExportError> {
        let selection = select(graph, options)?;
        let graph = &selection.graph;
        let ops = graph.nodes.iter().map(ops::definition);
        let ops = ops.collect::<Result<Vec<_>, _>>()?;
        let mut constants = BTreeMap::new();
        for (name, value) in &graph.constants {
            let array = Array::of(value).map_err(|problem| tensor_error(name, problem))?;
            constants.insert(name.clone(), array);
        }
        let symbols = graph.batch_symbols();
        let (mut inputs, mut state) = (Vec::new(), BTreeMap::new());
        for port in &graph.inputs {
            let (dtype, shape) = port.resolved(&symbols)?;
            if selection.state.iter().any(|(input, _)| *input == port.name) {
                let zeros = Array::zeros(&shape, dtype)
                    .map_err(|problem| tensor_error(&port.name, problem))?;
                state.insert(port.name.clone(), zeros);
            } else {
                inputs.push((port.name.clone(), dtype, shape));
            }
        }
        Ok(Self {
            ops,
            constants,
            inputs,
            state,
            selection,
        })
    }

    /// Numbers in one observation.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        self.inputs
            .iter()
            .map(|(_, _, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// Forgets the recurrent state.
    pub fn reset(&mut self) {
        for state in self.state.values_mut() {
            state.data.fill(0.0);
        }
    }

    /// The action for one observation: the outputs that are kept, one behind the other, for the inputs one behind the other.
    ///
    /// # Errors
    /// Names the node whose operands do not fit.
    pub fn evaluate(&mut self, observation: &[f64]) -> Result<Vec<f64>, ExportError> {
        let mut feeds = BTreeMap::new();
        let mut rest = observation;
        for (name, dtype, shape) in &self.inputs {
            let Some((numbers, following)) = rest.split_at_checked(shape.iter().product()) else {
                return Err(tensor_error(
                    name,
                    "the observation is too short".to_string(),
                ));
            };
            let array = Array::new(shape.clone(), numbers.to_vec(), *dtype);
            feeds.insert(
                name.clone(),
                array.map_err(|problem| tensor_error(name, problem))?,
            );
            rest = following;
        }
        let mut values = self.values(feeds)?;
        for (input, output) in &self.selection.state {
            if let Some(next) = values.get(output) {
                self.state.insert(input.clone(), next.clone());
            }
        }
        let mut action = Vec::new();
        for name in &self.selection.outputs {
            let array = values
                .remove(name)
                .or_else(|| self.constants.get(name).cloned());
            action.extend(array.map_or_else(Vec::new, |array| array.data));
        }
        Ok(action)
    }

    /// Inputs and every node's results, by name.
    ///
    /// # Errors
    /// Names the node whose operands do not fit.
    pub fn values(
        &self,
        feeds: BTreeMap<String, Array>,
    ) -> Result<BTreeMap<String, Array>, ExportError> {
        let work = Work::default();
        let mut values = feeds;
        values.extend(
            self.state
                .iter()
                .map(|(name, array)| (name.clone(), array.clone())),
        );
        for (node, op) in self.selection.graph.nodes.iter().zip(&self.ops) {
            let find = |name: &String| values.get(name).or_else(|| self.constants.get(name));
            let call = Call {
                node,
                opset: self.selection.graph.opset,
                operands: node.inputs.iter().map(find).collect(),
                work: &work,
            };
            let mean = ops::mean_of(node, &call).map_err(|problem| node.wrong(problem))?;
            let results = match mean {
                Some(mean) => vec![mean],
                None => (op.evaluate)(&call).map_err(|problem| node.wrong(problem))?,
            };
            for (name, result) in node.outputs.iter().zip(results) {
                values.insert(name.clone(), result);
            }
        }
        Ok(values)
    }
}

fn tensor_error(name: &str, problem: String) -> ExportError {
    ExportError::Tensor {
        name: name.to_string(),
        problem,
    }
}

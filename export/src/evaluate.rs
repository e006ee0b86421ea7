//! [`Evaluator`]: the reference. Runs a graph node by node in `f64`; slow, plain, and the judge of every engine.

use std::collections::BTreeMap;

use crate::array::Array;
use crate::error::ExportError;
use crate::graph::Graph;
use crate::ops::{self, OpDef};
use crate::passes::prune;

/// A graph with one input and one output, ready to run.
#[derive(Debug)]
pub struct Evaluator {
    graph: Graph,
    ops: Vec<&'static OpDef>,
    constants: BTreeMap<String, Array>,
    input_shape: Vec<usize>,
}

impl Evaluator {
    /// Prepares the part of `graph` that computes `output`, see [`prune()`].
    ///
    /// # Errors
    /// Names the node, tensor or output that is wrong or not supported.
    pub fn new(graph: &Graph, output: Option<&str>) -> Result<Self, ExportError> {
        graph.check_order()?;
        let graph = prune(graph, output)?;
        let ops = graph.nodes.iter().map(ops::definition);
        let ops = ops.collect::<Result<Vec<_>, _>>()?;
        let mut constants = BTreeMap::new();
        for (name, value) in &graph.constants {
            let array = Array::of(value).map_err(|problem| ExportError::Tensor {
                name: name.clone(),
                problem,
            })?;
            constants.insert(name.clone(), array);
        }
        Ok(Self {
            input_shape: graph.inputs[0].shape_of_one()?,
            graph,
            ops,
            constants,
        })
    }

    /// The part of the graph it runs.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Shape of one observation.
    #[must_use]
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// The action for one observation.
    ///
    /// # Errors
    /// Names the node whose operands do not fit.
    pub fn evaluate(&self, observation: &[f64]) -> Result<Vec<f64>, ExportError> {
        let output = &self.graph.outputs[0].name;
        let mut values = self.values(observation)?;
        Ok(values.remove(output).map_or_else(Vec::new, |v| v.data))
    }

    /// Input and every node's result, by name, for one observation.
    ///
    /// # Errors
    /// Names the node whose operands do not fit.
    pub fn values(&self, observation: &[f64]) -> Result<BTreeMap<String, Array>, ExportError> {
        let input = &self.graph.inputs[0].name;
        let array = Array {
            shape: vec![observation.len()],
            data: observation.to_vec(),
        };
        let array = array.reshaped(self.input_shape.clone());
        let array = array.map_err(|problem| ExportError::Tensor {
            name: input.clone(),
            problem,
        })?;
        let mut values = BTreeMap::from([(input.clone(), array)]);
        for (node, op) in self.graph.nodes.iter().zip(&self.ops) {
            let find = |name: &String| values.get(name).or_else(|| self.constants.get(name));
            let operands: Vec<Option<&Array>> = node.inputs.iter().map(find).collect();
            let result = (op.evaluate)(node, &operands).map_err(|problem| node.wrong(problem))?;
            values.insert(node.outputs[0].clone(), result);
        }
        Ok(values)
    }
}

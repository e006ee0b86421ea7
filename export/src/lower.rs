//! From a graph to a chain of [`Stage`]s: what an image can hold. Anything that is no chain is refused by name.

use crate::array::{Array, is_vector};
use crate::error::ExportError;
use crate::evaluate::Evaluator;
use crate::graph::{Graph, Node};
use crate::ops::{self, Operand, Site};
use crate::passes::{fold_constants, simplify};
use crate::stage::Stage;

/// A function from vector to vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Name of the graph's input.
    pub input: String,
    /// Numbers in one observation.
    pub input_dim: usize,
    /// Name of the graph's output.
    pub output: String,
    /// Numbers in one action.
    pub output_dim: usize,
    /// First stage first.
    pub stages: Vec<Stage>,
}

/// Lowers the part of `graph` that computes `output` (see [`crate::passes::prune`]) for one observation at a time.
///
/// # Errors
/// Names the node, tensor or output that is wrong or not supported, and what is.
pub fn lower(graph: &Graph, output: Option<&str>) -> Result<Chain, ExportError> {
    let evaluator = Evaluator::new(graph, output)?;
    let graph = fold_constants(evaluator.graph())?;
    let shape = evaluator.input_shape();
    let values = evaluator.values(&Array::zeros(shape).data)?;
    let (input, output) = (&graph.inputs[0].name, &graph.outputs[0].name);
    let mut stages = Vec::new();
    let mut flow = (input, shape);
    for node in &graph.nodes {
        let result = &node.outputs[0];
        let output_shape = values[result].shape.as_slice();
        let site = Site {
            node,
            operands: operands(node, &graph, flow.0)?,
            input_shape: flow.1,
            output_shape,
        };
        stages.extend(lower_node(&site)?);
        flow = (result, output_shape);
    }
    if flow.0 != output {
        return Err(ExportError::Model(format!(
            "its output `{output}` is not the end of a chain from its input `{input}`"
        )));
    }
    Ok(Chain {
        input: input.clone(),
        input_dim: shape.iter().product(),
        output: output.clone(),
        output_dim: flow.1.iter().product(),
        stages: simplify(stages),
    })
}

fn operands<'a>(
    node: &'a Node,
    graph: &'a Graph,
    flow: &str,
) -> Result<Vec<Operand<'a>>, ExportError> {
    let operand = |name: &'a String| match (name.as_str(), graph.constants.get(name)) {
        ("", _) => Ok(Operand::Absent),
        (_, Some(value)) => Ok(Operand::Constant(value)),
        (name, None) if name == flow => Ok(Operand::Flow),
        (name, None) => Err(node.wrong(format!(
            "its operand `{name}` branches off before `{flow}`; only a chain of layers is supported"
        ))),
    };
    node.inputs.iter().map(operand).collect()
}

fn lower_node(site: &Site<'_>) -> Result<Vec<Stage>, ExportError> {
    let node = site.node;
    if !is_vector(site.output_shape) || site.output_len() == 0 {
        return Err(node.wrong(format!(
            "its result has shape {:?}, one vector is expected",
            site.output_shape
        )));
    }
    let op = ops::definition(node)?;
    let stages = (op.lower)(site).map_err(|problem| node.wrong(problem))?;
    match stages.iter().all(Stage::is_finite) {
        true => Ok(stages),
        false => Err(node.wrong("its constants are not all finite")),
    }
}

//! Nodes that depend on no input become constants, and every other result gets a type and a shape.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;
use crate::graph::{Graph, Node};
use crate::lower::Quantized;
use crate::ops::{self, Call, Scheme};
use crate::work::Work;

/// Numbers that all results together may have: a small file could ask for any number of large ones.
const MOST_NUMBERS: usize = if cfg!(fuzzing) { 1 << 17 } else { 1 << 25 };

/// A graph whose nodes all depend on an input.
#[derive(Clone, Debug)]
pub struct Folded {
    /// What is left to compute.
    pub graph: Graph,
    /// Everything that is known, rounded to its type.
    pub constants: BTreeMap<String, Array>,
    /// Integers that a constant was dequantised from.
    pub quantized: BTreeMap<String, Rc<Quantized>>,
    /// Type and shape of every value.
    pub facts: BTreeMap<String, (Dtype, Vec<usize>)>,
}

/// Evaluates what can be evaluated now, everything else once with inputs of zero for its type and shape. Each constant is rounded once to its
/// type, as an engine would: for the four arithmetic operators, rounding an `f64` result again gives the `f32` one.
///
/// # Errors
/// Names the node whose operator is unknown or whose operands do not fit.
pub fn fold_constants(graph: &Graph) -> Result<Folded, ExportError> {
    let symbols = graph.batch_symbols();
    let mut folded = Folded {
        graph: Graph {
            nodes: Vec::new(),
            constants: BTreeMap::new(),
            ..graph.clone()
        },
        constants: BTreeMap::new(),
        quantized: BTreeMap::new(),
        facts: BTreeMap::new(),
    };
    let mut zeros: BTreeMap<String, Array> = BTreeMap::new();
    for port in &graph.inputs {
        let (dtype, shape) = port.resolved(&symbols)?;
        let array =
            Array::zeros(&shape, dtype).map_err(|problem| tensor_error(&port.name, problem))?;
        folded.facts.insert(port.name.clone(), (dtype, shape));
        zeros.insert(port.name.clone(), array);
    }
    for (name, value) in &graph.constants {
        let array = Array::of(value).map_err(|problem| tensor_error(name, problem))?;
        folded.note(name, &array);
        folded.constants.insert(name.clone(), array);
    }
    let (mut n_numbers, work) = (0, Work::default());
    for node in &graph.nodes {
        // Shapes never depend on numbers, so that their nodes are constants whatever they ask the shape of.
        let is_shape = matches!(node.op.as_str(), "Shape" | "Size") && node.domain.is_empty();
        let known = |name: &String| name.is_empty() || folded.constants.contains_key(name);
        let is_constant = is_shape || node.inputs.iter().all(known) || ops::is_random(&node.op);
        let op = ops::definition(node)?;
        let find = |name: &String| folded.constants.get(name).or_else(|| zeros.get(name));
        let call = Call {
            node,
            opset: graph.opset,
            operands: node.inputs.iter().map(find).collect(),
            work: &work,
        };
        let numbers = |arrays: &mut dyn Iterator<Item = &Array>| -> usize {
            arrays.map(|array| array.data.len()).sum()
        };
        let n_read = numbers(&mut call.operands.iter().flatten().copied());
        let results = work.spend(&[n_read]).and_then(|()| evaluate(op, &call));
        let results = results.map_err(|problem| node.wrong(problem))?;
        n_numbers += numbers(&mut results.iter());
        if n_numbers > MOST_NUMBERS {
            return Err(node.wrong(format!(
                "results of more than {MOST_NUMBERS} numbers together are not supported"
            )));
        }
        let quantized = match (node.op.as_str(), is_constant) {
            ("DequantizeLinear", true) => {
                Scheme::of(&call, false).ok().zip(call.operands[0].cloned())
            }
            _ => None,
        };
        for (name, array) in node
            .outputs
            .iter()
            .zip(results)
            .filter(|(name, _)| !name.is_empty())
        {
            folded.note(name, &array);
            if is_constant {
                let dtype = array.dtype;
                let rounded = if dtype.is_float() {
                    array.map(|x| dtype.cast(x))
                } else {
                    array
                };
                folded.constants.insert(name.clone(), rounded);
                if let Some((scheme, values)) = quantized.clone() {
                    folded
                        .quantized
                        .insert(name.clone(), Rc::new(Quantized { values, scheme }));
                }
            } else {
                // The numbers are those for an observation of zeros; only type and shape count.
                zeros.insert(name.clone(), array);
            }
        }
        if !is_constant {
            folded.graph.nodes.push(node.clone());
        }
    }
    Ok(folded)
}

fn evaluate(op: &ops::OpDef, call: &Call<'_>) -> Result<Vec<Array>, String> {
    match ops::mean_of(call.node, call)? {
        Some(mean) => Ok(vec![mean]),
        None => (op.evaluate)(call),
    }
}

fn tensor_error(name: &str, problem: String) -> ExportError {
    ExportError::Tensor {
        name: name.to_string(),
        problem,
    }
}

impl Folded {
    fn note(&mut self, name: &str, array: &Array) {
        self.facts
            .insert(name.to_string(), (array.dtype, array.shape.clone()));
    }

    /// The only number of a constant.
    #[must_use]
    pub fn scalar(&self, name: &str) -> Option<f64> {
        let array = self.constants.get(name)?;
        array
            .data
            .first()
            .copied()
            .filter(|_| array.data.len() == 1)
    }

    /// The node that computes `name`.
    #[must_use]
    pub fn maker(&self, name: &str) -> Option<&Node> {
        self.graph
            .nodes
            .iter()
            .find(|node| node.outputs.iter().any(|output| output == name))
    }
}

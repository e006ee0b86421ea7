//! Nodes that depend on no input become constants.

use crate::array::Array;
use crate::error::ExportError;
use crate::graph::{Attribute, Data, Graph, Node, Value};
use crate::ops;

/// Evaluates what can be evaluated now. Each result is rounded to `f32` once, as an engine would: for the four arithmetic
/// operators, rounding an `f64` result again gives the `f32` one.
///
/// # Errors
/// Names the node whose operator is unknown or whose operands do not fit.
pub fn fold_constants(graph: &Graph) -> Result<Graph, ExportError> {
    let mut folded = Graph {
        nodes: Vec::new(),
        ..graph.clone()
    };
    for node in &graph.nodes {
        let mut operands = Vec::new();
        for name in &node.inputs {
            operands.push(match (name.as_str(), folded.constants.get(name)) {
                ("", _) => Some(None),
                (_, Some(value)) => Some(Some(value)),
                (_, None) => None,
            });
        }
        match operands.into_iter().collect::<Option<Vec<_>>>() {
            None => folded.nodes.push(node.clone()),
            Some(operands) => {
                let op = ops::definition(node)?;
                let value = evaluate(op, node, &operands).map_err(|problem| node.wrong(problem))?;
                folded.constants.insert(node.outputs[0].clone(), value);
            }
        }
    }
    Ok(folded)
}

fn evaluate(op: &ops::OpDef, node: &Node, operands: &[Option<&Value>]) -> Result<Value, String> {
    let is_integer = match (operands.first(), node.attributes.values().next()) {
        (Some(Some(value)), _) => matches!(value.data, Data::I64(_)),
        (_, Some(Attribute::Value(value))) => matches!(value.data, Data::I64(_)),
        (_, Some(Attribute::Int(_) | Attribute::Ints(_))) => true,
        _ => false,
    };
    if is_integer && op.name == "Div" {
        return Err("division of integers is not supported".to_string());
    }
    let mut arrays = Vec::new();
    for operand in operands {
        arrays.push(operand.map(Array::of).transpose()?);
    }
    let operands: Vec<Option<&Array>> = arrays.iter().map(Option::as_ref).collect();
    let result = (op.evaluate)(node, &operands)?;
    let data = if is_integer {
        Data::I64(result.data.iter().map(|x| *x as i64).collect())
    } else {
        Data::F32(result.data.iter().map(|x| *x as f32).collect())
    };
    Ok(Value {
        shape: result.shape,
        data,
    })
}

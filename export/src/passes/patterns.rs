//! Nodes that together are one operator: layer normalisation, SiLU, Mish and hard swish as exporters of older operator sets spell
//! them out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Folded, Selection};
use crate::array::Array;
use crate::graph::{Attribute, Node};

/// Replaces what is recognised, the last nodes first: a normalisation with scale and bias holds one without. A value that somebody else needs, too, stays computed.
#[must_use]
pub fn recognise(mut folded: Folded, selection: &Selection) -> Folded {
    let kept: BTreeSet<String> = selection
        .outputs
        .iter()
        .chain(selection.state.iter().map(|(_, output)| output))
        .cloned()
        .collect();
    let mut index = folded.graph.nodes.len();
    while index > 0 {
        index -= 1;
        let node = folded.graph.nodes[index].clone();
        let found = layer_norm(&folded, &node).or_else(|| gated(&folded, &node));
        if let Some((replacement, constants)) = found {
            for (name, array) in constants {
                folded
                    .facts
                    .insert(name.clone(), (array.dtype, array.shape.clone()));
                folded.constants.insert(name, array);
            }
            folded.graph.nodes[index] = replacement;
        }
    }
    drop_unused(&mut folded, &kept);
    folded
}

fn drop_unused(folded: &mut Folded, kept: &BTreeSet<String>) {
    let mut needed = kept.clone();
    let mut nodes = Vec::new();
    for node in folded.graph.nodes.drain(..).rev() {
        if node
            .outputs
            .iter()
            .any(|name| !name.is_empty() && needed.contains(name))
        {
            needed.extend(node.inputs.iter().cloned());
            nodes.push(node);
        }
    }
    nodes.reverse();
    folded.graph.nodes = nodes;
}

type Found = Option<(Node, Vec<(String, Array)>)>;

fn replacement(
    node: &Node,
    op: &str,
    inputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
) -> Node {
    Node {
        op: op.to_string(),
        inputs,
        attributes,
        ..node.clone()
    }
}

/// Operands of a commutative node in both orders.
fn both_orders(node: &Node) -> Vec<(&str, &str)> {
    match node.inputs.as_slice() {
        [a, b] => vec![(a, b), (b, a)],
        _ => Vec::new(),
    }
}

/// The node that computes `name` if its operator is `op`.
fn made_by<'a>(folded: &'a Folded, name: &str, op: &str) -> Option<&'a Node> {
    folded
        .maker(name)
        .filter(|node| node.op == op && node.domain.is_empty())
}

/// `x * sigmoid(x)`, `x * tanh(softplus(x))`, `x * hard_sigmoid(x)` with a sixth and a half.
fn gated(folded: &Folded, node: &Node) -> Found {
    if node.op != "Mul" || !node.domain.is_empty() {
        return None;
    }
    for (x, gate) in both_orders(node) {
        let of_x = |node: &Node| node.inputs.first().is_some_and(|input| input == x);
        let op = if made_by(folded, gate, "Sigmoid").is_some_and(of_x) {
            "Swish"
        } else if made_by(folded, gate, "HardSigmoid").is_some_and(|gate| {
            let alpha = gate.float("alpha", 0.2).unwrap_or(0.0);
            of_x(gate) && (alpha - 1.0 / 6.0).abs() < 1e-7 && gate.float("beta", 0.5) == Ok(0.5)
        }) {
            "HardSwish"
        } else if made_by(folded, gate, "Tanh")
            .and_then(|tanh| made_by(folded, &tanh.inputs[0], "Softplus"))
            .is_some_and(of_x)
        {
            "Mish"
        } else {
            continue;
        };
        return Some((
            replacement(node, op, vec![x.to_string()], BTreeMap::new()),
            Vec::new(),
        ));
    }
    None
}

/// `(x - mean) / sqrt(mean((x - mean)²) + epsilon) * scale + bias` along the last axis; with scale and bias in one step each or
/// left out.
fn layer_norm(folded: &Folded, node: &Node) -> Found {
    let (normalised, scale, bias) = match node.op.as_str() {
        "Add" => both_orders(node).into_iter().find_map(|(product, bias)| {
            let product = made_by(folded, product, "Mul")?;
            let (normalised, scale) = both_orders(product).into_iter().find(|(a, b)| {
                folded.constants.contains_key(*b) && made_by(folded, a, "Div").is_some()
            })?;
            folded
                .constants
                .contains_key(bias)
                .then_some((normalised, Some(scale), Some(bias)))
        })?,
        "Mul" => {
            let (normalised, scale) = both_orders(node).into_iter().find(|(a, b)| {
                folded.constants.contains_key(*b) && made_by(folded, a, "Div").is_some()
            })?;
            (normalised, Some(scale), None)
        }
        "Div" => (node.outputs.first()?.as_str(), None, None),
        _ => return None,
    };
    let division = made_by(folded, normalised, "Div")?;
    let centred = made_by(folded, division.inputs.first()?, "Sub")?;
    let x = centred.inputs.first()?;
    let deviation = made_by(folded, division.inputs.get(1)?, "Sqrt")?;
    let sum = made_by(folded, deviation.inputs.first()?, "Add")?;
    let (variance, epsilon) = both_orders(sum)
        .into_iter()
        .find_map(|(a, b)| Some((a, folded.scalar(b)?)))?;
    let mean = |name: &str| {
        let mean = made_by(folded, name, "ReduceMean")?;
        is_along_last(folded, mean)
            .then(|| mean.inputs.first().cloned())
            .flatten()
    };
    if mean(centred.inputs.get(1)?)? != *x {
        return None;
    }
    let square = mean(variance)?;
    let squared = match made_by(folded, &square, "Pow") {
        Some(power) => {
            (folded.scalar(power.inputs.get(1)?)? == 2.0).then(|| power.inputs[0].clone())?
        }
        None => {
            let product = made_by(folded, &square, "Mul")?;
            (product.inputs.first() == product.inputs.get(1)).then(|| product.inputs[0].clone())?
        }
    };
    let same_centre = squared == centred.outputs[0]
        || made_by(folded, &squared, "Sub").is_some_and(|other| {
            other.inputs.first() == Some(x) && mean(&other.inputs[1]).as_ref() == Some(x)
        });
    if !same_centre {
        return None;
    }
    let (dtype, shape) = folded.facts.get(x)?;
    let len = *shape.last()?;
    let fits = |name: &str| {
        folded
            .facts
            .get(name)
            .is_some_and(|(_, shape)| *shape == [len])
    };
    if !scale.into_iter().chain(bias).all(fits) {
        return None;
    }
    let mut constants = Vec::new();
    let scale = match scale {
        Some(scale) => scale.to_string(),
        None => {
            let name = format!("{}/ones", node.outputs[0]);
            let ones = Array::new(vec![len], vec![1.0; len], *dtype).ok()?;
            constants.push((name.clone(), ones));
            name
        }
    };
    let inputs = [Some(x.clone()), Some(scale), bias.map(str::to_string)];
    let epsilon = BTreeMap::from([("epsilon".to_string(), Attribute::Float(epsilon as f32))]);
    let node = replacement(
        node,
        "LayerNormalization",
        inputs.into_iter().flatten().collect(),
        epsilon,
    );
    Some((node, constants))
}

/// Whether a mean is that along the last axis alone, which it keeps.
fn is_along_last(folded: &Folded, mean: &Node) -> bool {
    let rank = mean
        .inputs
        .first()
        .and_then(|x| folded.facts.get(x))
        .map_or(0, |(_, shape)| shape.len());
    let operand = mean
        .inputs
        .get(1)
        .and_then(|name| folded.constants.get(name));
    let axes: Vec<i64> = match (operand, mean.ints("axes")) {
        (Some(axes), _) => axes.data.iter().map(|axis| *axis as i64).collect(),
        (None, Ok(Some(axes))) => axes.to_vec(),
        _ => return false,
    };
    rank > 0 && (axes == [-1] || axes == [rank as i64 - 1]) && mean.int("keepdims", 1) == Ok(1)
}

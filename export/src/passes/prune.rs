//! Leaves one output and what it needs: sampling branches and constant outputs of trainers' exports go.

use std::collections::BTreeSet;

use crate::error::ExportError;
use crate::graph::Graph;

/// The part of `graph` that computes `output`; without a name, the one output that depends on an input.
///
/// # Errors
/// The output does not exist or depends on no input, it needs several inputs, or there are several outputs to choose
/// from. All are named.
pub fn prune(graph: &Graph, output: Option<&str>) -> Result<Graph, ExportError> {
    let names = |ports: &[&str]| format!("`{}`", ports.join("`, `"));
    let outputs: Vec<&str> = graph.outputs.iter().map(|p| p.name.as_str()).collect();
    let wanted: Vec<&str> = match output {
        Some(name) if outputs.contains(&name) => vec![name],
        Some(name) => {
            return Err(ExportError::Model(format!(
                "it has no output `{name}`; its outputs are {}",
                names(&outputs)
            )));
        }
        None => outputs,
    };
    let mut candidates = wanted
        .iter()
        .map(|name| needed_by(graph, name))
        .filter(|part| !part.inputs.is_empty());
    let Some(part) = candidates.next() else {
        return Err(ExportError::Model(format!(
            "its output {} does not depend on an input",
            names(&wanted)
        )));
    };
    let others: Vec<String> = candidates
        .map(|part| part.outputs[0].name.clone())
        .collect();
    if !others.is_empty() {
        return Err(ExportError::Model(format!(
            "it has several outputs: `{}`, `{}`; choose one with --output-name",
            part.outputs[0].name,
            others.join("`, `")
        )));
    }
    if part.inputs.len() > 1 {
        let inputs: Vec<&str> = part.inputs.iter().map(|p| p.name.as_str()).collect();
        return Err(ExportError::Model(format!(
            "its output `{}` depends on the inputs {}; a policy with one is supported",
            part.outputs[0].name,
            names(&inputs)
        )));
    }
    Ok(part)
}

fn needed_by(graph: &Graph, output: &str) -> Graph {
    let mut needed = BTreeSet::from([output]);
    let mut nodes = Vec::new();
    for node in graph.nodes.iter().rev() {
        if node
            .outputs
            .iter()
            .any(|name| needed.contains(name.as_str()))
        {
            needed.extend(node.inputs.iter().map(String::as_str));
            nodes.push(node.clone());
        }
    }
    nodes.reverse();
    let is_needed = |name: &str| needed.contains(name);
    Graph {
        name: graph.name.clone(),
        inputs: graph
            .inputs
            .iter()
            .filter(|p| is_needed(&p.name))
            .cloned()
            .collect(),
        outputs: graph
            .outputs
            .iter()
            .filter(|p| p.name == output)
            .take(1)
            .cloned()
            .collect(),
        constants: graph
            .constants
            .iter()
            .filter(|(name, _)| is_needed(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        nodes,
    }
}

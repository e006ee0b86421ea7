//! Leaves the outputs that are wanted and what they need: sampling branches and constant outputs of trainers' exports go.

use std::collections::BTreeSet;

use super::Folded;
use super::state::state_pairs;
use crate::error::ExportError;
use crate::graph::{Graph, Node};
use crate::lower::LowerOptions;
use crate::ops::is_random;

/// A part of a graph and what its inputs and outputs are for.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The nodes, inputs and constants that are needed.
    pub graph: Graph,
    /// The outputs that are the action, in order.
    pub outputs: Vec<String>,
    /// Inputs and outputs that are the same state one step later.
    pub state: Vec<(String, String)>,
    /// Whether sampling nodes give their mean.
    pub sampling_mean: bool,
}

/// Selects what `options` ask for. A state that is asked for by name is carried and part of the action.
///
/// # Errors
/// An output does not exist, none depends on an input, or one needs a sampling node; the outputs that can be kept are named.
pub fn select(graph: &Graph, options: &LowerOptions) -> Result<Selection, ExportError> {
    graph.check_order()?;
    let names: Vec<&str> = graph
        .outputs
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    for wanted in &options.outputs {
        if !names.contains(&wanted.as_str()) {
            return Err(ExportError::Model(format!(
                "it has no output `{wanted}`; its outputs are {}",
                list(&names)
            )));
        }
    }
    let pairs = match options.state_by_caller {
        true => Vec::new(),
        false => state_pairs(graph),
    };
    let is_state = |name: &str| pairs.iter().any(|(_, output)| output == name);
    let depends = |name: &&str| !needed_by(graph, &[name]).inputs.is_empty();
    let outputs: Vec<String> = match options.outputs.as_slice() {
        [] => {
            let kept = names
                .iter()
                .copied()
                .filter(|name| !is_state(name))
                .filter(depends);
            kept.map(str::to_string).collect()
        }
        wanted => wanted.to_vec(),
    };
    if outputs.is_empty() {
        return Err(ExportError::Model(format!(
            "its output {} does not depend on an input",
            list(&names)
        )));
    }
    // A state counts if what is kept depends on it, directly or through another state.
    let mut state: Vec<(String, String)> = Vec::new();
    let part = loop {
        let wanted: Vec<&str> = outputs
            .iter()
            .chain(state.iter().map(|(_, output)| output))
            .map(String::as_str)
            .collect();
        let part = needed_by(graph, &wanted);
        let n_known = state.len();
        let needed =
            |(input, _): &&(String, String)| part.inputs.iter().any(|port| port.name == *input);
        state = pairs.iter().filter(needed).cloned().collect();
        if state.len() == n_known {
            break part;
        }
    };
    let selection = Selection {
        graph: part,
        outputs,
        state,
        sampling_mean: options.sampling_mean,
    };
    selection.check_sampling(graph)?;
    Ok(selection)
}

impl Selection {
    /// Refuses sampling nodes that cannot be replaced.
    fn check_sampling(&self, whole: &Graph) -> Result<(), ExportError> {
        let replaced = |node: &Node| {
            self.sampling_mean
                && matches!(node.op.as_str(), "RandomNormalLike" | "RandomUniformLike")
        };
        let sampling = |graph: &Graph| {
            graph
                .nodes
                .iter()
                .find(|node| is_random(&node.op) && !replaced(node))
                .cloned()
        };
        let Some(node) = sampling(&self.graph) else {
            return Ok(());
        };
        let names = whole.outputs.iter().map(|port| port.name.as_str());
        let kept: Vec<&str> = names
            .filter(|name| {
                let part = needed_by(whole, &[name]);
                !part.inputs.is_empty() && sampling(&part).is_none()
            })
            .collect();
        let needing = self
            .outputs
            .iter()
            .filter(|name| sampling(&needed_by(&self.graph, &[name])).is_some());
        let needing: Vec<&str> = needing.map(String::as_str).collect();
        let advice = match kept.is_empty() {
            true => "no output can be kept without it".to_string(),
            false => format!(
                "outputs that can be kept without it, with --output: {}",
                list(&kept)
            ),
        };
        let mean = match node.op.as_str() {
            "RandomNormalLike" | "RandomUniformLike" => "; --sampling mean replaces it by its mean",
            _ => "",
        };
        Err(node.wrong(format!(
            "samples at random, and the output {} needs it; {advice}{mean}",
            list(&needing)
        )))
    }

    /// Without outputs that turned out to be constants, unless they were asked for by name.
    ///
    /// # Errors
    /// None is left.
    pub fn without_constants(
        mut self,
        folded: &Folded,
        options: &LowerOptions,
    ) -> Result<Self, ExportError> {
        if options.outputs.is_empty() {
            self.outputs
                .retain(|name| !folded.constants.contains_key(name));
        }
        match self.outputs.is_empty() {
            true => Err(ExportError::Model(
                "its outputs do not depend on an input".to_string(),
            )),
            false => Ok(self),
        }
    }
}

fn list(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// The part of `graph` that computes `outputs`.
#[must_use]
pub fn needed_by(graph: &Graph, outputs: &[&str]) -> Graph {
    let mut needed: BTreeSet<&str> = outputs.iter().copied().collect();
    let mut nodes = Vec::new();
    for node in graph.nodes.iter().rev() {
        let is_needed = |name: &String| !name.is_empty() && needed.contains(name.as_str());
        if node.outputs.iter().any(is_needed) {
            needed.extend(node.inputs.iter().map(String::as_str));
            nodes.push(node.clone());
        }
    }
    nodes.reverse();
    let mut seen = BTreeSet::new();
    Graph {
        name: graph.name.clone(),
        opset: graph.opset,
        inputs: graph
            .inputs
            .iter()
            .filter(|port| needed.contains(port.name.as_str()))
            .cloned()
            .collect(),
        outputs: outputs
            .iter()
            .filter(|name| seen.insert(**name))
            .filter_map(|name| {
                graph
                    .outputs
                    .iter()
                    .find(|port| port.name == **name)
                    .cloned()
            })
            .collect(),
        constants: graph
            .constants
            .iter()
            .filter(|(name, _)| needed.contains(name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        nodes,
    }
}

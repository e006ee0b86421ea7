//! What the rewritings make of small chains and graphs.

use std::collections::BTreeMap;

use super::*;
use crate::graph::{Attribute, Dim, Graph, Node, Port, Value};
use crate::lower::LowerOptions;

fn node(op: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        name: String::new(),
        op: op.to_string(),
        domain: String::new(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        outputs: vec![output.to_string()],
        attributes: BTreeMap::new(),
    }
}

fn graph(inputs: &[&str], outputs: &[&str], nodes: Vec<Node>) -> Graph {
    let ports = |names: &[&str]| {
        let port = |name: &&str| Port {
            name: name.to_string(),
            dtype: "float32",
            shape: Some(vec![Dim::Fixed(1), Dim::Fixed(2)]),
        };
        names.iter().map(port).collect()
    };
    Graph {
        name: "test".to_string(),
        opset: 17,
        inputs: ports(inputs),
        outputs: ports(outputs),
        constants: BTreeMap::from([("two".to_string(), Value::f32(&[], vec![2.0]))]),
        nodes,
    }
}

/// No node takes much, all together take too much.
#[test]
fn the_work_of_all_nodes_is_limited() {
    const NUMBERS: usize = 1 << 20;
    let graph_of = |n_nodes: usize| {
        let names: Vec<String> = (0..n_nodes).map(|i| format!("shape {i}")).collect();
        let mut nodes: Vec<Node> = names
            .iter()
            .map(|name| node("Shape", &["many"], name))
            .collect();
        nodes.push(node("Mul", &["x", "two"], "y"));
        let mut graph = graph(&["x"], &["y"], nodes);
        let many = Value::f32(&[NUMBERS], vec![0.0; NUMBERS]);
        graph.constants.insert("many".to_string(), many);
        graph
    };
    let most = crate::work::MAX_WORK / NUMBERS;
    fold_constants(&graph_of(most - 1)).unwrap();
    let refusal = fold_constants(&graph_of(most + 1)).unwrap_err();
    let message = refusal.to_string();
    assert!(
        message.contains("Shape") && message.contains("1073741824 products and numbers"),
        "{message}"
    );
}

#[test]
fn constants_are_computed_with_one_rounding() {
    let mut three = node("Constant", &[], "three");
    let value = Attribute::Value(Value::f32(&[2], vec![3.0, 0.1]));
    three.attributes.insert("value".to_string(), value);
    let nodes = vec![
        three,
        node("Div", &["three", "two"], "quotient"),
        node("Mul", &["x", "quotient"], "y"),
    ];
    let folded = fold_constants(&graph(&["x"], &["y"], nodes)).unwrap();
    assert_eq!(folded.graph.nodes.len(), 1);
    assert_eq!(
        folded.constants["quotient"].to_f32(),
        [3.0 / 2.0, 0.1_f32 / 2.0]
    );
    let unknown = graph(&["x"], &["y"], vec![node("Hardmax", &["two"], "y")]);
    let message = fold_constants(&unknown).unwrap_err().to_string();
    assert!(message.contains("`y` (Hardmax)"), "{message}");
}

fn selected(
    inputs: &[&str],
    outputs: &[&str],
    nodes: Vec<Node>,
    options: &LowerOptions,
) -> Result<Selection, String> {
    select(&graph(inputs, outputs, nodes), options).map_err(|error| error.to_string())
}

#[test]
fn selecting_keeps_what_the_action_needs() {
    let nodes = vec![
        node("RandomNormalLike", &["x"], "noise"),
        node("Relu", &["x"], "action"),
        node("Identity", &["two"], "version"),
    ];
    let options = LowerOptions::default();
    let part = selected(&["x", "unused"], &["version", "action"], nodes, &options).unwrap();
    assert_eq!(part.outputs, ["action"]);
    assert_eq!(part.graph.nodes.len(), 1);
    assert_eq!(part.graph.inputs.len(), 1);
    assert!(part.graph.constants.is_empty());
}

#[test]
fn selecting_refuses_by_name() {
    let nodes = || {
        vec![
            node("RandomNormalLike", &["x"], "noise"),
            node("Relu", &["x"], "a"),
            node("Add", &["x", "noise"], "b"),
            node("Identity", &["two"], "c"),
        ]
    };
    for (outputs, chosen, expected) in [
        (
            &["a", "b"][..],
            &[][..],
            "the output `b` needs it; outputs that can be kept without it, with --output: `a`",
        ),
        (&["b"], &[], "no output can be kept without it"),
        (&["c"], &[], "does not depend on an input"),
        (&["a"], &["d"], "no output `d`; its outputs are `a`"),
    ] {
        let options = LowerOptions {
            outputs: chosen.iter().map(|name: &&str| name.to_string()).collect(),
            ..LowerOptions::default()
        };
        let message = selected(&["x"], outputs, nodes(), &options).unwrap_err();
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let options = LowerOptions {
        sampling_mean: true,
        ..LowerOptions::default()
    };
    assert_eq!(
        selected(&["x"], &["a", "b"], nodes(), &options)
            .unwrap()
            .outputs,
        ["a", "b"]
    );
}

#[test]
fn states_are_found_by_their_names() {
    for (input, output) in [
        ("h_in", "h_out"),
        ("c_in", "c_out"),
        ("recurrent_in", "recurrent_out"),
        ("h", "h_next"),
        ("h", "h_out"),
        ("h", "hn"),
        ("h0", "hn"),
        ("h_0", "h_n"),
        ("state_in_0", "state_out_0"),
        ("hidden_state", "next_hidden_state"),
        ("actor_rnn_state_in", "actor_rnn_state_out"),
    ] {
        let pairs = state_pairs(&graph(&["obs", input], &["action", output], vec![]));
        assert_eq!(pairs, [(input.to_string(), output.to_string())]);
    }
    for (input, output) in [
        ("obs_in", "obs_out"),
        ("h_in", "c_out"),
        ("state", "action"),
        ("joint_pos", "joint_pos_next"),
    ] {
        assert!(
            state_pairs(&graph(&[input], &[output], vec![])).is_empty(),
            "{input} {output}"
        );
    }
}

//! What the rewritings make of small chains and graphs.

use std::collections::BTreeMap;

use rlfd_runtime::Activation;

use super::*;
use crate::graph::{Attribute, Data, Graph, Node, Port, Value};

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
            shape: None,
        };
        names.iter().map(port).collect()
    };
    Graph {
        name: "test".to_string(),
        inputs: ports(inputs),
        outputs: ports(outputs),
        constants: BTreeMap::from([("two".to_string(), Value::f32(&[], vec![2.0]))]),
        nodes,
    }
}

#[test]
fn a_normaliser_stays_a_layer_and_a_bias_joins_its_matrix() {
    let matrix = || Stage::MatMul {
        weight: vec![1.0, 2.0],
        out: 1,
    };
    let stages = vec![
        Stage::Add(vec![-3.0, 4.0]),
        Stage::Mul(vec![0.5, 0.25]),
        matrix(),
        Stage::Add(vec![7.0]),
        Stage::Activate(Activation::Tanh),
        Stage::Mul(vec![3.0]),
        Stage::Add(vec![1.0]),
    ];
    assert_eq!(
        simplify(stages),
        [
            Stage::Normalize {
                mean: vec![3.0, -4.0],
                std_reciprocal: vec![0.5, 0.25]
            },
            Stage::Dense {
                weight: vec![1.0, 2.0],
                bias: vec![7.0],
                activation: Some(Activation::Tanh)
            },
            Stage::ScaleShift {
                scale: vec![3.0],
                offset: vec![1.0]
            },
        ]
    );
    let without_bias = simplify(vec![matrix(), Stage::Activate(Activation::Relu)]);
    let expected = Stage::Dense {
        weight: vec![1.0, 2.0],
        bias: vec![0.0],
        activation: Some(Activation::Relu),
    };
    assert_eq!(without_bias, [expected]);
    // A second activation is a layer of its own.
    let twice = [Activation::Tanh, Activation::Relu].map(Stage::Activate);
    assert_eq!(simplify(twice.to_vec()), twice);
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
    assert_eq!(folded.nodes.len(), 1);
    assert_eq!(
        folded.constants["quotient"].data,
        Data::F32(vec![3.0 / 2.0, 0.1_f32 / 2.0])
    );
    let unknown = graph(&["x"], &["y"], vec![node("Erf", &["two"], "y")]);
    let message = fold_constants(&unknown).unwrap_err().to_string();
    assert!(message.contains("`y` (Erf)"), "{message}");
}

#[test]
fn pruning_keeps_what_the_action_needs() {
    let nodes = vec![
        node("RandomNormalLike", &["x"], "noise"),
        node("Relu", &["x"], "action"),
        node("Identity", &["two"], "version"),
    ];
    let part = prune(
        &graph(&["x", "unused"], &["version", "action"], nodes),
        None,
    )
    .unwrap();
    assert_eq!(part.nodes.len(), 1);
    assert_eq!(part.inputs.len(), 1);
    assert!(part.constants.is_empty());
}

#[test]
fn pruning_refuses_what_is_not_one_function_of_one_input() {
    let nodes = || {
        vec![
            node("Relu", &["x"], "a"),
            node("Add", &["x", "h"], "b"),
            node("Identity", &["two"], "c"),
        ]
    };
    for (outputs, chosen, expected) in [
        (&["a", "b"][..], None, "several outputs: `a`, `b`"),
        (&["b"][..], None, "depends on the inputs `x`, `h`"),
        (&["c"][..], None, "does not depend on an input"),
        (&["a"][..], Some("d"), "no output `d`; its outputs are `a`"),
    ] {
        let message = prune(&graph(&["x", "h"], outputs, nodes()), chosen).unwrap_err();
        let message = message.to_string();
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
}

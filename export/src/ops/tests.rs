//! Each operator twice: its reference evaluation against numbers from NumPy or by hand, and what it lowers to, run on the
//! engine, against its reference evaluation.

use std::collections::BTreeMap;

use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;

use crate::evaluate::Evaluator;
use crate::graph::{Attribute, Data, Dim, Graph, Node, Port, Value};
use crate::image::{ImageOptions, image_of};
use crate::lower::LowerOptions;
use crate::onnx::{IR_VERSION, Model, OPSET};
use crate::ops::TABLE;

/// f32 against f64 on numbers of ordinary size.
const ROUNDING: f64 = 1e-6;

struct Case {
    op: &'static str,
    /// Operand names: `x` flows, others are constants.
    operands: &'static [&'static str],
    attributes: Vec<(&'static str, Attribute)>,
    constants: Vec<(&'static str, Value)>,
    shape: &'static [usize],
    x: &'static [f64],
    y: &'static [f64],
}

fn integers(values: &[i64]) -> Value {
    Value {
        shape: vec![values.len()],
        data: Data::I64(values.to_vec()),
    }
}

fn case(op: &'static str, x: &'static [f64], y: &'static [f64]) -> Case {
    Case {
        op,
        operands: &["x"],
        attributes: vec![],
        constants: vec![],
        shape: &[1, 3],
        x,
        y,
    }
}

/// A vector without zeros, and one across zero.
const A: &[f64] = &[1.0, -2.0, 4.0];
const B: &[f64] = &[-1.5, 0.0, 2.0];

fn cases() -> Vec<Case> {
    let c = || vec![("c", Value::f32(&[3], vec![2.0, -4.0, 0.5]))];
    let binary = |op, operands, y| Case {
        operands,
        constants: c(),
        ..case(op, A, y)
    };
    // [out, in] = [2, 3]
    let weight = || Value::f32(&[2, 3], vec![1.0, 2.0, 3.0, -1.0, 0.5, 0.25]);
    let transposed = || Value::f32(&[3, 2], vec![1.0, -1.0, 2.0, 0.5, 3.0, 0.25]);
    let bounds = |low: f32, high: f32| {
        vec![
            ("low", Value::f32(&[], vec![low])),
            ("high", Value::f32(&[], vec![high])),
        ]
    };
    let axes = |axes: &[i64]| vec![("axes", Attribute::Ints(axes.to_vec()))];
    vec![
        binary("Add", &["x", "c"], &[3.0, -6.0, 4.5]),
        binary("Add", &["c", "x"], &[3.0, -6.0, 4.5]),
        binary("Sub", &["x", "c"], &[-1.0, 2.0, 3.5]),
        binary("Sub", &["c", "x"], &[1.0, -2.0, -3.5]),
        binary("Mul", &["x", "c"], &[2.0, 8.0, 2.0]),
        binary("Div", &["x", "c"], &[0.5, 0.5, 8.0]),
        Case {
            constants: vec![("c", Value::f32(&[], vec![10.0]))],
            ..binary("Mul", &["c", "x"], &[10.0, -20.0, 40.0])
        },
        case("Relu", B, &[0.0, 0.0, 2.0]),
        // exp(-1.5) - 1
        case("Elu", B, &[-0.776_869_839_851_570_2, 0.0, 2.0]),
        case(
            "Tanh",
            B,
            &[-0.905_148_253_644_866_4, 0.0, 0.964_027_580_075_816_9],
        ),
        case(
            "Sigmoid",
            B,
            &[0.182_425_523_806_356_35, 0.5, 0.880_797_077_977_882_3],
        ),
        case("Identity", A, A),
        Case {
            operands: &["x", "low", "high"],
            constants: bounds(-1.0, 1.5),
            ..case("Clip", B, &[-1.0, 0.0, 1.5])
        },
        Case {
            operands: &["x", "", "high"],
            constants: bounds(0.0, 1.5),
            ..case("Clip", B, &[-1.5, 0.0, 1.5])
        },
        Case {
            attributes: vec![("min", Attribute::Float(-1.0))],
            ..case("Clip", B, &[-1.0, 0.0, 2.0])
        },
        Case {
            operands: &["x", "w"],
            attributes: vec![("transB", Attribute::Int(1))],
            constants: vec![("w", weight())],
            ..case("Gemm", A, &[9.0, -1.0])
        },
        Case {
            operands: &["x", "w", "c"],
            attributes: vec![
                ("alpha", Attribute::Float(2.0)),
                ("beta", Attribute::Float(-1.0)),
                ("transA", Attribute::Int(1)),
            ],
            constants: vec![
                ("w", transposed()),
                ("c", Value::f32(&[1, 2], vec![1.0, 10.0])),
            ],
            shape: &[3, 1],
            ..case("Gemm", A, &[17.0, -12.0])
        },
        Case {
            operands: &["x", "w"],
            constants: vec![("w", transposed())],
            ..case("MatMul", A, &[9.0, -1.0])
        },
        Case {
            operands: &["x", "w"],
            constants: vec![("w", transposed())],
            shape: &[3],
            ..case("MatMul", A, &[9.0, -1.0])
        },
        Case {
            operands: &["w", "x"],
            constants: vec![("w", weight())],
            shape: &[3, 1],
            ..case("MatMul", A, &[9.0, -1.0])
        },
        Case {
            operands: &["x", "w"],
            constants: vec![("w", Value::f32(&[3], vec![1.0, 2.0, 3.0]))],
            ..case("MatMul", A, &[9.0])
        },
        Case {
            operands: &["x", "shape"],
            constants: vec![("shape", integers(&[0, -1, 1]))],
            ..case("Reshape", A, A)
        },
        case("Flatten", A, A),
        Case {
            attributes: vec![("axis", Attribute::Int(-3))],
            shape: &[1, 3, 1],
            ..case("Flatten", A, A)
        },
        case("Squeeze", A, A),
        Case {
            operands: &["x", "axes"],
            constants: vec![("axes", integers(&[-2]))],
            ..case("Squeeze", A, A)
        },
        Case {
            attributes: axes(&[0, -1]),
            ..case("Unsqueeze", A, A)
        },
    ]
}

fn model(case: &Case) -> Model {
    let port = |name: &str, shape: &[usize]| Port {
        name: name.to_string(),
        dtype: "float32",
        shape: Some(shape.iter().map(|n| Dim::Fixed(*n)).collect()),
    };
    let named = |(name, value): &(&str, Value)| (name.to_string(), value.clone());
    let node = Node {
        name: "node".to_string(),
        op: case.op.to_string(),
        domain: String::new(),
        inputs: case.operands.iter().map(ToString::to_string).collect(),
        outputs: vec!["y".to_string()],
        attributes: case
            .attributes
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
    };
    // A layer that changes nothing, so that operators that only rename axes leave an image to run.
    let last = Node {
        name: "last".to_string(),
        op: "Add".to_string(),
        inputs: vec!["y".to_string(), "zero".to_string()],
        outputs: vec!["z".to_string()],
        attributes: BTreeMap::new(),
        domain: String::new(),
    };
    let mut constants: BTreeMap<String, Value> = case.constants.iter().map(named).collect();
    constants.insert("zero".to_string(), Value::f32(&[], vec![0.0]));
    Model {
        ir_version: IR_VERSION,
        producer: "test".to_string(),
        metadata: vec![],
        graph: Graph {
            name: "test".to_string(),
            opset: OPSET,
            inputs: vec![port("x", case.shape)],
            outputs: vec![port("z", &[])],
            constants,
            nodes: vec![node, last],
        },
    }
}

#[test]
fn the_reference_evaluates_as_numpy_does() {
    for case in cases() {
        let mut evaluator = Evaluator::new(&model(&case).graph, &LowerOptions::default()).unwrap();
        let y = evaluator.evaluate(case.x).unwrap();
        assert_eq!(y.len(), case.y.len(), "{} {:?}", case.op, case.operands);
        for (y, expected) in y.iter().zip(case.y) {
            assert!((y - expected).abs() < 1e-15, "{} {y} {expected}", case.op);
        }
    }
}

#[test]
fn the_engine_computes_what_the_reference_does() {
    let options = ImageOptions {
        period_us: Some(1000),
        ..ImageOptions::default()
    };
    for case in cases() {
        let bytes = image_of(&model(&case), &options).unwrap();
        let mut policy = EnginePolicy::from_bytes(&bytes).unwrap();
        let x: Vec<f32> = case.x.iter().map(|x| *x as f32).collect();
        let mut y = vec![0.0; policy.shape().action_dim];
        policy.act(&x, &mut y);
        assert_eq!(y.len(), case.y.len(), "{} {:?}", case.op, case.operands);
        for (y, expected) in y.iter().zip(case.y) {
            let error = (f64::from(*y) - expected).abs();
            assert!(error < ROUNDING, "{} {y} {expected}", case.op);
        }
    }
}

#[test]
fn the_table_is_in_order() {
    assert!(TABLE.is_sorted_by_key(|op| op.name));
}

#[test]
fn what_cannot_be_lowered_is_refused_by_node_operator_and_reason() {
    let options = ImageOptions {
        period_us: Some(1000),
        ..ImageOptions::default()
    };
    let refusals: Vec<(Case, &str)> = vec![
        (case("Hardmax", A, A), "supported are Abs, Add, And"),
        (
            Case {
                attributes: vec![("beta", Attribute::Float(0.5))],
                ..case("Relu", A, A)
            },
            "attribute `beta`",
        ),
        (
            Case {
                operands: &["x", "c"],
                constants: vec![("c", Value::f32(&[3], vec![1.0, 0.0, 1.0]))],
                ..case("Div", A, A)
            },
            "divides by 0 (element 1)",
        ),
        (
            Case {
                operands: &["x", "c"],
                constants: vec![("c", Value::f32(&[3], vec![1.0, f32::NAN, 1.0]))],
                ..case("Add", A, A)
            },
            "not all numbers",
        ),
        (
            Case {
                operands: &["x", "c"],
                constants: vec![("c", Value::f32(&[2], vec![1.0; 2]))],
                ..case("Add", A, A)
            },
            "do not broadcast",
        ),
        (
            Case {
                operands: &["x", "w"],
                constants: vec![("w", Value::f32(&[2, 3], vec![1.0; 6]))],
                ..case("MatMul", A, A)
            },
            "cannot be multiplied",
        ),
        (
            Case {
                operands: &["x", "low", "high"],
                constants: vec![
                    ("low", Value::f32(&[], vec![2.0])),
                    ("high", Value::f32(&[], vec![1.0])),
                ],
                ..case("Clip", A, A)
            },
            "not in order",
        ),
        (
            Case {
                operands: &["x", "nowhere"],
                ..case("Add", A, A)
            },
            "`nowhere` is not known",
        ),
        (
            Case {
                operands: &[],
                ..case("Tanh", A, A)
            },
            "0 operands",
        ),
    ];
    for (case, expected) in refusals {
        let mut model = model(&case);
        if case.operands.is_empty() {
            model.graph.nodes[1].inputs[1] = "x".to_string();
        }
        let message = image_of(&model, &options).unwrap_err().to_string();
        assert!(message.contains(expected), "{message} lacks {expected}");
        assert!(
            message.contains(&format!("`node` ({})", case.op)),
            "{message} lacks the node"
        );
    }
}

//! Models as other programs write them. What they mean to ONNX itself is tested in the workspace's `tests`.

use std::path::Path;

use prost::Message;

use super::proto::{
    DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use super::{DIGEST_KEY, Model, SPEC_KEY, read};
use crate::evaluate::Evaluator;
use crate::graph::{Data, Dim};
use crate::image::{ImageOptions, image_of};
use crate::lower::LowerOptions;

fn port(name: &str, dims: &[DimensionValue]) -> ValueInfoProto {
    let dim = dims.iter().map(|value| DimensionProto {
        value: Some(value.clone()),
    });
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: 1,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
    }
}

/// `y = x · w` with `w` `[2, 1]`, as an exporter of another make would write it.
fn model(weight: TensorProto) -> ModelProto {
    let batch = DimensionValue::Param("N".to_string());
    ModelProto {
        ir_version: 3,
        producer_name: "elsewhere".to_string(),
        opset_import: vec![
            OperatorSetIdProto {
                domain: "com.example".to_string(),
                version: 99,
            },
            OperatorSetIdProto {
                domain: "ai.onnx".to_string(),
                version: 9,
            },
        ],
        graph: Some(GraphProto {
            name: "net".to_string(),
            node: vec![NodeProto {
                op_type: "MatMul".to_string(),
                domain: "ai.onnx".to_string(),
                input: vec!["onnx::MatMul_0".to_string(), "w".to_string()],
                output: vec!["53".to_string()],
                ..NodeProto::default()
            }],
            initializer: vec![TensorProto {
                name: "w".to_string(),
                dims: vec![2, 1],
                data_type: 1,
                ..weight
            }],
            // IR version 3 lists constants among the inputs.
            input: vec![
                port("onnx::MatMul_0", &[batch.clone(), DimensionValue::Value(2)]),
                port("w", &[DimensionValue::Value(2), DimensionValue::Value(1)]),
            ],
            output: vec![port("53", &[batch, DimensionValue::Value(1)])],
            sparse_initializer: vec![],
        }),
        ..ModelProto::default()
    }
}

fn inline() -> TensorProto {
    TensorProto {
        float_data: vec![3.0, -0.5],
        ..TensorProto::default()
    }
}

fn external(location: &str, offset: &str) -> TensorProto {
    TensorProto {
        data_location: 1,
        external_data: vec![
            entry("location", location),
            entry("offset", offset),
            entry("length", "8"),
        ],
        ..TensorProto::default()
    }
}

/// The action for `[2, 4]`.
fn act(model: &Model) -> Vec<f64> {
    let mut evaluator = Evaluator::new(&model.graph, &LowerOptions::default()).unwrap();
    evaluator.evaluate(&[2.0, 4.0]).unwrap()
}

#[test]
fn numbers_are_read_wherever_a_file_keeps_them() {
    let read_model = |proto: ModelProto| Model::from_bytes(&proto.encode_to_vec()).unwrap();
    let first = read_model(model(inline()));
    assert_eq!(first.graph.opset, 9);
    assert_eq!(first.graph.inputs.len(), 1, "w is a constant");
    assert_eq!(
        first.graph.inputs[0].shape,
        Some(vec![Dim::Symbol("N".to_string()), Dim::Fixed(2)])
    );
    assert_eq!(act(&first), [4.0]);
    let raw: Vec<u8> = [3.0_f32, -0.5]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let in_raw = TensorProto {
        raw_data: Some(raw.clone()),
        ..TensorProto::default()
    };
    assert_eq!(read_model(model(in_raw)).graph, first.graph);

    let folder = tempfile::tempdir().unwrap();
    let mut file = vec![0; 16];
    file.extend(raw);
    std::fs::write(folder.path().join("weights.data"), file).unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model(external("weights.data", "16")).encode_to_vec()).unwrap();
    assert_eq!(Model::read(&path).unwrap().graph, first.graph);
}

#[test]
fn damaged_or_foreign_tensors_are_named() {
    let cases = [
        (
            TensorProto {
                float_data: vec![1.0; 3],
                ..TensorProto::default()
            },
            "`w`: 3 elements for shape [2, 1]",
        ),
        (
            TensorProto {
                raw_data: Some(vec![0; 7]),
                ..TensorProto::default()
            },
            "`w`: 7 bytes",
        ),
        (
            external("../weights.data", "0"),
            "outside the model's folder",
        ),
        (external("/etc/passwd", "0"), "outside the model's folder"),
        (external("absent.data", "0"), "absent.data"),
        (external("here.data", "1"), "here.data is too short"),
        (external("here.data", "x"), "offset `x` is no number"),
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("here.data"), [0; 8]).unwrap();
    for (weight, expected) in cases {
        let bytes = model(weight).encode_to_vec();
        let message = read::read(&bytes, Some(folder.path()))
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let mut half = model(inline());
    let weight = &mut half.graph.as_mut().unwrap().initializer[0];
    (weight.data_type, weight.raw_data) = (16, Some(vec![0; 4]));
    let half = Model::from_bytes(&half.encode_to_vec()).unwrap();
    assert_eq!(half.graph.constants["w"].data, Data::Other("bfloat16"));
    let message = Evaluator::new(&half.graph, &LowerOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("`w`: bfloat16 is not supported"),
        "{message}"
    );
}

#[test]
fn a_foreign_model_needs_a_period_and_a_known_operator_set() {
    let foreign = Model::from_bytes(&model(inline()).encode_to_vec()).unwrap();
    let refusal = |model: &Model, period_us| {
        let options = ImageOptions {
            period_us,
            ..ImageOptions::default()
        };
        image_of(model, &options).map_err(|error| error.to_string())
    };
    assert!(refusal(&foreign, Some(20_000)).is_ok());
    let message = refusal(&foreign, None).unwrap_err();
    assert!(message.contains("--period-us"), "{message}");
    for opset in [8, 24] {
        let mut strange = foreign.clone();
        strange.graph.opset = opset;
        let message = refusal(&strange, Some(20_000)).unwrap_err();
        assert!(message.contains("9 to 23 are"), "{message}");
    }
}

#[test]
fn a_contract_is_read_once_and_a_digest_is_believed_only_if_it_fits() {
    let mut proto = model(inline());
    proto.metadata_props = vec![entry("a", "1"), entry("a", "2"), entry(SPEC_KEY, "{}")];
    let read_model = |proto: &ModelProto| Model::from_bytes(&proto.encode_to_vec());
    let message = read_model(&proto).unwrap().spec().unwrap_err();
    assert!(message.to_string().contains(SPEC_KEY), "{message}");
    proto.metadata_props.push(entry(SPEC_KEY, "{}"));
    let message = read_model(&proto).unwrap().spec().unwrap_err().to_string();
    assert!(message.contains("occurs twice"), "{message}");
    proto.metadata_props.push(entry(DIGEST_KEY, "0000"));
    let message = read_model(&proto).unwrap_err().to_string();
    assert!(message.contains("damaged"), "{message}");
    assert!(Model::read(Path::new("absent.onnx")).is_err());
}

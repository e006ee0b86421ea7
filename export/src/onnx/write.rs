//! A [`Model`] to bytes of an `.onnx` file: the same model gives the same bytes.

use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, attribute_type, data_type,
};
use super::{DIGEST_KEY, Model, digest};
use crate::dtype::{Dtype, f32_to_half};
use crate::error::ExportError;
use crate::graph::{Attribute, Data, Dim, Graph, Node, Port, Value};

/// Lays out `model`, with a digest of everything else in its metadata.
pub(super) fn write(model: &Model) -> Result<Vec<u8>, ExportError> {
    let entry = |(key, value): (&str, &str)| StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
    };
    let metadata = model.metadata.iter();
    let (producer_name, producer_version) = model
        .producer
        .split_once(' ')
        .unwrap_or((&model.producer, ""));
    let mut proto = ModelProto {
        ir_version: model.ir_version,
        producer_name: producer_name.to_string(),
        producer_version: producer_version.to_string(),
        graph: Some(write_graph(&model.graph)?),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: model.graph.opset,
        }],
        metadata_props: metadata.map(|(key, value)| entry((key, value))).collect(),
        functions: Vec::new(),
    };
    let digest = digest(&proto);
    proto.metadata_props.push(entry((DIGEST_KEY, &digest)));
    Ok(proto.encode_to_vec())
}

fn write_graph(graph: &Graph) -> Result<GraphProto, ExportError> {
    let mut initializer = Vec::new();
    for (name, value) in &graph.constants {
        initializer.push(write_tensor(name, value)?);
    }
    let nodes = graph.nodes.iter().map(write_node);
    Ok(GraphProto {
        node: nodes.collect::<Result<_, _>>()?,
        name: graph.name.clone(),
        initializer,
        input: graph.inputs.iter().map(write_port).collect(),
        output: graph.outputs.iter().map(write_port).collect(),
        sparse_initializer: Vec::new(),
    })
}

fn write_port(port: &Port) -> ValueInfoProto {
    let dim = |dim: &Dim| DimensionProto {
        value: match dim {
            Dim::Fixed(len) => Some(DimensionValue::Value(*len as i64)),
            Dim::Symbol(name) if name.is_empty() => None,
            Dim::Symbol(name) => Some(DimensionValue::Param(name.clone())),
        },
    };
    let names = data_type::NAMES.iter();
    let elem_type = names.zip(0..).find(|(name, _)| **name == port.dtype);
    ValueInfoProto {
        name: port.name.clone(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: elem_type.map_or(0, |(_, number)| number),
                shape: port.shape.as_ref().map(|shape| TensorShapeProto {
                    dim: shape.iter().map(dim).collect(),
                }),
            }),
        }),
    }
}

fn write_node(node: &Node) -> Result<NodeProto, ExportError> {
    let mut attribute = Vec::new();
    for (name, value) in &node.attributes {
        attribute.push(write_attribute(name, value)?);
    }
    Ok(NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.op.clone(),
        attribute,
        domain: node.domain.clone(),
    })
}

fn write_attribute(name: &str, attribute: &Attribute) -> Result<AttributeProto, ExportError> {
    let mut proto = AttributeProto {
        name: name.to_string(),
        ..AttributeProto::default()
    };
    proto.r#type = match attribute {
        Attribute::Float(value) => {
            proto.f = *value;
            attribute_type::FLOAT
        }
        Attribute::Int(value) => {
            proto.i = *value;
            attribute_type::INT
        }
        Attribute::Text(value) => {
            proto.s = value.clone().into_bytes();
            attribute_type::STRING
        }
        Attribute::Value(value) => {
            proto.t = Some(write_tensor(name, value)?);
            attribute_type::TENSOR
        }
        Attribute::Floats(values) => {
            proto.floats.clone_from(values);
            attribute_type::FLOATS
        }
        Attribute::Ints(values) => {
            proto.ints.clone_from(values);
            attribute_type::INTS
        }
        Attribute::Texts(texts) => {
            proto.strings = texts.iter().map(|text| text.clone().into_bytes()).collect();
            attribute_type::STRINGS
        }
        Attribute::Other(kind) => {
            return Err(ExportError::Model(format!(
                "attribute `{name}` of kind {kind} cannot be written"
            )));
        }
    };
    Ok(proto)
}

fn write_tensor(name: &str, value: &Value) -> Result<TensorProto, ExportError> {
    let (dtype, raw): (Dtype, Vec<u8>) = match &value.data {
        Data::F32(data) => (Dtype::F32, bytes(data, |x| x.to_le_bytes())),
        Data::F16(data) => (Dtype::F16, bytes(data, |x| f32_to_half(*x).to_le_bytes())),
        Data::F64(data) => (Dtype::F64, bytes(data, |x| x.to_le_bytes())),
        Data::I64(data) => (Dtype::I64, bytes(data, |x| x.to_le_bytes())),
        Data::Integers(dtype, data) => {
            let raw = match dtype {
                Dtype::I8 | Dtype::U8 | Dtype::Bool => bytes(data, |x| (*x as u8).to_le_bytes()),
                Dtype::I16 | Dtype::U16 => bytes(data, |x| (*x as u16).to_le_bytes()),
                Dtype::I32 | Dtype::U32 => bytes(data, |x| (*x as u32).to_le_bytes()),
                _ => bytes(data, |x| x.to_le_bytes()),
            };
            (*dtype, raw)
        }
        Data::Other(dtype) => {
            return Err(ExportError::Tensor {
                name: name.to_string(),
                problem: format!("is {dtype}, which cannot be written"),
            });
        }
    };
    Ok(TensorProto {
        dims: value.shape.iter().map(|n| *n as i64).collect(),
        data_type: dtype.number(),
        name: name.to_string(),
        raw_data: Some(raw),
        ..TensorProto::default()
    })
}

fn bytes<T, const N: usize>(data: &[T], to_le_bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    data.iter().flat_map(to_le_bytes).collect()
}

//! A [`Model`] to bytes of an `.onnx` file: the same model gives the same bytes.

use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, attribute_type, data_type,
};
use super::{DIGEST_KEY, Model, digest};
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
            version: model.opset,
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
        Attribute::Other(kind) => {
            return Err(ExportError::Model(format!(
                "attribute `{name}` of kind {kind} cannot be written"
            )));
        }
    };
    Ok(proto)
}

fn write_tensor(name: &str, value: &Value) -> Result<TensorProto, ExportError> {
    let (data_type, raw) = match &value.data {
        Data::F32(data) => (
            data_type::FLOAT,
            data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ),
        Data::I64(data) => (
            data_type::INT64,
            data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ),
        Data::Other(dtype) => {
            return Err(ExportError::Tensor {
                name: name.to_string(),
                problem: format!("is {dtype}, which cannot be written"),
            });
        }
    };
    Ok(TensorProto {
        dims: value.shape.iter().map(|n| *n as i64).collect(),
        data_type,
        name: name.to_string(),
        raw_data: Some(raw),
        ..TensorProto::default()
    })
}

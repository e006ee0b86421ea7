//! Bytes of an `.onnx` file to a [`Model`]. Refuses what is damaged; what is merely unsupported is left to lowering.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use prost::Message;

use super::proto::{
    AttributeProto, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    attribute_type, data_type,
};
use super::{DIGEST_KEY, Model, PRODUCER, digest};
use crate::dtype::{Dtype, half_to_f32};
use crate::error::ExportError;
use crate::graph::{Attribute, Data, Dim, Graph, Node, Port, Value};

/// Takes a model apart. Tensors kept in files of their own are looked up in `folder`.
pub(super) fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Model, ExportError> {
    let proto = ModelProto::decode(bytes)?;
    check_digest(&proto)?;
    let opset = opset(&proto)?;
    let metadata = proto
        .metadata_props
        .iter()
        .filter(|entry| entry.key != DIGEST_KEY)
        .map(|entry| (entry.key.clone(), entry.value.clone()))
        .collect();
    let graph = proto
        .graph
        .ok_or_else(|| ExportError::Model("not an ONNX model: it has no graph".to_string()))?;
    Ok(Model {
        ir_version: proto.ir_version,
        producer: format!("{} {}", proto.producer_name, proto.producer_version)
            .trim()
            .to_string(),
        metadata,
        graph: read_graph(graph, opset, folder)?,
    })
}

/// Compares the digest that our writer leaves in the metadata. A model of ours that has lost it was cut short: protocol
/// buffers may end after any field.
fn check_digest(proto: &ModelProto) -> Result<(), ExportError> {
    let written: Vec<&str> = proto
        .metadata_props
        .iter()
        .filter(|entry| entry.key == DIGEST_KEY)
        .map(|entry| entry.value.as_str())
        .collect();
    match written.as_slice() {
        [] if proto.producer_name != PRODUCER => Ok(()),
        [written] if *written == digest(proto) => Ok(()),
        _ => Err(ExportError::Model(format!(
            "its contents do not match its metadata `{DIGEST_KEY}`: it was damaged, or edited after it was written (a \
             tool that edits it on purpose removes that entry and names itself as the producer)"
        ))),
    }
}

fn opset(proto: &ModelProto) -> Result<i64, ExportError> {
    let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let mut versions = proto.opset_import.iter().filter(|set| own(&set.domain));
    versions.next().map(|set| set.version).ok_or_else(|| {
        ExportError::Model("not an ONNX model: it names no operator set".to_string())
    })
}

fn read_graph(proto: GraphProto, opset: i64, folder: Option<&Path>) -> Result<Graph, ExportError> {
    if !proto.sparse_initializer.is_empty() {
        return Err(ExportError::Model(
            "it has sparse tensors; only dense ones are supported".to_string(),
        ));
    }
    let mut constants = BTreeMap::new();
    for tensor in proto.initializer {
        let name = tensor.name.clone();
        let value = read_tensor(tensor, folder).map_err(|problem| ExportError::Tensor {
            name: name.clone(),
            problem,
        })?;
        if constants.insert(name.clone(), value).is_some() {
            return Err(ExportError::Tensor {
                name,
                problem: "occurs twice".to_string(),
            });
        }
    }
    // Before IR version 4 every constant was listed as an input, too.
    let inputs = proto.input.into_iter().map(read_port);
    let inputs: Vec<Port> = inputs
        .filter(|port| !constants.contains_key(&port.name))
        .collect();
    let mut seen = BTreeSet::new();
    if let Some(port) = inputs.iter().find(|port| !seen.insert(&port.name)) {
        return Err(ExportError::Model(format!(
            "the input `{}` occurs twice",
            port.name
        )));
    }
    let nodes = proto.node.into_iter().map(|node| read_node(node, folder));
    Ok(Graph {
        name: proto.name,
        opset,
        inputs,
        outputs: proto.output.into_iter().map(read_port).collect(),
        constants,
        nodes: nodes.collect::<Result<_, _>>()?,
    })
}

fn read_port(proto: ValueInfoProto) -> Port {
    let tensor = proto.r#type.and_then(|t| t.tensor_type);
    let dtype = tensor
        .as_ref()
        .map_or("not a tensor", |t| name_of(t.elem_type));
    let shape = tensor.and_then(|t| t.shape).map(|shape| {
        let dims = shape.dim.into_iter().map(|dim| match dim.value {
            Some(DimensionValue::Value(len)) => {
                usize::try_from(len).map_or_else(|_| Dim::Symbol(String::new()), Dim::Fixed)
            }
            Some(DimensionValue::Param(name)) => Dim::Symbol(name),
            None => Dim::Symbol(String::new()),
        });
        dims.collect()
    });
    Port {
        name: proto.name,
        dtype,
        shape,
    }
}

fn read_node(proto: NodeProto, folder: Option<&Path>) -> Result<Node, ExportError> {
    let mut node = Node {
        name: proto.name,
        op: proto.op_type,
        domain: match proto.domain.as_str() {
            "ai.onnx" => String::new(),
            _ => proto.domain,
        },
        inputs: proto.input,
        outputs: proto.output,
        attributes: BTreeMap::new(),
    };
    for attribute in proto.attribute {
        let name = attribute.name.clone();
        let attribute = read_attribute(attribute, folder)
            .map_err(|problem| node.wrong(format!("attribute `{name}`: {problem}")))?;
        if node.attributes.insert(name.clone(), attribute).is_some() {
            return Err(node.wrong(format!("attribute `{name}` occurs twice")));
        }
    }
    Ok(node)
}

fn read_attribute(proto: AttributeProto, folder: Option<&Path>) -> Result<Attribute, String> {
    Ok(match proto.r#type {
        attribute_type::FLOAT => Attribute::Float(proto.f),
        attribute_type::INT => Attribute::Int(proto.i),
        attribute_type::STRING => {
            Attribute::Text(String::from_utf8(proto.s).map_err(|_| "its text is not UTF-8")?)
        }
        attribute_type::TENSOR => {
            let tensor = proto.t.ok_or("its tensor is missing")?;
            Attribute::Value(read_tensor(tensor, folder)?)
        }
        attribute_type::FLOATS => Attribute::Floats(proto.floats),
        attribute_type::INTS => Attribute::Ints(proto.ints),
        attribute_type::STRINGS => {
            let texts = proto.strings.into_iter().map(String::from_utf8);
            Attribute::Texts(
                texts
                    .collect::<Result<_, _>>()
                    .map_err(|_| "its text is not UTF-8")?,
            )
        }
        other => Attribute::Other(other),
    })
}

fn read_tensor(proto: TensorProto, folder: Option<&Path>) -> Result<Value, String> {
    if proto.segment.is_some() {
        return Err("is split into segments, which is not supported".to_string());
    }
    let mut shape = Vec::new();
    let mut len = 1_usize;
    for dim in &proto.dims {
        let dim = usize::try_from(*dim).map_err(|_| format!("axis of length {dim}"))?;
        len = len.checked_mul(dim).ok_or("is too large")?;
        shape.push(dim);
    }
    let external;
    let raw = match (proto.data_location, proto.raw_data.as_deref()) {
        (0, raw) => raw,
        (_, _) => {
            external = read_external(&proto, folder)?;
            Some(external.as_slice())
        }
    };
    let data = read_data(&proto, raw)?;
    let n_found = match &data {
        Data::F32(data) | Data::F16(data) => data.len(),
        Data::F64(data) => data.len(),
        Data::I64(data) | Data::Integers(_, data) => data.len(),
        Data::Other(_) => len,
    };
    if n_found != len {
        return Err(format!("{n_found} elements for shape {shape:?}"));
    }
    Ok(Value { shape, data })
}

/// The elements, from `raw` little-endian bytes or else from the field that holds their type.
fn read_data(proto: &TensorProto, raw: Option<&[u8]>) -> Result<Data, String> {
    let Some(dtype) = Dtype::of_number(proto.data_type) else {
        return Ok(Data::Other(name_of(proto.data_type)));
    };
    let narrow = || proto.int32_data.iter().map(|x| i64::from(*x)).collect();
    Ok(match dtype {
        Dtype::F32 => Data::F32(raw.map_or(Ok(proto.float_data.clone()), |r| {
            words(r, f32::from_le_bytes)
        })?),
        Dtype::F64 => Data::F64(raw.map_or(Ok(proto.double_data.clone()), |r| {
            words(r, f64::from_le_bytes)
        })?),
        Dtype::F16 => {
            let bits = match raw {
                Some(raw) => words(raw, u16::from_le_bytes)?,
                None => proto.int32_data.iter().map(|x| *x as u16).collect(),
            };
            Data::F16(bits.into_iter().map(half_to_f32).collect())
        }
        Dtype::I64 => Data::I64(raw.map_or(Ok(proto.int64_data.clone()), |r| {
            words(r, i64::from_le_bytes)
        })?),
        _ => {
            let data: Vec<i64> = match (dtype, raw) {
                (Dtype::U32 | Dtype::U64, None) => {
                    proto.uint64_data.iter().map(|x| *x as i64).collect()
                }
                (_, None) => narrow(),
                (Dtype::I8, Some(raw)) => integers(raw, i8::from_le_bytes)?,
                (Dtype::U8 | Dtype::Bool, Some(raw)) => integers(raw, u8::from_le_bytes)?,
                (Dtype::I16, Some(raw)) => integers(raw, i16::from_le_bytes)?,
                (Dtype::U16, Some(raw)) => integers(raw, u16::from_le_bytes)?,
                (Dtype::I32, Some(raw)) => integers(raw, i32::from_le_bytes)?,
                (Dtype::U32, Some(raw)) => integers(raw, u32::from_le_bytes)?,
                (_, Some(raw)) => words(raw, i64::from_le_bytes)?,
            };
            Data::Integers(dtype, data)
        }
    })
}

fn integers<T: Into<i64>, const N: usize>(
    raw: &[u8],
    from_le_bytes: fn([u8; N]) -> T,
) -> Result<Vec<i64>, String> {
    Ok(words(raw, from_le_bytes)?
        .into_iter()
        .map(Into::into)
        .collect())
}

/// A `TensorProto` in a file of its own, as ONNX's test cases are.
pub(super) fn read_tensor_file(bytes: &[u8]) -> Result<(String, Value), ExportError> {
    let proto = TensorProto::decode(bytes)?;
    let name = proto.name.clone();
    match read_tensor(proto, None) {
        Ok(value) => Ok((name, value)),
        Err(problem) => Err(ExportError::Tensor { name, problem }),
    }
}

fn words<T, const N: usize>(raw: &[u8], from_le_bytes: fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    match raw.as_chunks::<N>() {
        (words, []) => Ok(words.iter().map(|word| from_le_bytes(*word)).collect()),
        _ => Err(format!("{} bytes are no multiple of {N}", raw.len())),
    }
}

/// Bytes that lie in a file beside the model.
fn read_external(proto: &TensorProto, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    let entry = |key: &str| {
        let mut entries = proto.external_data.iter();
        entries.find(|entry| entry.key == key).map(|e| &e.value)
    };
    let number = |key: &str| match entry(key) {
        Some(text) => text
            .parse::<usize>()
            .map(Some)
            .map_err(|_| format!("external data: {key} `{text}` is no number")),
        None => Ok(None),
    };
    let location = Path::new(entry("location").ok_or("external data: no location")?);
    // A model must not make us read files elsewhere.
    let inside = location
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(format!(
            "external data: `{}` is outside the model's folder",
            location.display()
        ));
    }
    let path = folder
        .ok_or("external data: the model's folder is not known")?
        .join(location);
    let wrong = |error: std::io::Error| format!("external data {}: {error}", path.display());
    let short = || format!("external data {} is too short", path.display());
    // Only what the tensor needs is read: many tensors share one large file.
    let mut file = File::open(&path).map_err(wrong)?;
    let file_len = file.metadata().map_err(wrong)?.len();
    let offset = number("offset")?.unwrap_or(0) as u64;
    let rest = file_len.checked_sub(offset).ok_or_else(short)?;
    let len = number("length")?.map_or(rest, |len| len as u64);
    if len > rest {
        return Err(short());
    }
    file.seek(SeekFrom::Start(offset)).map_err(wrong)?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

fn name_of(dtype: i32) -> &'static str {
    let name = usize::try_from(dtype)
        .ok()
        .and_then(|i| data_type::NAMES.get(i));
    name.copied().unwrap_or("of an unknown type")
}

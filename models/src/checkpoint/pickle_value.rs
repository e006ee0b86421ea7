//! [`Value`]: what a pickle of a dictionary of tensors can be made of, and what calling its globals gives.

/// Bytes of text that count as one value.
const TEXT_PER_VALUE: usize = 32;

/// Where a tensor's numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorRecord {
    /// The storage is record `data/<key>`.
    pub key: String,
    /// Numbers in the storage.
    pub storage_len: usize,
    /// Index of the first number.
    pub storage_offset: usize,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Steps between numbers along each axis.
    pub stride: Vec<usize>,
}

/// On the stack or in the memo.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool,
    Float,
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    Storage { key: String, len: usize },
    Tensor(TensorRecord),
}

/// What may be imported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    RebuildTensor,
    RebuildParameter,
    OrderedDict,
    FloatStorage,
}

/// Problems are sentences; whoever reads adds where.
pub(super) type Outcome<T> = Result<T, String>;

/// `("storage", FloatStorage, key, device, len)`.
pub(super) fn storage(id: Value) -> Outcome<Value> {
    let Value::Tuple(items) = id else {
        return Err("a persistent id is no tuple".into());
    };
    match items.as_slice() {
        [
            Value::Text(kind),
            Value::Global(Global::FloatStorage),
            Value::Text(key),
            Value::Text(_device),
            Value::Int(len),
        ] if kind == "storage" => Ok(Value::Storage {
            key: key.clone(),
            len: count(*len)?,
        }),
        _ => Err("a persistent id does not name a float storage".into()),
    }
}

/// What the callee makes of its arguments.
pub(super) fn call(callee: Value, arguments: Value) -> Outcome<Value> {
    let (Value::Global(global), Value::Tuple(arguments)) = (callee, arguments) else {
        return Err("REDUCE of something other than a global and a tuple".into());
    };
    match (global, arguments.as_slice()) {
        (Global::OrderedDict, []) => Ok(Value::Dict(Vec::new())),
        (Global::RebuildParameter, [Value::Tensor(tensor), ..]) => {
            Ok(Value::Tensor(tensor.clone()))
        }
        (
            Global::RebuildTensor,
            [
                Value::Storage { key, len },
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(stride),
                ..,
            ],
        ) if shape.len() == stride.len() => Ok(Value::Tensor(TensorRecord {
            key: key.clone(),
            storage_len: *len,
            storage_offset: count(*offset)?,
            shape: counts(shape)?,
            stride: counts(stride)?,
        })),
        (global, _) => Err(format!(
            "{global:?} is called with other arguments than usual"
        )),
    }
}

fn counts(values: &[Value]) -> Outcome<Vec<usize>> {
    let count = |value: &Value| match value {
        Value::Int(value) => count(*value),
        other => Err(format!("{} is where a size is expected", other.kind())),
    };
    values.iter().map(count).collect()
}

fn count(value: i64) -> Outcome<usize> {
    usize::try_from(value).map_err(|_| format!("{value} is no size"))
}

impl Value {
    /// For people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool => "a bool",
            Self::Float => "a float",
            Self::Int(_) => "an integer",
            Self::Text(_) => "text",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
            Self::Global(_) => "a global",
            Self::Storage { .. } => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }

    /// How deep containers nest; recursion is bounded, because the machine puts nothing together that is deeper than it allows.
    pub(super) fn depth(&self) -> usize {
        1 + match self {
            Self::Tuple(items) | Self::List(items) => items.iter().map(Self::depth).max(),
            Self::Dict(items) => items.iter().map(|(k, v)| k.depth().max(v.depth())).max(),
            _ => None,
        }
        .unwrap_or(0)
    }

    /// What it costs to build or copy it.
    pub(super) fn n_values(&self) -> usize {
        1 + match self {
            Self::Tuple(items) | Self::List(items) => items.iter().map(Self::n_values).sum(),
            Self::Dict(items) => items.iter().map(|(k, v)| k.n_values() + v.n_values()).sum(),
            Self::Tensor(tensor) => 2 * tensor.shape.len() + tensor.key.len() / TEXT_PER_VALUE,
            Self::Text(text) => text.len() / TEXT_PER_VALUE,
            Self::Storage { key, .. } => key.len() / TEXT_PER_VALUE,
            _ => 0,
        }
    }
}

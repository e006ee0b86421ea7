//! [`rust_source`]: a policy image as Rust source, with lengths and weights as constants. The source calls the same kernels in the
//! same order, so that it answers the same bits; what it saves is the reading of the image. Knows the operations of an image,
//! no graph.

mod statics;

use std::fmt::Write;

use rlfd_runtime::image::{Op, OpCode, Place, PolicyImage, WeightType};
use rlfd_runtime::nn::quantize::QuantizedType;
use rlfd_runtime::nn::reduce::Reduction;
use rlfd_runtime::nn::{Function, ZipFunction};

use crate::error::ExportError;
use crate::operation;
use statics::{Kind, Statics};

/// The source of a module with one type, `GeneratedPolicy`.
///
/// # Errors
/// The image has an operation that is not written out.
pub fn rust_source(image: &PolicyImage<'_>) -> Result<String, ExportError> {
    let mut writer = Writer {
        statics: Statics::new(image.constants()),
    };
    let mut act = String::new();
    let mut at = 0;
    for port in image.inputs() {
        let (Place::Arena(start), len) = (port.place, port.len) else {
            return Err(beyond("an input among the constants"));
        };
        let _ = writeln!(
            act,
            "        arena[{}].copy_from_slice(&observation[{}]);",
            range(start, len),
            range(at, len)
        );
        at += len;
    }
    for op in image.ops() {
        act += &writer.operation(&op)?;
    }
    at = 0;
    for port in image.outputs() {
        let numbers = match port.place {
            Place::Arena(start) => format!("&arena[{}]", range(start, port.len)),
            place => writer
                .statics
                .constant(Kind::F32, place, port.len as usize)?,
        };
        let _ = writeln!(
            act,
            "        action[{}].copy_from_slice({numbers});",
            range(at, port.len)
        );
        at += port.len;
    }
    let mut features: Vec<&str> = image.ops().flat_map(|op| op.features()).collect();
    features.sort_unstable();
    features.dedup();
    let features = match features.as_slice() {
        [] => "no features".to_string(),
        features => format!("the features {}", features.join(", ")),
    };
    let shape = image.shape();
    let golden = image.golden();
    let list = |numbers: &[f32]| -> String {
        let numbers: Vec<String> = numbers.iter().map(|x| literal(*x)).collect();
        numbers.join(", ")
    };
    Ok(format!(
        "// Written by `export rust` from the policy image with CRC-32 {crc:08x}; answers what it answers, bit for bit.\n\
         // Needs rlfd-runtime with {features}.\n\n\
         /// Numbers in an observation.\n\
         pub const OBSERVATION_DIM: usize = {observation};\n\
         /// Numbers in an action.\n\
         pub const ACTION_DIM: usize = {action};\n\n\
         /// An observation, and what is answered to it in the reset state.\n\
         #[allow(clippy::all)]\n\
         #[rustfmt::skip]\n\
         pub const GOLDEN_OBSERVATION: [f32; OBSERVATION_DIM] = [{golden_observation}];\n\
         /// See [`GOLDEN_OBSERVATION`].\n\
         #[allow(clippy::all)]\n\
         #[rustfmt::skip]\n\
         pub const GOLDEN_ACTION: [f32; ACTION_DIM] = [{golden_action}];\n\n\
         /// The policy with the memory it works in, {memory} bytes.\n\
         #[derive(Clone, Debug)]\n\
         pub struct GeneratedPolicy {{\n    arena: [f32; {arena}],\n}}\n\n\
         impl Default for GeneratedPolicy {{\n    fn default() -> Self {{\n        Self::new()\n    }}\n}}\n\n\
         impl GeneratedPolicy {{\n\
         {i}/// In the reset state.\n\
         {i}#[must_use]\n\
         {i}pub const fn new() -> Self {{\n{i}    Self {{\n{i}        arena: [0.0; {arena}],\n{i}    }}\n{i}}}\n\n\
         {i}/// Whether this machine computes the golden action, bit for bit. The policy is reset by this.\n\
         {i}#[must_use]\n\
         {i}#[allow(dead_code)]\n\
         {i}pub fn self_test(&mut self) -> bool {{\n\
         {i}    let mut action = [0.0; ACTION_DIM];\n\
         {i}    *self = Self::new();\n\
         {i}    self.step(&GOLDEN_OBSERVATION, &mut action);\n\
         {i}    *self = Self::new();\n\
         {i}    action.map(f32::to_bits) == GOLDEN_ACTION.map(f32::to_bits)\n\
         {i}}}\n\n\
         {i}/// The action for an observation.\n\
         {i}#[allow(clippy::all)]\n\
         {i}pub fn step(&mut self, observation: &[f32; OBSERVATION_DIM], action: &mut [f32; ACTION_DIM]) {{\n\
         {i}    let arena = &mut self.arena;\n{act}{i}}}\n}}\n\n\
         impl rlfd_runtime::Policy for GeneratedPolicy {{\n\
         {i}fn shape(&self) -> rlfd_runtime::Shape {{\n{i}    rlfd_runtime::Shape {{\n\
         {i}        observation_dim: OBSERVATION_DIM,\n{i}        action_dim: ACTION_DIM,\n{i}    }}\n{i}}}\n\n\
         {i}fn reset(&mut self) {{\n{i}    self.arena[..{state}].fill(0.0);\n{i}}}\n\n\
         {i}fn act(&mut self, observation: &[f32], action: &mut [f32]) {{\n\
         {i}    match (observation.try_into(), <&mut [f32; ACTION_DIM]>::try_from(&mut *action)) {{\n\
         {i}        (Ok(observation), Ok(action)) => self.step(observation, action),\n\
         {i}        _ => action.fill(f32::NAN),\n{i}    }}\n{i}}}\n}}\n{statics}",
        i = "    ",
        crc = image.checksum(),
        observation = shape.observation_dim,
        action = shape.action_dim,
        arena = image.arena_len(),
        memory = image.arena_len() * size_of::<f32>(),
        state = image.state_len(),
        golden_observation = list(golden.observation),
        golden_action = list(golden.action),
        statics = writer.statics.text(),
    ))
}

fn beyond(what: &str) -> ExportError {
    ExportError::Model(format!("{what} is not written as source"))
}

struct Writer<'a> {
    statics: Statics<'a>,
}

impl Writer<'_> {
    /// An expression for an operand of singles; empty where it is left out.
    fn operand(
        &mut self,
        place: Place,
        len: usize,
        out: (u32, usize),
    ) -> Result<String, ExportError> {
        let len = u32::try_from(len).map_err(|_| beyond("an operand of this length"))?;
        Ok(match place {
            Place::None => "&[]".to_string(),
            Place::Arena(start) if start < out.0 => format!("&before[{}]", range(start, len)),
            Place::Arena(start) => {
                let end = out.0 as usize + out.1;
                let start = (start as usize)
                    .checked_sub(end)
                    .and_then(|s| u32::try_from(s).ok());
                let start = start.ok_or_else(|| beyond("an operand on top of its result"))?;
                format!("&after[{}]", range(start, len))
            }
            Place::Constant(_) => self.statics.constant(Kind::F32, place, len as usize)?,
        })
    }

    fn operation(&mut self, op: &Op) -> Result<String, ExportError> {
        let constants = self.statics.words();
        let extents = op
            .extents(constants)
            .ok_or_else(|| beyond("an operation"))?;
        let out = (op.out, extents.out);
        let [n0, n1, n2, n3] = op.n;
        let in_place = op.a == Place::Arena(op.out);
        let a = match in_place {
            true => String::new(),
            false => self.operand(op.a, extents.a, out)?,
        };
        let mut body = String::new();
        let mut line = |text: String| {
            let _ = writeln!(body, "            {text}");
        };
        let nn = "rlfd_runtime::nn";
        match op.code {
            OpCode::Dense => {
                let half = op.weights == WeightType::F16;
                let kind = if half { Kind::U16 } else { Kind::F32 };
                let weight = self.statics.constant(kind, op.b, extents.b)?;
                let bias = self.operand(op.c, extents.c, out)?;
                let each_row = matches!(op.c, Place::Arena(_));
                let start = match (op.c, half) {
                    (Place::None, _) => Some("out.fill(0.0);"),
                    (_, true) => Some("out.copy_from_slice(bias);"),
                    _ => None,
                };
                let call = match start {
                    None => format!("{nn}::dense::dense({weight}, bias, input, out);"),
                    Some(start) => {
                        let module = if half { "dense_half" } else { "dense" };
                        format!("{start} {nn}::{module}::accumulate({weight}, input, out);")
                    }
                };
                line(format!(
                    "let (input, bias): (&[f32], &[f32]) = ({a}, {bias});"
                ));
                if op.c == Place::None {
                    line("let _ = bias;".to_string());
                }
                line(match (n2, each_row) {
                    (1, _) => call,
                    (_, false) => format!(
                        "for (input, out) in input.chunks_exact({n0}).zip(out.chunks_exact_mut({n1})) {{ {call} }}"
                    ),
                    (_, true) => format!(
                        "for ((input, bias), out) in input.chunks_exact({n0}).zip(bias.chunks_exact({n1}))\
                         .zip(out.chunks_exact_mut({n1})) {{ {call} }}"
                    ),
                });
                line(activation(op));
            }
            OpCode::Map => {
                if !in_place {
                    line(format!("out.copy_from_slice({a});"));
                }
                line(activation(op));
            }
            OpCode::Zip => {
                let b = self.operand(op.b, extents.b, out)?;
                if !in_place {
                    line(format!("out.copy_from_slice({a});"));
                }
                let function =
                    ZipFunction::from_code(op.function).ok_or_else(|| beyond("a function"))?;
                line(format!(
                    "{nn}::ZipFunction::{function:?}.apply({}, [{n0}, {n1}, {n2}], out, {b});",
                    n3 != 0
                ));
            }
            OpCode::Select => {
                let b = self.operand(op.b, extents.b, out)?;
                let c = self.operand(op.c, extents.c, out)?;
                line(format!("{nn}::select::select({a}, {b}, {c}, out);"));
            }
            OpCode::Copy => {
                let parameters = self.statics.constant(Kind::I32, op.b, extents.b)?;
                line(format!("{nn}::copy::copy({parameters}, {a}, out);"));
            }
            OpCode::Gather => {
                let table = self.operand(op.b, extents.b, out)?;
                line(format!(
                    "{nn}::gather::gather({table}, {a}, [{n1}, {n2}], out);"
                ));
            }
            OpCode::MatMul => {
                let b = self.operand(op.b, extents.b, out)?;
                line(format!(
                    "{nn}::matmul::matmul({a}, {b}, [{n0}, {n1}, {n2}], out);"
                ));
            }
            OpCode::Conv => {
                let weight = self.statics.constant(Kind::F32, op.b, extents.b)?;
                let bias = self.operand(op.c, extents.c, out)?;
                let words = constants
                    .get(n0 as usize..)
                    .and_then(<[f32]>::first_chunk::<15>);
                let words = words
                    .ok_or_else(|| beyond("a convolution"))?
                    .map(f32::to_bits);
                line(format!(
                    "{nn}::conv::ConvShape::from_words({words:?}).run({a}, {weight}, {bias}, out);"
                ));
                line(activation(op));
            }
            OpCode::Reduce => {
                let reduction =
                    Reduction::from_code(op.function).ok_or_else(|| beyond("a reduction"))?;
                line(format!(
                    "{nn}::reduce::Reduction::{reduction:?}.apply({a}, [{n1}, {n2}], out);"
                ));
            }
            OpCode::Softmax => line(format!(
                "{nn}::softmax::softmax({}, {a}, [{n1}, {n2}], out);",
                op.function == 1
            )),
            OpCode::LayerNorm => {
                let mut optional = |place, len| -> Result<String, ExportError> {
                    Ok(match place {
                        Place::None => "None".to_string(),
                        place => format!("Some({})", self.operand(place, len, out)?),
                    })
                };
                let (scale, bias) = (optional(op.b, extents.b)?, optional(op.c, extents.c)?);
                line(format!(
                    "{nn}::layer_norm::layer_norm({a}, {n1}, {}, {scale}, {bias}, out);",
                    literal(op.p[0])
                ));
            }
            OpCode::ArgMax => line(format!(
                "{nn}::arg_max::arg_max({}, {a}, [{n1}, {n2}], out);",
                op.function
            )),
            OpCode::Quantize => {
                let integers = QuantizedType::from_code(op.function)
                    .ok_or_else(|| beyond("a quantised type"))?;
                line(format!(
                    "{nn}::quantize::quantize({nn}::quantize::QuantizedType::{integers:?}, {}, {}, {a}, \
                     {nn}::words::as_i16_mut(out));",
                    literal(op.p[0]),
                    literal(op.p[1])
                ));
            }
            OpCode::Dequantize => line(format!(
                "{nn}::quantize::dequantize({}, {nn}::words::as_i16({a}), out);",
                literal(op.p[0])
            )),
            OpCode::DenseQuantized => {
                let (kind, kernel) = match op.weights {
                    WeightType::I16 => (Kind::I16, "dense_i16"),
                    _ => (Kind::U8, "dense_i8"),
                };
                let weight = self.statics.constant(kind, op.b, extents.b)?;
                let bias = self.statics.constant(Kind::I32, op.c, extents.c)?;
                let multipliers =
                    self.statics
                        .constant(Kind::F32, Place::Constant(n3), n1 as usize)?;
                let output = match op.function {
                    0 => format!(
                        "Integers {{ values: {nn}::words::as_i16_mut(out), low: {}, high: {} }}",
                        op.p[0] as i16, op.p[1] as i16
                    ),
                    _ => "Reals(out)".to_string(),
                };
                let words = if op.function == 0 { n1.div_ceil(2) } else { n1 };
                line(format!("let input: &[f32] = {a};"));
                line(format!(
                    "for (input, out) in input.chunks_exact({}).zip(out.chunks_exact_mut({words})) {{",
                    n0.div_ceil(2)
                ));
                line(format!(
                    "    {nn}::dense_quantized::{kernel}({weight}, {bias}, {multipliers}, \
                     {nn}::words::as_i16(input), {nn}::dense_quantized::Output::{output});"
                ));
                line("}".to_string());
            }
            _ => return Err(beyond(&operation::describe(op, constants))),
        }
        let used = |name: &'static str| match body.contains(name) {
            true => name,
            false => "_",
        };
        Ok(format!(
            "        // {}\n        {{\n            let ({}, rest) = arena.split_at_mut({});\n            \
             let (out, {}) = rest.split_at_mut({});\n{}        }}\n",
            operation::describe(op, constants).trim_end(),
            used("before"),
            op.out,
            used("after"),
            extents.out,
            // An activation that is none is an empty line.
            body.lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        ))
    }
}

fn range(start: u32, len: u32) -> String {
    format!("{start}..{}", start + len)
}

/// The function of a layer or a map, applied to the result; nothing where there is none.
fn activation(op: &Op) -> String {
    let [p0, p1] = op.p.map(literal);
    Function::from_code(op.function).map_or(String::new(), |function| {
        format!("rlfd_runtime::nn::Function::{function:?}.apply([{p0}, {p1}], out);")
    })
}

/// A number that reads as the same bits.
fn literal(x: f32) -> String {
    if x.is_nan() {
        "f32::NAN".to_string()
    } else if x.is_infinite() {
        let sign = if x < 0.0 { "NEG_" } else { "" };
        format!("f32::{sign}INFINITY")
    } else {
        format!("{x:?}")
    }
}

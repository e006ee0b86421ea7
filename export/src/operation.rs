//! An operation of an image in words, and what it costs.

use rlfd_runtime::image::{Op, OpCode, Place, WeightType};
use rlfd_runtime::nn::{Function, ZipFunction};

/// e.g. `Dense 17 -> 256 Relu`.
#[must_use]
pub fn describe(op: &Op, constants: &[f32]) -> String {
    let [n0, n1, n2, n3] = op.n;
    let rows = |rows: u32| {
        if rows == 1 {
            String::new()
        } else {
            format!(" ×{rows}")
        }
    };
    let weights = match op.weights {
        WeightType::F32 => "",
        WeightType::F16 => " f16",
        WeightType::I8 => " i8",
        WeightType::I16 => " i16",
    };
    let text = match op.code {
        OpCode::Dense => format!(
            "{n0} -> {n1}{}{weights} {}{}",
            rows(n2),
            function(op),
            match op.c {
                Place::Arena(_) => " onto what is there",
                _ => "",
            }
        ),
        OpCode::Map => format!("{} {n0}", function(op)),
        OpCode::Zip => {
            let name =
                ZipFunction::from_code(op.function).map_or(String::new(), |f| format!("{f:?}"));
            format!(
                "{name} {n0}x{n1}x{n2}{}",
                match op.b {
                    Place::Constant(_) => " with a constant",
                    _ => "",
                }
            )
        }
        OpCode::Select => format!("{n0}"),
        OpCode::Copy => format!("{n0} -> {n1}"),
        OpCode::Gather => format!("{n3} of {n1}"),
        OpCode::MatMul => format!("{n0}x{n1} by {n1}x{n2}{}", rows(n3)),
        OpCode::Conv => {
            let words = constants.get(n0 as usize..).unwrap_or_default();
            let word = |i: usize| words.get(i).map_or(0, |word| word.to_bits());
            format!(
                "{}x{}x{} -> {}x{}x{}, kernel {}x{} {}",
                word(0) * word(1),
                word(2),
                word(3),
                word(0) * word(4),
                word(7),
                word(8),
                word(5),
                word(6),
                function(op)
            )
        }
        OpCode::Reduce | OpCode::Softmax | OpCode::ArgMax => {
            format!("function {} {n0}x{n1}x{n2}", op.function)
        }
        OpCode::LayerNorm => format!("{n1}{}", rows(n0)),
        OpCode::Quantize | OpCode::Dequantize => format!("{n0}"),
        OpCode::DenseQuantized => format!(
            "{n0} -> {n1}{}{weights} to {}",
            rows(n2),
            match op.function {
                0 => "integers",
                _ => "f32",
            }
        ),
        _ => String::new(),
    };
    format!("{:?} {}", op.code, text.trim_end())
}

fn function(op: &Op) -> String {
    match Function::from_code(op.function) {
        None => String::new(),
        Some(function @ (Function::Elu | Function::LeakyRelu)) => {
            format!("{function:?}({})", op.p[0])
        }
        Some(function @ (Function::Clip | Function::Selu | Function::HardSigmoid)) => {
            format!("{function:?}({}, {})", op.p[0], op.p[1])
        }
        Some(function) => format!("{function:?}"),
    }
}

/// Multiplications that are added up.
#[must_use]
pub fn macs(op: &Op, constants: &[f32]) -> u64 {
    let [n0, n1, n2, n3] = op.n.map(u64::from);
    match op.code {
        OpCode::Dense | OpCode::DenseQuantized => n0 * n1 * n2,
        OpCode::MatMul => n0 * n1 * n2 * n3,
        OpCode::Conv => {
            let words = constants.get(op.n[0] as usize..).unwrap_or_default();
            let word = |i: usize| words.get(i).map_or(0, |word| u64::from(word.to_bits()));
            n1 * n3 * word(1) * word(5) * word(6)
        }
        _ => 0,
    }
}

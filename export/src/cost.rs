//! [`estimates`]: cycles of a step on processors that an image may be meant for, before anything is flashed. A model of a few
//! constants over the operations' lengths, not a measurement: for the Cortex-M4F its constants are fitted to traces
//! (`cargo xtask bench engine --board`) and it stays within [`TOLERANCE`] of them; for the others they are derived as each says.

use rlfd_runtime::image::{Op, OpCode, PolicyImage, WeightType};
use rlfd_runtime::nn::{Function, ZipFunction};
use serde::Serialize;

use crate::operation;

/// How far an estimate for the Cortex-M4F is from the trace at most, as a share of it, on the policies of `docs/performance.md`.
pub const TOLERANCE: f64 = 0.05;

/// A processor in cycles, without wait states of its flash.
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    /// As its maker calls it.
    pub name: &'static str,
    /// Where the constants come from.
    pub basis: &'static str,
    /// Of a product of singles in a layer, added up, for outputs in whole groups of 16.
    product: f64,
    /// The same for the outputs that remain.
    narrow_product: f64,
    /// Of a product of 8-bit or 16-bit weights.
    integer_product: f64,
    /// How many times longer than on a Cortex-M4F everything else in singles takes.
    singles: f64,
    /// How many times longer everything else in integers takes, and finding the operands of an operation.
    integers: f64,
}

/// The processors that are estimated for.
pub const PROCESSORS: [Processor; 6] = [
    Processor {
        name: "Cortex-M4F",
        basis: "traces of P1 to P5",
        product: 3.28,
        narrow_product: 4.7,
        integer_product: 1.385,
        singles: 1.0,
        integers: 1.0,
    },
    // The same instructions two at a time where they do not wait for each other.
    Processor {
        name: "Cortex-M7",
        basis: "Cortex-M4F by CoreMark/MHz, 5.0 to 3.4",
        product: 2.2,
        narrow_product: 3.2,
        integer_product: 0.95,
        singles: 0.68,
        integers: 0.68,
    },
    // The portable kernels; those of the Cortex-M4F are not built for it.
    Processor {
        name: "Cortex-M33",
        basis: "portable kernels, counted on a Cortex-M4F",
        product: 4.95,
        narrow_product: 5.8,
        integer_product: 3.5,
        singles: 1.1,
        integers: 0.9,
    },
    Processor {
        name: "Cortex-M3",
        basis: "portable kernels; a product and a sum of singles in software 130 cycles",
        product: 135.0,
        narrow_product: 135.0,
        integer_product: 4.5,
        singles: 25.0,
        integers: 1.1,
    },
    Processor {
        name: "Cortex-M0+",
        basis: "portable kernels; a product and a sum of singles in software 260 cycles",
        product: 270.0,
        narrow_product: 270.0,
        integer_product: 9.0,
        singles: 50.0,
        integers: 2.0,
    },
    Processor {
        name: "RV32IMC",
        basis: "instructions, counted; one cycle each. A product and a sum of singles in software 160",
        product: 165.0,
        narrow_product: 165.0,
        integer_product: 3.6,
        singles: 30.0,
        integers: 1.2,
    },
];

/// What a step takes on one processor.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// The processor.
    pub processor: &'static str,
    /// Cycles, at zero wait states.
    pub cycles: u64,
    /// Where the constants of the model come from.
    pub basis: &'static str,
}

/// A step of the image on every processor of [`PROCESSORS`].
#[must_use]
pub fn estimates(image: &PolicyImage<'_>) -> Vec<Estimate> {
    let of = |processor: &Processor| {
        let ops = image
            .ops()
            .map(|op| processor.cycles(&op, image.constants()));
        let shape = image.shape();
        // Observation and action are copied.
        let copied = 4.0 * (shape.observation_dim + shape.action_dim) as f64;
        Estimate {
            processor: processor.name,
            cycles: (ops.sum::<f64>() + copied * processor.integers).round() as u64,
            basis: processor.basis,
        }
    };
    PROCESSORS.iter().map(of).collect()
}

/// Cycles on a Cortex-M4F to find an operation's operands and call its kernel.
const OPERATION: f64 = 260.0;
/// To begin a panel of 64 outputs.
const PANEL: f64 = 190.0;
/// To read a number from anywhere and put it elsewhere.
const MOVE: f64 = 20.0;
/// To make an 8-bit activation of a sum.
const REQUANTISE: f64 = 16.0;
/// To make one of a single.
const QUANTISE: f64 = 25.0;

impl Processor {
    fn cycles(&self, op: &Op, constants: &[f32]) -> f64 {
        let [n0, n1, n2, n3] = op.n.map(f64::from);
        let products = operation::macs(op, constants) as f64;
        let panels = n2 * (n1 / 64.0).ceil() * PANEL * self.integers;
        let work = match op.code {
            OpCode::Dense => {
                let wide = f64::from(op.n[1] / 16 * 16);
                let widened = if op.weights == WeightType::F16 {
                    3.0
                } else {
                    0.0
                };
                panels
                    + n0 * n2 * (wide * self.product + (n1 - wide) * self.narrow_product)
                    + products * widened
                    + n1 * n2 * self.function(op)
            }
            OpCode::DenseQuantized => {
                panels + products * self.integer_product + n1 * n2 * REQUANTISE * self.integers
            }
            OpCode::Quantize | OpCode::Dequantize => n0 * QUANTISE * self.singles,
            OpCode::Map => n0 * self.function(op),
            OpCode::Zip => n0 * n1 * n2 * zip(op) * self.singles,
            OpCode::MatMul => products * 1.6 * self.product,
            OpCode::Conv => products * 1.6 * self.product + n1 * n3 * self.function(op),
            OpCode::Select => n0 * MOVE * self.integers,
            OpCode::Copy => n1 * MOVE * self.integers,
            OpCode::Gather => n0 * n2 * n3 * MOVE * self.integers,
            OpCode::Reduce | OpCode::ArgMax => n0 * n1 * n2 * 8.0 * self.singles,
            OpCode::Softmax => n0 * n1 * n2 * 80.0 * self.singles,
            OpCode::LayerNorm => n0 * n1 * 14.0 * self.singles,
            // A later version's operation, which is described without its cost.
            _ => 0.0,
        };
        OPERATION * self.integers + work
    }

    /// Of one number.
    fn function(&self, op: &Op) -> f64 {
        let cycles = match Function::from_code(op.function) {
            None => 0.0,
            Some(Function::Relu | Function::Neg | Function::Abs) => 7.0,
            Some(Function::Tanh | Function::Sigmoid) => 42.0,
            Some(function) => match function.feature() {
                Some("tensor") => 200.0,
                _ => 66.0,
            },
        };
        cycles * self.singles
    }
}

/// A function of two numbers, on a Cortex-M4F.
fn zip(op: &Op) -> f64 {
    match ZipFunction::from_code(op.function) {
        Some(ZipFunction::Add | ZipFunction::Sub | ZipFunction::Mul) => 6.0,
        Some(ZipFunction::Pow | ZipFunction::Fmod | ZipFunction::Mod) => 300.0,
        _ => 20.0,
    }
}

//! [`Step`]: an operation of an image before its operands have addresses.

use rlfd_runtime::image::{OpCode, WeightType};

/// Words of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which buffer.
    pub buffer: usize,
    /// First word.
    pub start: usize,
    /// How many.
    pub len: usize,
}

impl Run {
    /// Whether both have words in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.buffer == other.buffer
            && self.start < other.start + other.len
            && other.start < self.start + self.len
    }
}

/// What a step reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operand {
    /// Nothing.
    #[default]
    None,
    /// A constant, by its index in [`Draft::constants`](super::Draft).
    Constant(usize),
    /// What earlier steps wrote.
    Run(Run),
}

impl Operand {
    /// The run, if it is one.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        match self {
            Self::Run(run) => Some(run),
            _ => None,
        }
    }
}

/// A constant before it has an address.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Singles as they are.
    F32(Vec<f32>),
    /// Whole numbers as they are.
    I32(Vec<i32>),
    /// Weights `[groups, outputs, inputs]`, laid in panels group by group.
    Panels {
        /// Row-major.
        weight: Vec<f32>,
        /// Independent layers.
        groups: usize,
        /// Width of the result of one.
        outputs: usize,
    },
    /// Weights `[outputs, inputs]`, laid in panels and rounded to half precision.
    Halves {
        /// Row-major.
        weight: Vec<f32>,
        /// Width of the result.
        outputs: usize,
    },
    /// Weights `[outputs, inputs]` of 16 bits, in pairs.
    WidePairs {
        /// Row-major.
        weight: Vec<i16>,
        /// Width of the result.
        outputs: usize,
    },
    /// Weights `[outputs, inputs]` of 8 bits, packed in pairs.
    Pairs {
        /// Row-major.
        weight: Vec<i8>,
        /// Width of the result.
        outputs: usize,
    },
}

/// An operation; see `docs/image.md` of the runtime for what the fields mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub code: OpCode,
    /// Which function.
    pub function: u8,
    /// How its weights lie.
    pub weights: WeightType,
    /// Operands a, b and c.
    pub operands: [Operand; 3],
    /// What it writes.
    pub out: Run,
    /// Lengths.
    pub n: [usize; 4],
    /// Parameters.
    pub p: [f32; 2],
    /// A constant whose address is a length: which length, which constant.
    pub extra: Option<(usize, usize)>,
    /// Moves neighbouring words without changing their order.
    pub is_plain_copy: bool,
    /// A factor or offset for each channel that may become part of the layer before it.
    pub is_affine: bool,
}

impl Step {
    /// The runs it reads.
    pub fn reads(&self) -> impl Iterator<Item = &Run> {
        self.operands.iter().filter_map(Operand::run)
    }
}

//! The operations of an image: what a writer states and a reader sees ([`Op`]), and how it lies ([`OpRecord`]).
//!
//! An operation reads up to three operands, each in the arena or among the constants, and writes one run of the arena.
//! What its fields mean for each code is the table in `docs/image.md`; [`Extents`] is that table as code.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::slot::Slot;
use crate::nn::{Function, ZipFunction};

/// What an operation does; the discriminants are the codes of the format and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum OpCode {
    /// `f(W a + b)` for each row.
    Dense = 1,
    /// `f(a)`
    Map = 2,
    /// `f(a, b)`, `b` repeated along outer and inner axes.
    Zip = 3,
    /// `b` where `a` is not 0, else `c`.
    Select = 4,
    /// Numbers moved from places with strides to places with strides.
    Copy = 5,
    /// Rows of a table.
    Gather = 6,
    /// Product of two matrices that are both computed.
    MatMul = 7,
    /// Convolution in two dimensions.
    Conv = 8,
    /// Sum, mean, maximum and so on along an axis.
    Reduce = 9,
    /// Softmax or its logarithm along an axis.
    Softmax = 10,
    /// Layer normalisation of each row.
    LayerNorm = 11,
    /// Index of the greatest or least along an axis.
    ArgMax = 12,
    /// From f32 to 16-bit integers.
    Quantize = 13,
    /// `W a + b` in integers.
    DenseQuantized = 14,
    /// From 16-bit integers to f32.
    Dequantize = 15,
}

impl OpCode {
    /// The operation of a code, `None` for a code this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Dense,
            2 => Self::Map,
            3 => Self::Zip,
            4 => Self::Select,
            5 => Self::Copy,
            6 => Self::Gather,
            7 => Self::MatMul,
            8 => Self::Conv,
            9 => Self::Reduce,
            10 => Self::Softmax,
            11 => Self::LayerNorm,
            12 => Self::ArgMax,
            13 => Self::Quantize,
            14 => Self::DenseQuantized,
            15 => Self::Dequantize,
            _ => return None,
        })
    }
}

/// How the weights of an operation lie; the discriminants are the codes of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum WeightType {
    /// Singles in panels.
    #[default]
    F32 = 0,
    /// Halves in panels.
    F16 = 1,
    /// Eight-bit integers in packed pairs.
    I8 = 2,
    /// Sixteen-bit integers in pairs.
    I16 = 3,
}

impl WeightType {
    /// The type of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::I8,
            3 => Self::I16,
            _ => return None,
        })
    }
}

/// Where the numbers of an operand start, counted in words of four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Place {
    /// The operand is left out.
    #[default]
    None,
    /// In the arena, the memory lent to the policy.
    Arena(u32),
    /// In the section of constants.
    Constant(u32),
}

const CONSTANT: u32 = 1 << 31;
const NONE: u32 = u32::MAX;

impl Place {
    /// How it lies in a record. Offsets have 31 bits, which a section's length respects.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::None => NONE,
            Self::Arena(start) => start & !CONSTANT,
            Self::Constant(start) => start | CONSTANT,
        }
    }

    /// The place of a code.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        if code == NONE {
            Self::None
        } else if code & CONSTANT != 0 {
            Self::Constant(code & !CONSTANT)
        } else {
            Self::Arena(code)
        }
    }
}

/// An operation; the meaning of `function`, `n` and `p` depends on the code, see `docs/image.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Op {
    /// What it does.
    pub code: OpCode,
    /// Which function of that kind; of Dense and Conv the activation, 0 for none.
    pub function: u8,
    /// How the weights lie, for operations that have any.
    pub weights: WeightType,
    /// Where in the arena the result starts.
    pub out: u32,
    /// First operand.
    pub a: Place,
    /// Second operand.
    pub b: Place,
    /// Third operand.
    pub c: Place,
    /// Lengths.
    pub n: [u32; 4],
    /// Parameters of the function.
    pub p: [f32; 2],
}

/// An operation as it lies in the image: what a step reads, in place.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct OpRecord {
    pub code: u8,
    pub function: u8,
    pub weights: u8,
    pub reserved: u8,
    pub out: Slot,
    /// a, b and c
    pub operands: [Slot; 3],
    pub n: [u32; 4],
    pub p: [f32; 2],
}

impl OpRecord {
    /// How an operation lies. A length that 32 bits do not hold, or that cannot be told, is one that no memory has.
    #[cfg(any(feature = "alloc", test))]
    pub fn new(op: &Op, constants: &[f32]) -> Self {
        let extents = op.extents(constants).unwrap_or(Extents {
            a: usize::MAX,
            b: usize::MAX,
            c: usize::MAX,
            out: usize::MAX,
        });
        Self {
            code: op.code as u8,
            function: op.function,
            weights: op.weights as u8,
            reserved: 0,
            out: slot(Place::Arena(op.out), extents.out),
            operands: [
                slot(op.a, extents.a),
                slot(op.b, extents.b),
                slot(op.c, extents.c),
            ],
            n: op.n,
            p: op.p,
        }
    }

    /// Reads a record; `None` where a code is unknown. The lengths of the slots follow from the rest.
    pub fn op(&self) -> Option<Op> {
        let [a, b, c] = self.operands.map(|slot| Place::from_code(slot.place));
        Some(Op {
            code: OpCode::from_code(self.code)?,
            function: self.function,
            weights: WeightType::from_code(self.weights)?,
            out: self.out.place,
            a,
            b,
            c,
            n: self.n,
            p: self.p,
        })
    }
}

/// A slot of the record, for an operand that is there as long as the operation reads.
pub(super) fn slot(place: Place, len: usize) -> Slot {
    match place {
        Place::None => Slot::NONE,
        place => Slot {
            place: place.code(),
            len: u32::try_from(len).unwrap_or(u32::MAX),
        },
    }
}

/// How many words an operation reads at each operand and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// At the first operand.
    pub a: usize,
    /// At the second.
    pub b: usize,
    /// At the third.
    pub c: usize,
    /// Written.
    pub out: usize,
}

/// Parameters of a convolution in the order they lie, each a whole number.
pub const CONV_PARAMETERS: usize = 15;

impl Op {
    /// The features of this crate that the operation, its weights and its function need beyond what is always there.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + use<> {
        let operation = match self.code {
            OpCode::Dense => (self.weights == WeightType::F16).then_some("half"),
            OpCode::Map => None,
            OpCode::Zip => ZipFunction::from_code(self.function).map(ZipFunction::feature),
            OpCode::Quantize | OpCode::DenseQuantized | OpCode::Dequantize => Some("quantized"),
            _ => Some("tensor"),
        };
        let function = match self.code {
            OpCode::Map | OpCode::Dense | OpCode::Conv => Function::from_code(self.function),
            _ => None,
        };
        [operation, function.and_then(Function::feature)]
            .into_iter()
            .flatten()
    }

    /// How far the operation reads and writes; `None` where a length does not fit an address, or the parameters that
    /// say so lie outside of `constants`.
    #[must_use]
    #[cfg_attr(not(feature = "tensor"), allow(unused_variables))]
    pub fn extents(&self, constants: &[f32]) -> Option<Extents> {
        let [n0, n1, n2, _] = self.n.map(|n| n as usize);
        let block = n0.checked_mul(n1)?.checked_mul(n2);
        let extents = |a, b, c, out| Some(Extents { a, b, c, out });
        match self.code {
            OpCode::Dense => {
                let weights = n0.checked_mul(n1)?;
                let weights = match self.weights {
                    WeightType::F16 => weights.div_ceil(2),
                    _ => weights,
                };
                let out = n1.checked_mul(n2)?;
                let bias = match self.c {
                    Place::Constant(_) => n1,
                    _ => out,
                };
                extents(n0.checked_mul(n2)?, weights, bias, out)
            }
            OpCode::Map => extents(n0, 0, 0, n0),
            OpCode::Zip => extents(block?, n1, 0, block?),
            #[cfg(feature = "quantized")]
            OpCode::Quantize => extents(n0, 0, 0, n0.div_ceil(2)),
            #[cfg(feature = "quantized")]
            OpCode::Dequantize => extents(n0.div_ceil(2), 0, 0, n0),
            #[cfg(feature = "quantized")]
            OpCode::DenseQuantized => {
                let pairs = n0.div_ceil(2);
                let out = match self.function {
                    0 => n1.div_ceil(2),
                    _ => n1,
                };
                let weights = match self.weights {
                    WeightType::I16 => n1,
                    _ => n1.div_ceil(2),
                };
                extents(
                    pairs.checked_mul(n2)?,
                    pairs.checked_mul(weights)?,
                    n1,
                    out.checked_mul(n2)?,
                )
            }
            #[cfg(feature = "tensor")]
            _ => self.tensor_extents(constants),
            // Refused already, see `features`.
            #[cfg(not(feature = "tensor"))]
            _ => None,
        }
    }

    #[cfg(feature = "tensor")]
    fn tensor_extents(&self, constants: &[f32]) -> Option<Extents> {
        let [n0, n1, n2, n3] = self.n.map(|n| n as usize);
        let block = n0.checked_mul(n1)?.checked_mul(n2);
        let extents = |a, b, c, out| Some(Extents { a, b, c, out });
        match self.code {
            OpCode::Select => extents(n0, n0, n0, n0),
            OpCode::Copy => extents(n0, n2, 0, n1),
            OpCode::Gather => extents(n3, block?, 0, n0.checked_mul(n2)?.checked_mul(n3)?),
            OpCode::MatMul => {
                let product = |x: usize, y: usize| x.checked_mul(y)?.checked_mul(n3);
                extents(product(n0, n1)?, product(n1, n2)?, 0, product(n0, n2)?)
            }
            OpCode::Conv => self.conv_extents(constants),
            OpCode::Reduce | OpCode::ArgMax => extents(block?, 0, 0, n0.checked_mul(n2)?),
            OpCode::Softmax => extents(block?, 0, 0, block?),
            OpCode::LayerNorm => {
                let len = n0.checked_mul(n1)?;
                extents(len, n1, n1, len)
            }
            _ => None,
        }
    }

    #[cfg(feature = "tensor")]
    fn conv_extents(&self, constants: &[f32]) -> Option<Extents> {
        let [_, batch, in_len, out_len] = self.n.map(|n| n as usize);
        let [groups, inputs, h, w, outputs, kh, kw, oh, ow, ..] =
            conv_words(self.n[0] as usize, constants)?;
        let product = |factors: &[usize]| {
            factors
                .iter()
                .try_fold(1_usize, |product, factor| product.checked_mul(*factor))
        };
        let agrees = product(&[groups, inputs, h, w])? == in_len
            && product(&[groups, outputs, oh, ow])? == out_len;
        agrees.then_some(Extents {
            a: batch.checked_mul(in_len)?,
            b: product(&[groups, outputs, inputs, kh, kw])?,
            c: groups.checked_mul(outputs)?,
            out: batch.checked_mul(out_len)?,
        })
    }

    /// Multiplications with a weight or of two results, which is most of the work of most policies.
    #[must_use]
    pub fn macs(&self, constants: &[f32]) -> u64 {
        let [n0, n1, n2, n3] = self.n.map(u64::from);
        let product =
            |factors: &[u64]| factors.iter().fold(1, |all: u64, n| all.saturating_mul(*n));
        match self.code {
            OpCode::Dense | OpCode::DenseQuantized => product(&[n0, n1, n2]),
            OpCode::MatMul => product(&[n0, n1, n2, n3]),
            OpCode::Conv => conv_words(self.n[0] as usize, constants).map_or(0, |words| {
                let [_, inputs, _, _, _, kh, kw, ..] = words.map(|word| word as u64);
                product(&[n1, n3, inputs, kh, kw])
            }),
            _ => 0,
        }
    }

    /// Whether the operation needs its operands `[a, b, c]`.
    pub(super) fn needs(&self) -> [bool; 3] {
        match self.code {
            OpCode::Dense | OpCode::Conv | OpCode::LayerNorm => {
                [true, self.code != OpCode::LayerNorm, false]
            }
            OpCode::Zip | OpCode::Copy | OpCode::Gather | OpCode::MatMul => [true, true, false],
            OpCode::Select | OpCode::DenseQuantized => [true, true, true],
            _ => [true, false, false],
        }
    }
}

/// The parameters of a convolution, which lie among the constants.
pub(super) fn conv_words(start: usize, constants: &[f32]) -> Option<[usize; CONV_PARAMETERS]> {
    let words = constants.get(start..)?.first_chunk::<CONV_PARAMETERS>()?;
    Some(words.map(|word| word.to_bits() as usize))
}

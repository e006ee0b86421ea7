//! The checks of a program: every operation known and available, every operand inside its memory, no result on top of an operand.

use super::execute::function_is_known;
use super::op::{Extents, OpRecord, WeightType, slot};
use super::slot::Slot;
use super::{ALIGNMENT, ImageError, Op, OpCode, Place, Program};
#[cfg(feature = "half")]
use crate::nn::dense_half::is_finite;
use crate::nn::is_built;

/// Arrays among the constants start at multiples of this many words, which is [`ALIGNMENT`] bytes.
pub(super) const ARRAY_ALIGNMENT: usize = ALIGNMENT / size_of::<f32>();

impl Program<'_> {
    /// Checks everything that running the program relies on.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        if self.ops.is_empty() && self.outputs.is_empty() {
            return Err(ImageError::Missing("operations"));
        }
        if self.state_len > self.arena_len {
            return Err(ImageError::Inconsistent {
                what: "state length",
            });
        }
        for (ports, what) in [(self.inputs, "input"), (self.outputs, "output")] {
            for (index, port) in ports.iter().enumerate() {
                self.check_port(index, what, port)?;
            }
        }
        for (what, ports, width) in [
            (
                "width of the inputs",
                self.inputs,
                self.shape.observation_dim,
            ),
            ("width of the outputs", self.outputs, self.shape.action_dim),
        ] {
            let sum = ports
                .iter()
                .try_fold(0_usize, |sum, port| sum.checked_add(port.len as usize));
            if sum != Some(width) {
                return Err(ImageError::Inconsistent { what });
            }
        }
        for (index, record) in self.ops.iter().enumerate() {
            self.check_op(index, record)?;
        }
        Ok(())
    }

    fn check_port(&self, index: usize, what: &'static str, port: &Slot) -> Result<(), ImageError> {
        let place = Place::from_code(port.place);
        let allowed = what == "output" || matches!(place, Place::Arena(_));
        if allowed && place != Place::None && self.holds(place, port.len as usize) {
            return Ok(());
        }
        Err(ImageError::Port { index, what })
    }

    fn check_op(&self, index: usize, record: &OpRecord) -> Result<(), ImageError> {
        let code = OpCode::from_code(record.code).ok_or(ImageError::UnknownOp {
            index,
            code: record.code,
        })?;
        let unknown = |field, value| ImageError::UnknownField {
            index,
            op: code,
            field,
            value,
        };
        let op = record
            .op()
            .filter(weights_are_known)
            .ok_or_else(|| unknown("type of weights", record.weights))?;
        if record.reserved != 0 {
            return Err(unknown("reserved byte", record.reserved));
        }
        if !function_is_known(&op) {
            return Err(unknown("function", record.function));
        }
        if let Some(feature) = op.features().find(|feature| !is_built(feature)) {
            return Err(ImageError::Feature { index, feature });
        }
        let wrong = |what| ImageError::Operand { index, what };
        let extents = op.extents(self.constants).ok_or(wrong("length"))?;
        self.check_operands(&op, extents).map_err(wrong)?;
        let [a, b, c] = record.operands;
        let lengths = [
            (record.out, Place::Arena(op.out), extents.out),
            (a, op.a, extents.a),
            (b, op.b, extents.b),
            (c, op.c, extents.c),
        ];
        if lengths
            .iter()
            .any(|(found, place, len)| *found != slot(*place, *len))
        {
            return Err(wrong("length"));
        }
        self.check_numbers(index, &op, extents)
    }

    fn check_operands(&self, op: &Op, extents: Extents) -> Result<(), &'static str> {
        if extents.out == 0 {
            return Err("result");
        }
        let out = Place::Arena(op.out);
        if op.out >= 1 << 31 || !self.holds(out, extents.out) {
            return Err("result");
        }
        let operands = [
            ("first operand", op.a, extents.a),
            ("second operand", op.b, extents.b),
            ("third operand", op.c, extents.c),
        ];
        for ((what, place, len), needed) in operands.into_iter().zip(op.needs()) {
            let in_place = what == "first operand"
                && place == out
                && matches!(op.code, OpCode::Map | OpCode::Zip);
            let fits = match place {
                Place::None => !needed,
                Place::Arena(start) => {
                    self.holds(place, len)
                        && (in_place || disjoint((start, len), (op.out, extents.out)))
                }
                Place::Constant(start) => {
                    self.holds(place, len) && (start as usize).is_multiple_of(ARRAY_ALIGNMENT)
                }
            };
            if !fits {
                return Err(what);
            }
        }
        self.check_parameters(op, extents)
    }

    /// Checks the constants that are neither operands nor found by [`Op::extents`].
    #[cfg_attr(not(feature = "tensor"), allow(unused_variables))]
    fn check_parameters(&self, op: &Op, extents: Extents) -> Result<(), &'static str> {
        let [_, n1, _, n3] = op.n.map(|n| n as usize);
        let holds = match op.code {
            #[cfg(feature = "tensor")]
            OpCode::Copy => {
                let parameters = match op.b {
                    Place::Constant(start) => self.constants.get(start as usize..),
                    _ => None,
                };
                let words = parameters.and_then(|words| words.get(..op.n[2] as usize));
                let words = words.and_then(super::execute::whole);
                words.is_some_and(|words| crate::nn::copy::check(words, extents.a, extents.out))
            }
            #[cfg(feature = "tensor")]
            OpCode::Conv => matches!(op.b, Place::Constant(_)),
            OpCode::Reduce | OpCode::ArgMax | OpCode::Softmax => n1 > 0,
            OpCode::DenseQuantized => {
                n3.is_multiple_of(ARRAY_ALIGNMENT)
                    && u32::try_from(n3).is_ok_and(|n3| self.holds(Place::Constant(n3), n1))
                    && [op.b, op.c]
                        .iter()
                        .all(|place| matches!(place, Place::Constant(_)))
            }
            OpCode::Dense => matches!(op.b, Place::Constant(_)),
            _ => true,
        };
        if holds { Ok(()) } else { Err("parameters") }
    }

    /// Weights and biases are finite: what is not would make every action NaN.
    fn check_numbers(&self, index: usize, op: &Op, extents: Extents) -> Result<(), ImageError> {
        let operands: &[(&str, Place, usize)] = match op.code {
            OpCode::Dense | OpCode::Conv | OpCode::LayerNorm => {
                &[("weight", op.b, extents.b), ("bias", op.c, extents.c)]
            }
            _ => &[],
        };
        for (what, place, len) in operands {
            let Place::Constant(start) = place else {
                continue;
            };
            let numbers = self.constants.get(*start as usize..).unwrap_or_default();
            let numbers = numbers.get(..*len).unwrap_or_default();
            let holds = match op.weights {
                #[cfg(feature = "half")]
                WeightType::F16 if *what == "weight" => {
                    let halves = super::execute::halves(numbers);
                    halves.is_some_and(|halves| halves.iter().all(|half| is_finite(*half)))
                }
                _ => numbers.iter().all(|number| number.is_finite()),
            };
            if !holds {
                return Err(ImageError::Number {
                    index,
                    what,
                    expected: "finite",
                });
            }
        }
        Ok(())
    }

    fn holds(&self, place: Place, len: usize) -> bool {
        let (start, memory) = match place {
            Place::None => return len == 0,
            Place::Arena(start) => (start, self.arena_len),
            Place::Constant(start) => (start, self.constants.len()),
        };
        (start as usize)
            .checked_add(len)
            .is_some_and(|end| end <= memory)
    }
}

fn weights_are_known(op: &Op) -> bool {
    match op.code {
        OpCode::Dense => matches!(op.weights, WeightType::F32 | WeightType::F16),
        OpCode::DenseQuantized => matches!(op.weights, WeightType::I8 | WeightType::I16),
        _ => op.weights == WeightType::F32,
    }
}

fn disjoint((a, a_len): (u32, usize), (b, b_len): (u32, usize)) -> bool {
    let (a, b) = (a as usize, b as usize);
    a.saturating_add(a_len) <= b || b.saturating_add(b_len) <= a
}

//! Steps with addresses to the operations and constants of an image. Constants lie in the order in which the operations read
//! them, so that a policy is one forward stream.

use std::collections::BTreeMap;

use rlfd_runtime::image::{Constants, ImageError, Op, OpCode, Place, panels};

use super::plan::Plan;
use super::step::{Operand, Step, Stored};

/// Operations under way.
#[derive(Debug)]
pub(super) struct Emitter<'a> {
    pub plan: &'a Plan,
    pub stored: &'a [Stored],
    pub constants: Constants,
    placed: BTreeMap<usize, Place>,
}

impl<'a> Emitter<'a> {
    pub fn new(plan: &'a Plan, stored: &'a [Stored]) -> Self {
        Self {
            plan,
            stored,
            constants: Constants::new(),
            placed: BTreeMap::new(),
        }
    }

    /// The operation of a step.
    pub fn op(&mut self, step: &Step) -> Result<Op, ImageError> {
        let mut places = [Place::None; 3];
        for (place, operand) in places.iter_mut().zip(&step.operands) {
            *place = self.operand(operand)?;
        }
        let mut n = [0; 4];
        for (to, from) in n.iter_mut().zip(step.n) {
            *to = small(from)?;
        }
        if step.code == OpCode::Copy && places[1] == Place::None {
            let line = [1, small(step.out.len)?.cast_signed(), 1, 1, 0, 0];
            places[1] = self.constants.i32(&line)?;
            n[2] = line.len() as u32;
        }
        if let Some((index, stored)) = step.extra
            && let Place::Constant(start) = self.operand(&Operand::Constant(stored))?
        {
            n[index] = start;
        }
        let [a, b, c] = places;
        Ok(Op {
            code: step.code,
            function: step.function,
            weights: step.weights,
            out: small(self.plan.address(&step.out))?,
            a,
            b,
            c,
            n,
            p: step.p,
        })
    }

    /// Where an operand lies; a constant is placed when it is first needed.
    pub fn operand(&mut self, operand: &Operand) -> Result<Place, ImageError> {
        match operand {
            Operand::None => Ok(Place::None),
            Operand::Run(run) => Ok(Place::Arena(small(self.plan.address(run))?)),
            Operand::Constant(index) => {
                if let Some(place) = self.placed.get(index) {
                    return Ok(*place);
                }
                let place = match &self.stored[*index] {
                    Stored::F32(numbers) => self.constants.f32(numbers)?,
                    Stored::I32(numbers) => self.constants.i32(numbers)?,
                    Stored::Panels {
                        weight,
                        groups,
                        outputs,
                    } => {
                        let inputs = weight.len() / (groups * outputs).max(1);
                        let mut all = Vec::with_capacity(weight.len());
                        for group in weight.chunks(inputs * outputs) {
                            all.extend(panels(group, inputs, *outputs)?);
                        }
                        self.constants.f32(&all)?
                    }
                    Stored::Halves { weight, outputs } => {
                        let inputs = weight.len() / (*outputs).max(1);
                        let panels = panels(weight, inputs, *outputs)?;
                        let halves = panels.iter().map(|x| half::f16::from_f32(*x).to_le_bytes());
                        self.constants.bytes(&halves.collect::<Vec<_>>().concat())?
                    }
                    Stored::WidePairs { weight, outputs } => {
                        self.constants.bytes(&wide_pairs(weight, *outputs))?
                    }
                    Stored::Pairs { weight, outputs } => {
                        self.constants.bytes(&pairs(weight, *outputs))?
                    }
                };
                self.placed.insert(*index, place);
                Ok(place)
            }
        }
    }
}

/// Outputs of a panel.
const PANEL: usize = 64;

/// Weights `[outputs, inputs]` packed for products of pairs: `a_i + 128, b_i, a_{i+1} + 128, b_{i+1}` of outputs a and b and two
/// inputs; what is missing at an end is 0.
fn pairs(weight: &[i8], outputs: usize) -> Vec<u8> {
    let inputs = weight.len() / outputs.max(1);
    let at = |output: usize, input: usize| match output < outputs && input < inputs {
        true => weight[output * inputs + input],
        false => 0,
    };
    let mut bytes = Vec::new();
    for first in (0..outputs).step_by(PANEL) {
        for input in (0..inputs).step_by(2) {
            for a in (first..outputs.min(first + PANEL)).step_by(2) {
                for i in [input, input + 1] {
                    bytes.extend([
                        at(a, i).cast_unsigned() ^ 0x80,
                        at(a + 1, i).cast_unsigned(),
                    ]);
                }
            }
        }
    }
    bytes
}

/// Weights `[outputs, inputs]` as pairs `w_i, w_{i+1}`, output by output; what is missing at an end is 0.
fn wide_pairs(weight: &[i16], outputs: usize) -> Vec<u8> {
    let inputs = weight.len() / outputs.max(1);
    let at = |output: usize, input: usize| match input < inputs {
        true => weight[output * inputs + input],
        false => 0,
    };
    let mut bytes = Vec::new();
    for first in (0..outputs).step_by(PANEL) {
        for input in (0..inputs).step_by(2) {
            for output in first..outputs.min(first + PANEL) {
                for i in [input, input + 1] {
                    bytes.extend(at(output, i).to_le_bytes());
                }
            }
        }
    }
    bytes
}

pub(super) fn small(value: usize) -> Result<u32, ImageError> {
    u32::try_from(value).map_err(|_| ImageError::TooLarge { what: "operation" })
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn pairs_lie_as_the_format_says() {
        // Outputs a, b and c of three inputs; c has no partner, the third input neither.
        let packed = pairs(&[1, 2, 3, 4, 5, 6, -7, 8, -9], 3);
        let expected = [
            [129, 4, 130, 5],
            [121, 0, 136, 0], // inputs 0 and 1
            [131, 6, 128, 0],
            [119, 0, 128, 0], // input 2
        ];
        assert_eq!(packed, expected.concat());
    }
}

//! Steps with addresses to the operations and constants of an image. Constants lie in the order in which the operations read
//! them, so that a policy is one forward stream.

use std::collections::BTreeMap;

use rlfd_runtime::image::{Constants, ImageError, Op, OpCode, Place, panels};
use rlfd_runtime::nn::pairs::{pack_i8, pack_i16};

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
                        let inputs = weight.len() / (*outputs).max(1);
                        let packed = pack_i16(weight, inputs, *outputs);
                        let packed = packed.ok_or(ImageError::TooLarge { what: "weights" })?;
                        let bytes: Vec<u8> = packed.iter().flat_map(|w| w.to_le_bytes()).collect();
                        self.constants.bytes(&bytes)?
                    }
                    Stored::Pairs { weight, outputs } => {
                        let inputs = weight.len() / (*outputs).max(1);
                        let packed = pack_i8(weight, inputs, *outputs);
                        let packed = packed.ok_or(ImageError::TooLarge { what: "weights" })?;
                        self.constants.bytes(&packed)?
                    }
                };
                self.placed.insert(*index, place);
                Ok(place)
            }
        }
    }
}

pub(super) fn small(value: usize) -> Result<u32, ImageError> {
    u32::try_from(value).map_err(|_| ImageError::TooLarge { what: "operation" })
}

#[cfg(test)]
mod tests {
    use rlfd_runtime::nn::pairs::pack_i8;

    #[test]
    fn pairs_lie_as_the_format_says() {
        // Outputs a, b and c of three inputs; c has no partner, the third input neither.
        let packed = pack_i8(&[1, 2, 3, 4, 5, 6, -7, 8, -9], 3, 3).unwrap();
        let expected = [
            [129, 4, 130, 5],
            [121, 0, 136, 0], // inputs 0 and 1
            [131, 6, 128, 0],
            [119, 0, 128, 0], // input 2
        ];
        assert_eq!(packed, expected.concat());
    }
}

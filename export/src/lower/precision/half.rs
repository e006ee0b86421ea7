//! Weights in half precision; the arithmetic stays.

use rlfd_runtime::image::{OpCode, WeightType};

use super::{Operand, Rewriter, Stored};

impl Rewriter<'_> {
    /// Halves the weights of every dense layer whose weights halves can hold, and says of how many.
    pub(super) fn halve(&mut self) -> usize {
        let mut count = 0;
        for step in self
            .steps
            .iter_mut()
            .filter(|step| step.code == OpCode::Dense)
        {
            let Operand::Constant(index) = step.operands[1] else {
                continue;
            };
            let Stored::Panels {
                weight,
                groups: 1,
                outputs,
            } = &self.constants[index]
            else {
                continue;
            };
            let fits = |weight: &f32| half::f16::from_f32(*weight).is_finite();
            if weight.iter().all(fits) {
                let halves = Stored::Halves {
                    weight: weight.clone(),
                    outputs: *outputs,
                };
                self.constants.push(halves);
                step.operands[1] = Operand::Constant(self.constants.len() - 1);
                step.weights = WeightType::F16;
                count += 1;
            }
        }
        count
    }
}

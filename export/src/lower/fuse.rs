//! Steps that become part of the step before them: biases, activations, batch normalisation, requantisation.

use rlfd_runtime::image::OpCode;

use super::codes::{map, zip};
use super::step::{Operand, Run, Step, Stored};

/// Steps of a program whose buffers are each written once.
#[derive(Debug)]
pub(super) struct Fuser<'a> {
    pub steps: &'a mut Vec<Step>,
    pub constants: &'a mut Vec<Stored>,
    pub buffers: &'a mut Vec<usize>,
    /// What is read when all steps are done.
    pub kept: &'a [Run],
}

/// A layer and the step behind it that alone reads its result.
struct Pair {
    layer: usize,
    next: usize,
}

impl Fuser<'_> {
    /// Fuses until nothing is left to fuse.
    pub fn run(&mut self) {
        self.drop_unread();
        let mut next = 0;
        while next < self.steps.len() {
            match self.pair(next) {
                Some(pair) if self.fuse(&pair) => next = next.saturating_sub(1),
                _ => next += 1,
            }
        }
        self.drop_unread();
    }

    /// Removes steps whose result nobody reads.
    fn drop_unread(&mut self) {
        let mut index = self.steps.len();
        while index > 0 {
            index -= 1;
            let out = self.steps[index].out;
            let reads = self.steps[index + 1..].iter().flat_map(Step::reads);
            if !reads.chain(self.kept).any(|run| run.overlaps(&out)) {
                self.steps.remove(index);
            }
        }
    }

    /// The layer whose whole result step `next` reads and nobody else.
    fn pair(&self, next: usize) -> Option<Pair> {
        let step = &self.steps[next];
        let is_layer = |step: &Step| {
            matches!(
                step.code,
                OpCode::Dense | OpCode::Conv | OpCode::DenseQuantized
            )
        };
        // Of two layers that are added the later one takes the other as its bias.
        let candidates = step.reads().filter_map(|run| {
            let layer = self.steps[..next].iter().rposition(|s| s.out == *run)?;
            let whole = run.len == self.buffers[run.buffer] && is_layer(&self.steps[layer]);
            let readers = self.steps.iter().flat_map(Step::reads).chain(self.kept);
            let only = readers.filter(|other| other.buffer == run.buffer).count() == 1;
            (whole && only).then_some(layer)
        });
        candidates.max().map(|layer| Pair { layer, next })
    }

    fn fuse(&mut self, pair: &Pair) -> bool {
        let (layer, next) = (
            &self.steps[pair.layer].clone(),
            &self.steps[pair.next].clone(),
        );
        let fused = match (layer.code, next.code) {
            (OpCode::DenseQuantized, OpCode::Quantize) if layer.function == 1 => {
                self.requantized(layer.clone(), next)
            }
            (OpCode::DenseQuantized, OpCode::Map) if layer.function == 1 => {
                return self.move_clip(pair);
            }
            (OpCode::DenseQuantized, OpCode::Zip) if layer.function == 1 => {
                self.integer_bias(layer.clone(), next)
            }
            (OpCode::Dense | OpCode::Conv, OpCode::Map) if layer.function == 0 => Some(Step {
                function: next.function,
                p: next.p,
                out: next.out,
                ..layer.clone()
            }),
            (OpCode::Dense | OpCode::Conv, OpCode::Zip) if layer.function == 0 => {
                match next.function {
                    zip::ADD => self.biased(layer.clone(), next),
                    zip::MUL if next.is_affine => self.multiplied(layer.clone(), next),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(fused) = fused else {
            return false;
        };
        self.steps[pair.next] = fused;
        self.steps.remove(pair.layer);
        true
    }

    /// Results of the layer for each of its outputs, and how many numbers each output has behind each other.
    fn outputs(layer: &Step) -> (usize, usize, usize) {
        match layer.code {
            OpCode::Conv => (layer.n[1], layer.n[3], 0),
            _ => (layer.n[2], layer.n[1], 1),
        }
    }

    /// A constant operand of `next`, one number for each output of the layer.
    fn for_each_output(&self, layer: &Step, next: &Step) -> Option<Vec<f32>> {
        let Operand::Constant(index) = next.operands[1] else {
            return None;
        };
        let Stored::F32(numbers) = &self.constants[index] else {
            return None;
        };
        let [outer, mid, inner, _] = next.n;
        let (rows, width, _) = Self::outputs(layer);
        let n_outputs = self.channels(layer)?;
        let positions = width / n_outputs;
        if mid == 1 && numbers.len() == 1 {
            return Some(vec![numbers[0]; n_outputs]);
        }
        (outer == rows && mid == n_outputs && inner == positions).then(|| numbers.clone())
    }

    /// Outputs with a bias of their own.
    fn channels(&self, layer: &Step) -> Option<usize> {
        match (layer.code, layer.operands[1]) {
            (OpCode::Conv, Operand::Constant(weight)) => match &self.constants[weight] {
                Stored::Panels {
                    groups, outputs, ..
                } => Some(groups * outputs),
                _ => None,
            },
            _ => Some(layer.n[1]),
        }
    }

    /// The layer with a constant, or what another step computed, as its bias.
    fn biased(&mut self, mut layer: Step, next: &Step) -> Option<Step> {
        let out = next.out;
        if next.operands[0].run() == Some(&layer.out)
            && let Some(numbers) = self.for_each_output(&layer, next)
        {
            let bias = match layer.operands[2] {
                Operand::None => numbers,
                Operand::Constant(own) if next.is_affine => match &self.constants[own] {
                    Stored::F32(own) => own.iter().zip(&numbers).map(|(a, b)| a + b).collect(),
                    _ => return None,
                },
                _ => return None,
            };
            if !bias.iter().all(|x| x.is_finite()) {
                return None;
            }
            self.constants.push(Stored::F32(bias));
            layer.operands[2] = Operand::Constant(self.constants.len() - 1);
            layer.out = out;
            return Some(layer);
        }
        let [outer, mid, inner, _] = next.n;
        let both = next.operands[0].run().zip(next.operands[1].run());
        let (a, b) =
            both.filter(|_| layer.code == OpCode::Dense && layer.operands[2] == Operand::None)?;
        let other = if *a == layer.out { b } else { a };
        if (outer, inner) != (1, 1) || mid != layer.out.len || other.buffer == layer.out.buffer {
            return None;
        }
        layer.operands[2] = Operand::Run(*other);
        layer.out = out;
        Some(layer)
    }

    /// The layer with weights and bias multiplied.
    fn multiplied(&mut self, mut layer: Step, next: &Step) -> Option<Step> {
        let factors = self
            .for_each_output(&layer, next)
            .filter(|_| next.operands[0].run() == Some(&layer.out))?;
        let Operand::Constant(index) = layer.operands[1] else {
            return None;
        };
        let Stored::Panels {
            weight,
            groups,
            outputs,
        } = &self.constants[index]
        else {
            return None;
        };
        let (groups, outputs) = (*groups, *outputs);
        let inputs = weight.len() / factors.len();
        let weight: Vec<f32> = weight
            .iter()
            .enumerate()
            .map(|(i, w)| w * factors[i / inputs])
            .collect();
        let bias = match layer.operands[2] {
            Operand::None => None,
            Operand::Constant(bias) => match &self.constants[bias] {
                Stored::F32(bias) => Some(
                    bias.iter()
                        .zip(&factors)
                        .map(|(a, b)| a * b)
                        .collect::<Vec<f32>>(),
                ),
                _ => return None,
            },
            Operand::Run(_) => return None,
        };
        if !weight
            .iter()
            .chain(bias.iter().flatten())
            .all(|x| x.is_finite())
        {
            return None;
        }
        self.constants.push(Stored::Panels {
            weight,
            groups,
            outputs,
        });
        layer.operands[1] = Operand::Constant(self.constants.len() - 1);
        if let Some(bias) = bias {
            self.constants.push(Stored::F32(bias));
            layer.operands[2] = Operand::Constant(self.constants.len() - 1);
        }
        layer.out = next.out;
        Some(layer)
    }

    /// Multipliers of an integer layer.
    fn multipliers(&self, layer: &Step) -> Option<Vec<f32>> {
        match &self.constants[layer.extra?.1] {
            Stored::F32(multipliers) => Some(multipliers.clone()),
            _ => None,
        }
    }

    /// An integer layer with a bias that was added behind it.
    fn integer_bias(&mut self, mut layer: Step, next: &Step) -> Option<Step> {
        let is_sum = next.function == zip::ADD && next.operands[0].run() == Some(&layer.out);
        let added = self.for_each_output(&layer, next).filter(|_| is_sum)?;
        let multipliers = self.multipliers(&layer)?;
        let Operand::Constant(bias) = layer.operands[2] else {
            return None;
        };
        let Stored::I32(bias) = &self.constants[bias] else {
            return None;
        };
        let mut sums = Vec::new();
        for (i, bias) in bias.iter().enumerate() {
            let steps = (f64::from(added[i]) / f64::from(multipliers[i])).round_ties_even();
            // A quarter of the range: sums of products stay below the rest.
            if *bias != 0 || steps.abs() >= f64::from(i32::MAX / 4) {
                return None;
            }
            sums.push(steps as i32);
        }
        self.constants.push(Stored::I32(sums));
        layer.operands[2] = Operand::Constant(self.constants.len() - 1);
        layer.out = next.out;
        Some(layer)
    }

    /// An integer layer with an integer result.
    fn requantized(&mut self, mut layer: Step, next: &Step) -> Option<Step> {
        let [scale, zero] = next.p;
        let (low, high) = match next.function {
            0 => (-128.0, 127.0),
            1 => (0.0, 255.0),
            _ => (-32768.0, 32767.0),
        };
        // Rows of whole words only.
        if layer.n[2] > 1 && !layer.n[1].is_multiple_of(2) {
            return None;
        }
        let multipliers = self
            .multipliers(&layer)?
            .iter()
            .map(|m| m / scale)
            .collect();
        self.constants.push(Stored::F32(multipliers));
        layer.extra = Some((3, self.constants.len() - 1));
        layer.function = 0;
        layer.p = [low - zero, high - zero];
        layer.out = next.out;
        Some(layer)
    }

    /// Bounds between an integer layer and its requantisation become bounds of the integers: rounding keeps order.
    fn move_clip(&mut self, pair: &Pair) -> bool {
        let clip = &self.steps[pair.next];
        let (low, high) = match clip.function {
            map::RELU => (0.0, f32::INFINITY),
            map::CLIP => (clip.p[0], clip.p[1]),
            _ => return false,
        };
        let mut readers = (0..self.steps.len()).filter(|i| {
            self.steps[*i]
                .reads()
                .any(|run| run.buffer == clip.out.buffer)
        });
        let (Some(quantize), None) = (readers.next(), readers.next()) else {
            return false;
        };
        let is_kept = self.kept.iter().any(|run| run.buffer == clip.out.buffer);
        let next = &self.steps[quantize];
        if is_kept || next.code != OpCode::Quantize {
            return false;
        }
        let scale = next.p[0];
        let next = next.clone();
        let Some(mut fused) = self.requantized(self.steps[pair.layer].clone(), &next) else {
            return false;
        };
        fused.p[0] = fused.p[0].max((low / scale).round_ties_even());
        fused.p[1] = fused.p[1].min((high / scale).round_ties_even());
        if fused.p[0] > fused.p[1] {
            return false;
        }
        self.steps[quantize] = fused;
        self.steps.remove(pair.next);
        self.steps.remove(pair.layer);
        true
    }
}

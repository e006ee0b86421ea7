//! Fewer bits: dense layers with constant weights rewritten to half precision or to integers.
//!
//! Integers are symmetric: an activation is `q * s`, a weight `q * s_o` with a scale for each output, and the layer computes
//! `(Σ q_w q_x + q_b) * (s * s_o)` (Jacob et al. 2018, section 2.1, without zero points). Scales of activations come from [`Ranges`]
//! seen in use. An observation, whose numbers have units of their own, is divided by its own greatest number each before it is
//! quantised, and the weights multiplied by it.

mod half;

use std::collections::BTreeMap;

use rlfd_runtime::image::{OpCode, WeightType};

use super::codes::{map, zip};
use super::ranges::Ranges;
use super::step::{Operand, Run, Step, Stored};

/// How many bits weights and, for integers, activations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Weights of 16 bits, arithmetic in single precision.
    F16,
    /// Weights of up to 16 bits, activations of 14: what keeps the sum of hundreds of products within 32.
    I16,
    /// Weights and activations of 8 bits.
    I8,
}

/// Code of the operation Quantize and greatest magnitude of an activation.
struct Activations {
    function: u8,
    limit: f32,
}

impl Precision {
    fn activations(self) -> Activations {
        match self {
            Self::I8 => Activations {
                function: 0,
                limit: 127.0,
            },
            _ => Activations {
                function: 3,
                limit: 8191.0,
            },
        }
    }
}

/// Steps, constants and buffers to rewrite.
#[derive(Debug)]
pub(super) struct Rewriter<'a> {
    pub steps: &'a mut Vec<Step>,
    pub constants: &'a mut Vec<Stored>,
    pub buffers: &'a mut Vec<usize>,
    /// What is read when all steps are done.
    pub kept: &'a [Run],
}

/// A dense layer that becomes one of integers.
#[derive(Clone, Debug)]
struct Layer {
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// What the inputs are divided by first; `None` where all have one scale.
    divisors: Option<Vec<f32>>,
    /// An activation is `q * scale`.
    scale: f32,
    /// Where its input lies as integers, if the layer before writes them there.
    packed: Option<Run>,
}

impl Rewriter<'_> {
    /// Rewrites every dense layer that can be, and says how many. Layers that nothing was seen of keep their precision.
    pub fn run(&mut self, precision: Precision, ranges: &Ranges) -> usize {
        match precision {
            Precision::F16 => self.halve(),
            _ => self.quantize(precision, ranges),
        }
    }

    fn quantize(&mut self, precision: Precision, ranges: &Ranges) -> usize {
        let activations = precision.activations();
        let mut layers: BTreeMap<usize, Layer> = BTreeMap::new();
        for index in 0..self.steps.len() {
            if let Some(layer) = self.layer(index, ranges, &activations) {
                layers.insert(index, layer);
            }
        }
        let count = layers.len();
        let mut rewritten = Vec::new();
        for index in 0..self.steps.len() {
            let step = self.steps[index].clone();
            let Some(layer) = layers.get(&index).cloned() else {
                rewritten.push(step);
                continue;
            };
            let next = self.only_reader(index).filter(|next| {
                let is_one_scale = |layer: &Layer| layer.divisors.is_none();
                layers.get(next).is_some_and(is_one_scale)
            });
            let steps = self.integer_layer(
                &step,
                &layer,
                precision,
                next.map(|next| layers[&next].scale),
            );
            if let (Some(next), Some(last)) = (next, steps.last())
                && last.code == OpCode::DenseQuantized
                && last.function == 0
                && let Some(layer) = layers.get_mut(&next)
            {
                layer.packed = Some(last.out);
            }
            rewritten.extend(steps);
        }
        *self.steps = rewritten;
        count
    }

    /// The layer of a step, if it can be rewritten.
    fn layer(&self, index: usize, ranges: &Ranges, activations: &Activations) -> Option<Layer> {
        let step = &self.steps[index];
        let [inputs, outputs, rows, _] = step.n;
        let (OpCode::Dense, Operand::Constant(weight)) = (step.code, step.operands[1]) else {
            return None;
        };
        let Stored::Panels {
            weight, groups: 1, ..
        } = &self.constants[weight]
        else {
            return None;
        };
        let bias = match step.operands[2] {
            Operand::Constant(bias) => match &self.constants[bias] {
                Stored::F32(bias) => bias.clone(),
                _ => return None,
            },
            _ => vec![0.0; outputs],
        };
        let greatest = ranges.of(index)?;
        let usable = greatest.iter().all(|x| x.is_finite()) && greatest.len() == inputs;
        // Rows of whole words only.
        if !usable || (rows > 1 && !inputs.is_multiple_of(2)) {
            return None;
        }
        let input = step.operands[0].run()?;
        let producer = self.steps[..index]
            .iter()
            .rfind(|step| step.out.overlaps(input));
        let is_of_a_layer =
            producer.is_some_and(|step| matches!(step.code, OpCode::Dense | OpCode::Map));
        let all = greatest.iter().fold(0.0_f32, |all, x| all.max(*x));
        let positive = |x: f32| if x > 0.0 { x } else { 1.0 };
        Some(match is_of_a_layer {
            true => Layer {
                weight: weight.clone(),
                bias,
                divisors: None,
                scale: positive(all) / activations.limit,
                packed: None,
            },
            false => Layer {
                weight: weight.clone(),
                bias,
                divisors: Some(greatest.iter().map(|x| positive(*x)).collect()),
                scale: 1.0 / activations.limit,
                packed: None,
            },
        })
    }

    /// The step that alone reads the whole result of another one.
    fn only_reader(&self, index: usize) -> Option<usize> {
        let out = self.steps[index].out;
        let mut readers = (index + 1..self.steps.len())
            .filter(|next| self.steps[*next].reads().any(|run| run.overlaps(&out)));
        let next = readers.next()?;
        let is_kept = self.kept.iter().any(|run| run.overlaps(&out));
        let whole = self.steps[next].operands[0].run() == Some(&out);
        (readers.next().is_none() && !is_kept && whole).then_some(next)
    }

    /// The steps of a layer in integers; with the scale of the next layer's activations they end in integers where the activation
    /// allows it.
    fn integer_layer(
        &mut self,
        step: &Step,
        layer: &Layer,
        precision: Precision,
        next: Option<f32>,
    ) -> Vec<Step> {
        let [inputs, outputs, rows, _] = step.n;
        let Activations { function, limit } = precision.activations();
        let mut steps = Vec::new();
        let mut input = step.operands[0];
        let mut weight = layer.weight.clone();
        if let Some(divisors) = &layer.divisors {
            let reciprocals = divisors.iter().map(|x| 1.0 / x).collect();
            let out = self.buffer(rows * inputs);
            steps.push(Step {
                code: OpCode::Zip,
                function: zip::MUL,
                weights: WeightType::F32,
                operands: [input, self.store(Stored::F32(reciprocals)), Operand::None],
                out,
                n: [rows, inputs, 1, 0],
                p: [0.0; 2],
                extra: None,
                is_plain_copy: false,
                is_affine: false,
            });
            input = Operand::Run(out);
            for row in weight.chunks_mut(inputs.max(1)) {
                row.iter_mut()
                    .zip(divisors)
                    .for_each(|(weight, divisor)| *weight *= divisor);
            }
        }
        let packed = layer.packed.unwrap_or_else(|| {
            let out = self.buffer(rows * inputs.div_ceil(2));
            steps.push(Step {
                code: OpCode::Quantize,
                function,
                weights: WeightType::F32,
                operands: [input, Operand::None, Operand::None],
                out,
                n: [rows * inputs, 0, 0, 0],
                p: [layer.scale, 0.0],
                extra: None,
                is_plain_copy: false,
                is_affine: false,
            });
            out
        });
        let scales: Vec<f32> = weight
            .chunks(inputs.max(1))
            .zip(&layer.bias)
            .map(|(row, bias)| weight_scale(row, *bias, layer.scale, limit, precision))
            .collect();
        let quantized = |(row, scale): (&[f32], &f32)| -> Vec<i16> {
            row.iter()
                .map(|weight| (weight / scale).round_ties_even() as i16)
                .collect()
        };
        let integers: Vec<i16> = weight
            .chunks(inputs.max(1))
            .zip(&scales)
            .flat_map(quantized)
            .collect();
        let bias = layer.bias.iter().zip(&scales);
        let bias = bias.map(|(bias, scale)| {
            (f64::from(*bias) / f64::from(layer.scale * scale)).round_ties_even() as i32
        });
        let bias = Stored::I32(bias.collect());
        let (stored, weights) = match precision {
            Precision::I8 => (
                Stored::Pairs {
                    weight: integers.iter().map(|weight| *weight as i8).collect(),
                    outputs,
                },
                WeightType::I8,
            ),
            _ => (
                Stored::WidePairs {
                    weight: integers,
                    outputs,
                },
                WeightType::I16,
            ),
        };
        let is_biased_by_a_step = matches!(step.operands[2], Operand::Run(_));
        let next =
            next.filter(|_| !is_biased_by_a_step && (rows == 1 || outputs.is_multiple_of(2)));
        let low = match step.function {
            0 => Some(-limit),
            map::RELU => Some(0.0),
            _ => None,
        };
        let integer_result = next.zip(low);
        let multipliers = scales.iter().map(|scale| match integer_result {
            Some((next, _)) => layer.scale * scale / next,
            None => layer.scale * scale,
        });
        let multipliers = Stored::F32(multipliers.collect());
        let multipliers = self.store_index(multipliers);
        let out = match integer_result {
            Some(_) => self.buffer(rows * outputs.div_ceil(2)),
            None => step.out,
        };
        steps.push(Step {
            code: OpCode::DenseQuantized,
            function: u8::from(integer_result.is_none()),
            weights,
            operands: [Operand::Run(packed), self.store(stored), self.store(bias)],
            out,
            n: [inputs, outputs, rows, 0],
            p: integer_result.map_or([0.0; 2], |(_, low)| [low, limit]),
            extra: Some((3, multipliers)),
            is_plain_copy: false,
            is_affine: false,
        });
        if integer_result.is_some() {
            return steps;
        }
        if is_biased_by_a_step {
            steps.push(Step {
                code: OpCode::Zip,
                function: zip::ADD,
                weights: WeightType::F32,
                operands: [Operand::Run(out), step.operands[2], Operand::None],
                n: [1, rows * outputs, 1, 0],
                out,
                p: [0.0; 2],
                extra: None,
                ..step.clone()
            });
        }
        if step.function != 0 {
            steps.push(Step {
                code: OpCode::Map,
                weights: WeightType::F32,
                operands: [Operand::Run(out), Operand::None, Operand::None],
                n: [rows * outputs, 0, 0, 0],
                out,
                extra: None,
                ..step.clone()
            });
        }
        steps
    }

    fn buffer(&mut self, len: usize) -> Run {
        self.buffers.push(len);
        Run {
            buffer: self.buffers.len() - 1,
            start: 0,
            len,
        }
    }

    fn store(&mut self, stored: Stored) -> Operand {
        Operand::Constant(self.store_index(stored))
    }

    fn store_index(&mut self, stored: Stored) -> usize {
        self.constants.push(stored);
        self.constants.len() - 1
    }
}

/// What a weight of 1 stands for: as fine as the bits allow, and as coarse as keeps every sum within 32 bits.
fn weight_scale(
    row: &[f32],
    bias: f32,
    activation_scale: f32,
    limit: f32,
    precision: Precision,
) -> f32 {
    let greatest = row
        .iter()
        .fold(0.0_f32, |greatest, weight| greatest.max(weight.abs()));
    let most = match precision {
        Precision::I8 => f32::from(i8::MAX),
        _ => f32::from(i16::MAX),
    };
    // One part in a hundred is left for the roundings.
    let room = f64::from(i32::MAX) * 0.99;
    let magnitudes: f64 = row.iter().map(|weight| f64::from(weight.abs())).sum();
    let largest_sum = magnitudes * f64::from(limit) + f64::from(bias.abs() / activation_scale);
    let scale = (greatest / most).max((largest_sum / room) as f32);
    if scale > 0.0 { scale } else { 1.0 }
}

//! [`Adam`] (Kingma & Ba 2015, algorithm 1) on a flat tensor, in the arithmetic of `torch.optim.Adam`.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::{Collective, Parameters, host_slice, host_slice_mut};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// First and second moments of one flat parameter tensor.
#[derive(Debug)]
pub struct Adam {
    learning_rate: f64,
    betas: (f64, f64),
    steps: i32,
    mean: Tensor,
    square: Tensor,
    collective: Option<Collective>,
}

/// What [`Adam`] must remember to go on after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamState {
    steps: i32,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Adam {
    /// For `parameters`, with PyTorch's defaults for everything but the learning rate.
    #[must_use]
    pub fn new(parameters: &Tensor, learning_rate: f64) -> Self {
        Self {
            learning_rate,
            betas: (BETA_1, BETA_2),
            steps: 0,
            mean: parameters.zeros_like(),
            square: parameters.zeros_like(),
            collective: None,
        }
    }

    /// With other decay rates of the moments than 0.9 and 0.999.
    #[must_use]
    pub fn with_betas(mut self, betas: (f64, f64)) -> Self {
        self.betas = betas;
        self
    }

    /// Steps from now on along the sum of the gradients of all processes.
    pub fn share(&mut self, collective: &Collective) {
        self.collective = Some(collective.clone());
    }

    /// One step along the sum of `gradients`, each of the layout of `parameters`: every thread that worked on the batch
    /// hands in its share.
    pub fn step(&mut self, parameters: &mut Tensor, gradients: &[&Tensor]) {
        self.steps += 1;
        let (beta_1, beta_2) = self.betas;
        let rate = self.learning_rate / (1.0 - beta_1.powi(self.steps));
        let root = (1.0 - beta_2.powi(self.steps)).sqrt();
        if parameters.device() == Device::Cpu {
            let step = Step {
                rate: rate as f32,
                reciprocal_root: (1.0 / root) as f32,
                beta_1: beta_1 as f32,
                beta_2: beta_2 as f32,
            };
            let (first, rest) = gradients.split_first().expect("a gradient");
            let mut sum;
            let gradient = if rest.is_empty() && self.collective.is_none() {
                host_slice(first)
            } else {
                sum = host_slice(first).to_vec();
                for more in rest {
                    sum.iter_mut()
                        .zip(host_slice(more))
                        .for_each(|(sum, value)| *sum += value);
                }
                if let Some(collective) = &self.collective {
                    collective.sum(&mut sum);
                }
                &sum
            };
            let mean = host_slice_mut(&mut self.mean);
            let square = host_slice_mut(&mut self.square);
            apply(step, host_slice_mut(parameters), gradient, mean, square);
        } else {
            let mut gradient: Tensor = gradients.iter().copied().sum();
            if let Some(collective) = &self.collective {
                let mut sum = host_slice(&gradient.to_device(Device::Cpu)).to_vec();
                collective.sum(&mut sum);
                gradient.copy_(&Tensor::from_slice(&sum));
            }
            let _ = self.mean.lerp_(&gradient, 1.0 - beta_1);
            self.square *= beta_2;
            self.square += gradient.square() * (1.0 - beta_2);
            *parameters -= &self.mean * rate / (self.square.sqrt() / root + EPSILON);
        }
    }

    /// As [`Adam::step`], on all numbers of `parameters`.
    pub fn step_parameters(&mut self, parameters: &mut Parameters, gradients: &[&Tensor]) {
        let mut flat = parameters.flat().shallow_clone();
        self.step(&mut flat, gradients);
    }

    /// For a checkpoint.
    #[must_use]
    pub fn save(&self) -> AdamState {
        let host = |tensor: &Tensor| host_slice(&tensor.to_device(Device::Cpu)).to_vec();
        AdamState {
            steps: self.steps,
            mean: host(&self.mean),
            square: host(&self.square),
        }
    }

    /// From a checkpoint of the same network.
    pub fn restore(&mut self, state: &AdamState) {
        self.steps = state.steps;
        self.mean.copy_(&Tensor::from_slice(&state.mean));
        self.square.copy_(&Tensor::from_slice(&state.square));
    }
}

/// What is the same for all elements of one step.
#[derive(Clone, Copy)]
struct Step {
    rate: f32,
    reciprocal_root: f32,
    beta_1: f32,
    beta_2: f32,
}

/// One pass over memory for the whole update. Wider registers change no bit: there is no fused multiply-add and every
/// element stands alone.
#[multiversion(targets("x86_64+avx2"))]
fn apply(
    step: Step,
    parameters: &mut [f32],
    gradient: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    let (beta_1, beta_2, epsilon) = (step.beta_1, step.beta_2, EPSILON as f32);
    for (((p, g), m), v) in parameters.iter_mut().zip(gradient).zip(mean).zip(square) {
        *m = beta_1 * *m + (1.0 - beta_1) * g;
        *v = beta_2 * *v + (1.0 - beta_2) * g * g;
        *p -= step.rate * *m / (v.sqrt() * step.reciprocal_root + epsilon);
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::OptimizerConfig;
    use tch::{Kind, nn};

    use super::*;
    use crate::nn::threads;

    /// libtorch's own Adam is the reference: 50 steps on a quadratic with a different curvature per element.
    #[test]
    fn follows_libtorch() {
        follows_libtorch_with((BETA_1, BETA_2));
        follows_libtorch_with((0.5, 0.9));
    }

    fn follows_libtorch_with(betas: (f64, f64)) {
        let vs = nn::VarStore::new(Device::Cpu);
        let start: Vec<f32> = (0..37).map(|i| (i as f32 * 0.7).sin()).collect();
        let mut theirs = vs.root().var_copy("x", &Tensor::from_slice(&start));
        let mut optimiser = nn::adam(betas.0, betas.1, 0.0).build(&vs, 3e-3).unwrap();
        let mut ours = Tensor::from_slice(&start);
        let mut adam = Adam::new(&ours, 3e-3).with_betas(betas);
        let curvature = Tensor::linspace(0.01, 10.0, 37, (Kind::Float, Device::Cpu));
        for _ in 0..50 {
            let loss = (&theirs * &theirs * &curvature).sum(Kind::Float);
            optimiser.backward_step(&loss);
            let gradient = &ours * &curvature * 2.0;
            // Two shares, as two threads would hand in.
            adam.step(&mut ours, &[&(&gradient * 0.25), &(&gradient * 0.75)]);
        }
        let difference = (&ours - theirs.detach_()).abs().max().double_value(&[]);
        assert!(difference < 2e-6, "off by {difference}");
    }

    /// Workers whose gradients are summed take the first step of one worker: Adam divides the scale out.
    #[test]
    fn the_first_step_does_not_depend_on_the_number_of_workers() {
        let gradient = Tensor::linspace(0.1, 2.0, 40, (Kind::Float, Device::Cpu));
        let first_step = |workers: usize| {
            let (mut x, mut adam) = (gradient.ones_like(), Adam::new(&gradient, 1e-3));
            adam.step(&mut x, &vec![&gradient; workers]);
            x
        };
        let apart = (first_step(4) - first_step(1)).abs().max();
        assert!(apart.double_value(&[]) < 1e-6);
        let moved = (first_step(1) - 1.0).abs().max();
        assert!(moved.double_value(&[]) > 9e-4);
    }

    /// As many processes with the same gradient as one likes: the first step is that of one.
    #[test]
    fn summed_gradients_of_identical_workers_give_the_step_of_one() {
        let gradient: Vec<f32> = (1..200).map(|i| (i as f32 * 0.7).sin()).collect();
        let first_step = |collective: Option<Collective>| {
            let gradient = Tensor::from_slice(&gradient);
            let mut parameters = gradient.zeros_like();
            let mut adam = Adam::new(&parameters, 1e-3);
            if let Some(collective) = &collective {
                adam.share(collective);
            }
            adam.step(&mut parameters, &[&gradient]);
            host_slice(&parameters).to_vec()
        };
        let alone = first_step(None);
        assert!(alone.iter().all(|step| (step.abs() - 1e-3).abs() < 1e-6));
        for together in threads::together(4, |collective| first_step(Some(collective))) {
            for (ours, theirs) in together.iter().zip(&alone) {
                assert!((ours - theirs).abs() < 1e-6, "{ours} and {theirs}");
            }
        }
    }

    #[test]
    fn a_restored_optimiser_continues_bit_for_bit() {
        let gradient = Tensor::linspace(-1.0, 1.0, 9, (Kind::Float, Device::Cpu));
        let (mut x, mut adam) = (gradient.zeros_like(), Adam::new(&gradient, 0.1));
        adam.step(&mut x, &[&gradient]);
        let (mut y, mut resumed) = (x.copy(), Adam::new(&gradient, 0.1));
        resumed.restore(&adam.save());
        adam.step(&mut x, &[&gradient]);
        resumed.step(&mut y, &[&gradient]);
        assert_eq!(host_slice(&x), host_slice(&y));
    }
}

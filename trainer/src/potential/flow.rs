//! [`Flow`]: the density of demonstrated states and actions as an invertible map to standard normal numbers, a masked
//! autoregressive flow (Papamakarios, Pavlakou & Murray 2017, equations 3-5) or one of coupling layers (Dinh et al. 2017).
//!
//! `z_i = (x_i - m_i(x)) exp(-α_i(x))` in each layer, the order of the numbers reversed between layers, and
//! `log p(x) = log N(z; 0, 1) - Σ α`. It is trained on `mean -log p + w √(B / 128) ‖∂ mean(-log p) / ∂X‖` over a batch X of B
//! rows: the norm is that of the whole matrix, and the factor makes the weight mean at any B what it means at 128.
//!
//! The gradient of a norm `‖g‖` is that of `v · g` with `v = g / ‖g‖` held still, and `v · g` is the derivative of the mean along v: two
//! pairs of passes, one after the other, give all of it ([`Learning`]).

use rand::Rng;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::PotentialSettings;
use super::masks::Coupling;
use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// Bounds on α. Gradients pass them as if they were not there, or a layer that reached one would stay there.
pub(super) const LOG_SCALE_MIN: f64 = -5.0;
/// The upper one.
pub(super) const LOG_SCALE_MAX: f64 = 3.0;
/// Bound on -log p of a row in the loss.
pub(super) const LOSS_BOUND: f64 = 1e5;
/// Rows of the batch for which the weight of the gradient's norm is stated.
pub(super) const REFERENCE_ROWS: f64 = 128.0;

/// Layers in the order from data to normal numbers, with what they learn by.
#[derive(Debug)]
pub(super) struct Flow {
    dim: usize,
    shape: MlpShape,
    n_layers: usize,
    smoothing: f64,
    pub(super) parameters: Parameters,
    pub(super) adam: Adam,
    /// Ones, and zeros where a weight stays zero.
    mask: Tensor,
    /// For whole minibatches and for what is left of a pass.
    learnings: Vec<Learning>,
}

impl Flow {
    /// Freshly initialised from `rng`, for rows of `dim` numbers.
    pub(super) fn new(
        dim: usize,
        coupling: Coupling,
        settings: &PotentialSettings,
        rng: &mut impl Rng,
    ) -> Self {
        let (n_layers, hidden) = (settings.flow_layers, &settings.potential_hidden);
        let shape = MlpShape::new(dim, hidden, 2 * dim, Activation::Relu);
        let parameters = Parameters::glorot_normal(&shape, n_layers, Device::Cpu, rng);
        let masks = coupling.masks(dim, hidden);
        let one = masks.iter().flat_map(|mask| [&mask.weight, &mask.bias]);
        let one: Vec<f32> = one.flatten().copied().collect();
        let mask = Tensor::from_slice(&one.repeat(n_layers));
        let _ = parameters.flat().shallow_clone().g_mul_(&mask);
        Self {
            dim,
            shape,
            n_layers,
            smoothing: settings.flow_smoothing,
            adam: Adam::new(parameters.flat(), settings.potential_learning_rate),
            parameters,
            mask,
            learnings: Vec::new(),
        }
    }

    /// One list of numbers per layer.
    pub(super) fn frozen(&self) -> Vec<Vec<f32>> {
        let numbers = self.parameters.to_vec();
        let layers = numbers.chunks_exact(self.shape.parameter_count());
        layers.map(<[f32]>::to_vec).collect()
    }

    /// A step down the loss of a batch `[rows, dim]`.
    pub(super) fn update(&mut self, batch: &Tensor) {
        let rows = batch.size()[0];
        let known = self.learnings.iter().position(|one| one.rows == rows);
        let index = known.unwrap_or_else(|| {
            let new = Learning::new(self, rows as usize, self.smoothing);
            self.learnings.push(new);
            self.learnings.len() - 1
        });
        let learning = &mut self.learnings[index];
        learning.gradient(batch);
        let gradient = learning.gradient.flat();
        self.adam.step_parameters(&mut self.parameters, &[gradient]);
    }

    fn networks(&self, parameters: &Parameters) -> Vec<Mlp> {
        let view = |index| Mlp::view(&self.shape, parameters, index);
        (0..self.n_layers).map(view).collect()
    }
}

/// The loss of a batch and its derivatives by all parameters, with buffers for so many rows.
#[derive(Debug)]
struct Learning {
    dim: i64,
    rows: i64,
    /// Weight of the gradient's norm for this many rows.
    smoothing: f64,
    layers: Vec<Layer>,
    gradient: Parameters,
    mask: Tensor,
}

/// A layer, and what its passes leave for each other, `[rows, dim]`.
#[derive(Debug)]
struct Layer {
    net: Mlp,
    gradient: Mlp,
    tape: Tape,
    along: Tape,
    /// What it was given, and that along the direction.
    input: Tensor,
    input_along: Tensor,
    /// What it answered.
    normal: Tensor,
    normal_along: Tensor,
    /// exp(-α).
    scale: Tensor,
    log_scale_along: Tensor,
    /// Derivative of the loss by what it answered.
    upstream: Tensor,
}

impl Learning {
    /// For batches of `rows` rows; `smoothing` is the weight at 128 rows.
    fn new(flow: &Flow, rows: usize, smoothing: f64) -> Self {
        let gradient = Parameters::zeros(&flow.shape, flow.n_layers, Device::Cpu);
        let tape = || Tape::new(&flow.shape, rows, Device::Cpu);
        let nets = flow.networks(&flow.parameters).into_iter();
        let layers = nets.zip(flow.networks(&gradient)).map(|(net, gradient)| {
            let [input, input_along, normal, normal_along] = [(); 4].map(|()| Tensor::new());
            let [scale, log_scale_along, upstream] = [(); 3].map(|()| Tensor::new());
            Layer {
                net,
                gradient,
                tape: tape(),
                along: tape(),
                input,
                input_along,
                normal,
                normal_along,
                scale,
                log_scale_along,
                upstream,
            }
        });
        Self {
            dim: flow.dim as i64,
            rows: rows as i64,
            smoothing: smoothing * (rows as f64 / REFERENCE_ROWS).sqrt(),
            layers: layers.collect(),
            gradient,
            mask: flow.mask.shallow_clone(),
        }
    }

    /// Derivatives of the loss of a batch `[rows, dim]`.
    fn gradient(&mut self, x: &Tensor) {
        tch::no_grad(|| {
            let surprise = self.forward(x);
            // Beyond its bound a row does not count.
            let counts = surprise.abs().le(LOSS_BOUND).to_kind(Kind::Float);
            let share = counts / self.rows as f64;
            let by_input = self.backward(&share);
            let norm = (by_input.square().sum(Kind::Float) + 1e-30).sqrt();
            self.along(&(by_input * (self.smoothing / norm)), &share);
            let _ = self.gradient.flat().shallow_clone().g_mul_(&self.mask);
        });
    }

    /// `[rows, 1]`: -log p.
    fn forward(&mut self, x: &Tensor) -> Tensor {
        let dim = self.dim;
        let mut x = x.shallow_clone();
        let mut log_scales = Tensor::zeros([self.rows, 1], (Kind::Float, Device::Cpu));
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.input = if index > 0 { x.flip([1]) } else { x };
            layer.net.forward(&layer.input, &mut layer.tape);
            let output = layer.tape.output();
            let log_scale = output.narrow(1, dim, dim);
            let log_scale = log_scale.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX);
            log_scales += log_scale.sum_dim_intlist(1, true, Kind::Float);
            layer.scale = log_scale.neg().exp();
            layer.normal = (&layer.input - output.narrow(1, 0, dim)) * &layer.scale;
            x = layer.normal.shallow_clone();
        }
        log_scales - log_normal(&x)
    }

    /// Derivative of `Σ share · (-log p)` by the input, `[rows, dim]`.
    fn backward(&mut self, share: &Tensor) -> Tensor {
        let dim = self.dim;
        let mut upstream = match self.layers.last() {
            Some(last) => &last.normal * share,
            None => Tensor::new(),
        };
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let direct = &upstream * &layer.scale;
            let delta = layer.tape.output_delta();
            delta.narrow(1, 0, dim).copy_(&direct.neg());
            let by_log_scale = share - &upstream * &layer.normal;
            delta.narrow(1, dim, dim).copy_(&by_log_scale);
            layer.net.backward(&layer.input, &mut layer.tape, None);
            layer.upstream = upstream;
            upstream = direct + layer.net.input_delta(&layer.tape, 0, dim as usize);
            if index > 0 {
                upstream = upstream.flip([1]);
            }
        }
        upstream
    }

    /// Both passes again along `direction` `[rows, dim]` of the input, with the derivatives of everything by the parameters.
    fn along(&mut self, direction: &Tensor, share: &Tensor) {
        let dim = self.dim;
        let mut x = direction.shallow_clone();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.input_along = if index > 0 { x.flip([1]) } else { x };
            let Layer {
                net, tape, along, ..
            } = layer;
            net.forward_along(&layer.input_along, tape, along);
            let output = along.output();
            layer.log_scale_along = output.narrow(1, dim, dim).copy();
            layer.normal_along = (&layer.input_along - output.narrow(1, 0, dim)) * &layer.scale
                - &layer.normal * &layer.log_scale_along;
            x = layer.normal_along.shallow_clone();
        }
        let mut upstream = x * share;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let direct = (&upstream - &layer.upstream * &layer.log_scale_along) * &layer.scale;
            let by_log_scale = &upstream * &layer.normal + &layer.upstream * &layer.normal_along;
            let delta = layer.along.output_delta();
            delta.narrow(1, 0, dim).copy_(&direct.neg());
            delta.narrow(1, dim, dim).copy_(&by_log_scale.neg());
            let Layer {
                net, tape, along, ..
            } = layer;
            let inputs = (&layer.input, &layer.input_along);
            net.backward_along(inputs, tape, along, &layer.gradient);
            upstream = direct + net.input_delta(along, 0, dim as usize);
            if index > 0 {
                upstream = upstream.flip([1]);
            }
        }
    }
}

/// `[rows, dim] -> [rows, 1]`: log density of standard normal numbers.
pub(super) fn log_normal(z: &Tensor) -> Tensor {
    let constant = 0.5 * (2.0 * std::f64::consts::PI).ln() * z.size()[1] as f64;
    z.square().sum_dim_intlist(1, true, z.kind()) * -0.5 - constant
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::PotentialModel;
    use super::super::flow_reference::Reference;
    use super::*;

    fn settings(n_layers: usize, hidden: &[usize]) -> PotentialSettings {
        let mut settings = PotentialSettings::tiny(PotentialModel::Maf);
        settings.flow_layers = n_layers;
        settings.potential_hidden = hidden.to_vec();
        settings
    }

    /// Weights large enough for scales, some of them at their bounds, to matter.
    fn flow(dim: usize, coupling: Coupling, factor: f64) -> Flow {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let flow = Flow::new(dim, coupling, &settings(4, &[24, 20]), &mut rng);
        let _ = flow.parameters.flat().shallow_clone().g_mul_scalar_(factor);
        flow
    }

    #[test]
    fn the_gradient_is_autograds() {
        for (coupling, factor) in [
            (Coupling::Autoregressive, 1.0),
            (Coupling::Autoregressive, 2.2),
            (Coupling::PassThrough(3), 1.3),
        ] {
            let flow = flow(6, coupling, factor);
            tch::manual_seed(3);
            let x = Tensor::randn([40, 6], (Kind::Float, Device::Cpu));
            for smoothing in [0.0, 50.0] {
                let mut learning = Learning::new(&flow, 40, smoothing);
                learning.gradient(&x);
                let found = learning.gradient.flat().to_kind(Kind::Double);
                let reference = Reference::of(&flow.frozen(), 6, coupling, &[24, 20]);
                let leaf = x.to_kind(Kind::Double).set_requires_grad(true);
                let (loss, _) = reference.loss(&leaf, smoothing);
                let expected = reference.gradient(&loss);
                let size = expected.abs().max().double_value(&[]);
                let error = (found - expected).abs().max().double_value(&[]) / size;
                assert!(error < 2e-4, "{coupling:?} {factor} {smoothing}: {error}");
            }
        }
    }

    /// Normal numbers with standard deviations 0.8 and 1.3 and correlation 0.7.
    fn gaussian(rows: i64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        let z = Tensor::randn([rows, 2], (Kind::Double, Device::Cpu));
        let (a, b) = (z.narrow(1, 0, 1), z.narrow(1, 1, 1));
        let second = (&a * 0.7 + b * (1.0 - 0.49_f64).sqrt()) * 1.3;
        Tensor::cat(&[a * 0.8, second], 1)
    }

    #[test]
    fn a_gaussian_is_recovered_and_the_density_integrates_to_one() {
        tch::set_num_threads(1);
        let (coupling, hidden) = (Coupling::Autoregressive, [24, 24]);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut settings = settings(2, &hidden);
        settings.potential_learning_rate = 3e-3;
        let mut flow = Flow::new(2, coupling, &settings, &mut rng);
        let data = gaussian(10_000, 5).to_kind(Kind::Float);
        for step in 0..900 {
            if step == 600 {
                flow.adam = Adam::new(flow.parameters.flat(), 3e-4);
            }
            flow.update(&data.narrow(0, step * 256 % 9_700, 256));
        }
        let flow = Reference::of(&flow.frozen(), 2, coupling, &hidden);
        let surprise = flow.surprise(&gaussian(10_000, 6)).double_value(&[]);
        let determinant: f64 = (0.8 * 1.3_f64).powi(2) * (1.0 - 0.49);
        let entropy = 1.0 + (2.0 * std::f64::consts::PI).ln() + 0.5 * determinant.ln();
        assert!((surprise - entropy).abs() < 0.02, "{surprise} {entropy}");

        let axis = Tensor::arange_start_step(-8.0, 8.0, 0.05, (Kind::Double, Device::Cpu)) + 0.025;
        let grid = Tensor::cartesian_prod(&[&axis, &axis]);
        let density = tch::no_grad(|| flow.log_prob(&grid).exp());
        let integral = density.sum(Kind::Double).double_value(&[]) * 0.05 * 0.05;
        assert!((integral - 1.0).abs() < 2e-3, "{integral}");
    }
}

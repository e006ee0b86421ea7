//! [`Reference`]: a flow as autograd differentiates it, in double precision. [`Flow`](super::flow::Flow) is held against it, and its own
//! tests hold it against what is known of densities.

use tch::Tensor;

use super::flow::{LOG_SCALE_MAX, LOG_SCALE_MIN, LOSS_BOUND, REFERENCE_ROWS, log_normal};
use super::masks::Coupling;
use super::network::Network;

/// Layers in the order from data to normal numbers.
#[derive(Debug)]
pub(super) struct Reference {
    dim: usize,
    layers: Vec<Network>,
}

impl Reference {
    /// With the numbers of [`Flow::frozen`](super::flow::Flow::frozen).
    pub(super) fn of(
        numbers: &[Vec<f32>],
        dim: usize,
        coupling: Coupling,
        hidden: &[usize],
    ) -> Self {
        let sizes = [&[dim], hidden, &[2 * dim]].concat();
        let masks = coupling.masks(dim, hidden);
        let layer = |numbers: &Vec<f32>| Network::new(&sizes, Some(&masks), numbers);
        Self {
            dim,
            layers: numbers.iter().map(layer).collect(),
        }
    }

    /// `[rows, dim]`: the normal numbers; `[rows, 1]`: logarithm of the volume's change, -Σ α.
    pub(super) fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let mut z = x.shallow_clone();
        let mut log_det = Tensor::zeros([x.size()[0], 1], (x.kind(), x.device()));
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                z = z.flip([1]);
            }
            let (shift, log_scale) = self.shift_and_log_scale(layer, &z);
            z = (z - shift) * log_scale.neg().exp();
            log_det -= log_scale.sum_dim_intlist(1, true, x.kind());
        }
        (z, log_det)
    }

    /// `[rows, 1]`
    pub(super) fn log_prob(&self, x: &Tensor) -> Tensor {
        let (z, log_det) = self.forward(x);
        log_normal(&z) + log_det
    }

    /// What a batch `[rows, dim]`, a leaf that requires a gradient, adds to the loss, and its mean -log p.
    pub(super) fn loss(&self, x: &Tensor, smoothing: f64) -> (Tensor, Tensor) {
        let surprise = self.surprise(x);
        let loss = if smoothing > 0.0 {
            let factor = smoothing * (x.size()[0] as f64 / REFERENCE_ROWS).sqrt();
            &surprise + gradient_norm(&surprise, x) * factor
        } else {
            surprise.shallow_clone()
        };
        (loss, surprise)
    }

    /// Mean of -log p.
    pub(super) fn surprise(&self, x: &Tensor) -> Tensor {
        let rows = self.log_prob(x).neg();
        rows.clamp(-LOSS_BOUND, LOSS_BOUND).mean(x.kind())
    }

    fn parameters(&self) -> Vec<Tensor> {
        self.layers.iter().flat_map(Network::parameters).collect()
    }

    /// The derivative of `value` by all numbers, layer after layer.
    pub(super) fn gradient(&self, value: &Tensor) -> Tensor {
        let layers = self.layers.iter().map(|layer| layer.gradient(value));
        Tensor::cat(&layers.collect::<Vec<_>>(), 0)
    }

    /// Each `[rows, dim]`.
    fn shift_and_log_scale(&self, layer: &Network, x: &Tensor) -> (Tensor, Tensor) {
        let dim = self.dim as i64;
        let output = layer.forward(x);
        let raw = output.narrow(1, dim, dim);
        let beyond = raw.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX) - &raw;
        (output.narrow(1, 0, dim), raw + beyond.detach())
    }
}

/// Norm of the gradient of `value` by all of `x`, itself differentiable.
fn gradient_norm(value: &Tensor, x: &Tensor) -> Tensor {
    let mut gradient = Tensor::run_backward(&[value], &[x], true, true);
    let gradient = gradient.pop().expect("one per input");
    // The square root's own derivative must exist at zero.
    (gradient.square().sum(x.kind()) + 1e-30).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use tch::{Device, Kind};

    use super::super::flow::Flow;
    use super::super::{PotentialModel, PotentialSettings};
    use super::*;

    impl Reference {
        /// From normal numbers back to data. A layer's number is known once all it depends on are, so that as many rounds
        /// as there are numbers settle all of them.
        fn inverse(&self, z: &Tensor) -> Tensor {
            let mut x = z.shallow_clone();
            for (index, layer) in self.layers.iter().enumerate().rev() {
                let z = x;
                x = z.zeros_like();
                for _ in 0..self.dim {
                    let (shift, log_scale) = self.shift_and_log_scale(layer, &x);
                    x = &z * log_scale.exp() + shift;
                }
                if index > 0 {
                    x = x.flip([1]);
                }
            }
            x
        }
    }

    fn random(rows: i64, columns: i64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        Tensor::randn([rows, columns], (Kind::Double, Device::Cpu))
    }

    /// In double precision, with weights large enough for the scales to matter.
    fn flow(dim: usize, coupling: Coupling, n_layers: usize, seed: u64) -> Reference {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut settings = PotentialSettings::tiny(PotentialModel::Maf);
        settings.flow_layers = n_layers;
        settings.potential_hidden = vec![16, 16];
        let flow = Flow::new(dim, coupling, &settings, &mut rng);
        Reference::of(&flow.frozen(), dim, coupling, &[16, 16])
    }

    fn both(dim: usize, n_layers: usize) -> [Reference; 2] {
        [Coupling::Autoregressive, Coupling::PassThrough(dim / 2)]
            .map(|coupling| flow(dim, coupling, n_layers, 3))
    }

    fn largest(difference: &Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    /// `[dim, dim]` at one row, by autograd.
    fn jacobian(flow: &Reference, x: &Tensor) -> Tensor {
        let x = x.detach().set_requires_grad(true);
        let (z, _) = flow.forward(&x);
        let rows: Vec<Tensor> = (0..flow.dim as i64)
            .map(|i| {
                Tensor::run_backward(&[z.narrow(1, i, 1).sum(Kind::Double)], &[&x], true, false)
            })
            .map(|mut gradient| gradient.remove(0))
            .collect();
        Tensor::cat(&rows, 0)
    }

    #[test]
    fn inverse_undoes_forward() {
        for flow in both(5, 4) {
            let x = random(64, 5, 1);
            let (z, _) = flow.forward(&x);
            assert!(largest(&(&z - &x)) > 0.1);
            assert!(largest(&(flow.inverse(&z) - &x)) < 1e-9);
            assert!(largest(&(flow.forward(&flow.inverse(&x)).0 - &x)) < 1e-9);
        }
    }

    #[test]
    fn the_volume_changes_by_the_determinant_of_the_jacobian() {
        for flow in both(5, 4) {
            for row in 0..8 {
                let x = random(1, 5, row);
                let (_, log_det) = flow.forward(&x);
                let (sign, expected) = jacobian(&flow, &x).slogdet();
                assert_eq!(sign.double_value(&[]), 1.0);
                assert!(largest(&(log_det.squeeze() - expected)) < 1e-9);
            }
        }
    }

    #[test]
    fn one_layer_has_a_triangular_jacobian() {
        for flow in both(5, 1) {
            let jacobian = jacobian(&flow, &random(1, 5, 9));
            assert_eq!(largest(&jacobian.triu(1)), 0.0);
            assert!(largest(&jacobian.tril(-1)) > 1e-3);
        }
    }

    /// Without layers -log p is half the squared norm and a constant.
    #[test]
    fn the_gradients_norm_of_the_identity_is_that_of_the_data() {
        let flow = flow(3, Coupling::Autoregressive, 0, 0);
        let x = random(50, 3, 2).set_requires_grad(true);
        let norm = gradient_norm(&flow.surprise(&x), &x).double_value(&[]);
        let expected = x.square().sum(Kind::Double).sqrt().double_value(&[]) / 50.0;
        assert!((norm - expected).abs() < 1e-12, "{norm} {expected}");
        let (loss, surprise) = flow.loss(&x, 128.0_f64.sqrt());
        let added = (loss - surprise).double_value(&[]);
        assert!((added - expected * 50.0_f64.sqrt()).abs() < 1e-9);
    }

    /// The gradient of a gradient, against finite differences along random directions.
    #[test]
    fn the_loss_has_the_gradient_of_its_finite_differences() {
        for flow in both(3, 2) {
            let x = random(20, 3, 4).set_requires_grad(true);
            let parameters = flow.parameters();
            let (loss, _) = flow.loss(&x, 2.0);
            let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
            for seed in 0..5 {
                tch::manual_seed(100 + seed);
                let directions: Vec<Tensor> = parameters.iter().map(|p| p.randn_like()).collect();
                let expected: f64 = gradients
                    .iter()
                    .zip(&directions)
                    .map(|(g, d)| (g * d).sum(Kind::Double).double_value(&[]))
                    .sum();
                let step = 1e-6;
                let along = |length: f64| {
                    tch::no_grad(|| {
                        for (parameter, direction) in parameters.iter().zip(&directions) {
                            let _ = parameter.shallow_clone().g_add_(&(direction * length));
                        }
                    });
                };
                along(step);
                let above = flow.loss(&x, 2.0).0.double_value(&[]);
                along(-2.0 * step);
                let below = flow.loss(&x, 2.0).0.double_value(&[]);
                along(step);
                let found = (above - below) / (2.0 * step);
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error < 1e-4, "{found} instead of {expected}");
            }
        }
    }
}

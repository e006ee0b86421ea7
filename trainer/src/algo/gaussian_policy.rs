//! [`GaussianPolicy`]: a network that answers the middle of a [`DiagonalGaussian`], `tanh f(s)`, and one standard deviation
//! per number of an action. What is deployed is the middle.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use super::actor::layers;
use super::{ActorLayer, Mode};
use crate::nn::{DiagonalGaussian, Mlp, MlpShape, Parameters, Tape, host_slice};

/// Network and log standard deviations, in one flat tensor in this order.
#[derive(Debug)]
pub(super) struct GaussianPolicy {
    shape: MlpShape,
    parameters: Parameters,
    net: Mlp,
    log_std: Tensor,
    gradient: Parameters,
    net_gradient: Mlp,
    tape: Option<(usize, Tape)>,
}

/// The Fisher matrix of a policy in some states, as a product.
#[derive(Debug)]
pub(super) struct Fisher<'a> {
    policy: &'a mut GaussianPolicy,
    observation: Tensor,
    gaussian: DiagonalGaussian,
    direction: Parameters,
    net_direction: Mlp,
}

impl GaussianPolicy {
    /// Freshly initialised from `rng`: Glorot's weights, the same standard deviation everywhere.
    pub(super) fn new(
        shape: MlpShape,
        initial_log_std: f64,
        device: Device,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let (_, actions) = shape.layers().last().expect("a network has a layer");
        let parameters =
            Parameters::glorot(&shape, 1, device, rng)
                .with_tail(&vec![initial_log_std as f32; actions]);
        let gradient = Parameters::zeros(&shape, 1, device).with_tail(&vec![0.0; actions]);
        let tail = parameters
            .flat()
            .narrow(0, shape.parameter_count() as i64, actions as i64);
        Self {
            net: Mlp::view(&shape, &parameters, 0),
            log_std: tail,
            net_gradient: Mlp::view(&shape, &gradient, 0),
            shape,
            parameters,
            gradient,
            tape: None,
        }
    }

    pub(super) fn device(&self) -> Device {
        self.log_std.device()
    }

    /// `[rows, observation]` to what actions are drawn from there.
    pub(super) fn distribution(&mut self, observation: &Tensor) -> DiagonalGaussian {
        let rows = observation.size()[0] as usize;
        let device = self.device();
        let tape = match &mut self.tape {
            Some((size, tape)) if *size == rows => tape,
            other => &mut other.insert((rows, Tape::new(&self.shape, rows, device))).1,
        };
        self.net.forward(observation, tape);
        DiagonalGaussian {
            mean: tape.output().tanh(),
            log_std: self.log_std.copy(),
        }
    }

    /// Answers `[rows * observation]` with `[rows * action]`: the middle, or a number drawn around it that may lie beyond
    /// -1 … 1.
    pub(super) fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        let gaussian = self.distribution(&self.rows(observations));
        let count = actions.len();
        gaussian
            .mean
            .to_device(Device::Cpu)
            .view([-1])
            .copy_data(actions, count);
        if let Mode::Explore(rng) = mode {
            let std = gaussian.log_std.exp().to_device(Device::Cpu);
            let widths = host_slice(&std);
            for (action, width) in actions.iter_mut().zip(widths.iter().cycle()) {
                let noise: f32 = rng.sample(StandardNormal);
                *action += width * noise;
            }
        }
    }

    /// `[rows, observation]`, where the network is.
    pub(super) fn rows(&self, observations: &[f32]) -> Tensor {
        let inputs = self.shape.input() as i64;
        Tensor::from_slice(observations)
            .view([-1, inputs])
            .to_device(self.device())
    }

    /// `Σ weight ∇ log π(a|s)` over the rows, with respect to all parameters. `weight` is `[rows]`.
    pub(super) fn log_prob_gradient(
        &mut self,
        observation: &Tensor,
        action: &Tensor,
        weight: &Tensor,
    ) -> Vec<f64> {
        let gaussian = self.distribution(observation);
        let (mean, log_std) = gaussian.log_prob_backward(action, weight);
        self.pull_back(observation, &gaussian.mean, &mean, &log_std)
    }

    /// From derivatives by the means and the log standard deviations to derivatives by the parameters; `mean` is the answer
    /// of the forward pass that has just been made.
    fn pull_back(
        &mut self,
        observation: &Tensor,
        mean: &Tensor,
        mean_delta: &Tensor,
        log_std_delta: &Tensor,
    ) -> Vec<f64> {
        let (_, tape) = self.tape.as_mut().expect("a forward pass was made");
        let slope = mean.square() * -1.0 + 1.0;
        tape.output_delta().copy_(&(mean_delta * slope));
        self.net
            .backward(observation, tape, Some(&self.net_gradient));
        let count = self.shape.parameter_count() as i64;
        let mut tail = self
            .gradient
            .flat()
            .narrow(0, count, log_std_delta.numel() as i64);
        tail.copy_(log_std_delta);
        wide(&self.gradient)
    }

    /// Its Fisher matrix, the mean over the states `[rows, observation]`.
    pub(super) fn fisher(&mut self, observation: Tensor) -> Fisher<'_> {
        let gaussian = self.distribution(&observation);
        let direction = Parameters::zeros(&self.shape, 1, self.device())
            .with_tail(&vec![0.0; self.log_std.numel()]);
        Fisher {
            net_direction: Mlp::view(&self.shape, &direction, 0),
            policy: self,
            observation,
            gaussian,
            direction,
        }
    }

    /// All numbers.
    pub(super) fn to_vec(&self) -> Vec<f32> {
        self.parameters.to_vec()
    }

    /// All numbers, as the trust region counts.
    pub(super) fn wide(&self) -> Vec<f64> {
        wide(&self.parameters)
    }

    /// Overwrites all numbers.
    pub(super) fn copy_from(&mut self, values: &[f32]) {
        self.parameters.copy_from(values);
    }

    /// The network of the middle.
    pub(super) fn layers(&self) -> Vec<ActorLayer> {
        let (_, actions) = self.shape.layers().last().expect("a network has a layer");
        layers(&self.shape, &self.parameters.to_vec(), actions)
    }
}

impl Fisher<'_> {
    /// `F v = Jᵀ M J v`: `v` pushed forward to the means and standard deviations, times their own Fisher information, pulled
    /// back. For a Gaussian this is the second derivative of the divergence from the present policy.
    pub(super) fn product(&mut self, v: &[f64]) -> Vec<f64> {
        self.direction.copy_from(&narrow(v));
        let count = self.policy.shape.parameter_count() as i64;
        let actions = self.policy.log_std.numel() as i64;
        let (_, tape) = self.policy.tape.as_ref().expect("a forward pass was made");
        let slope = self.gaussian.mean.square() * -1.0 + 1.0;
        let net = &self.policy.net;
        let mean = net.tangent(&self.net_direction, &self.observation, tape) * slope;
        let log_std = self.direction.flat().narrow(0, count, actions);
        let (mean, log_std) = self.gaussian.fisher_product(&mean, &log_std);
        let rows = self.observation.size()[0] as f64;
        self.policy.pull_back(
            &self.observation,
            &self.gaussian.mean,
            &(mean / rows),
            &(log_std / rows),
        )
    }
}

fn wide(parameters: &Parameters) -> Vec<f64> {
    let host = parameters.flat().to_device(Device::Cpu);
    host_slice(&host).iter().map(|&x| f64::from(x)).collect()
}

/// As the network counts.
pub(super) fn narrow(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// Mean of numbers, one per row.
pub(super) fn mean(rows: &Tensor) -> f64 {
    rows.mean(Kind::Double).double_value(&[])
}

//! What a Gaussian policy's gradient and Fisher matrix are, against libtorch's autograd and against the closed form.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::gaussian_policy::GaussianPolicy;
use super::gradients::reference;
use crate::nn::{DiagonalGaussian, MlpShape};

const ROWS: usize = 12;
const ACTIONS: i64 = 2;

fn numbers(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
}

fn policy(hidden: &[usize], activation: Activation, rng: &mut ChaCha8Rng) -> GaussianPolicy {
    let shape = MlpShape::new(3, hidden, ACTIONS as usize, activation);
    let mut policy = GaussianPolicy::new(shape, 0.0, Device::Cpu, rng);
    let mut values = policy.to_vec();
    let count = values.len();
    values[count - 2..].copy_from_slice(&[-0.4, 0.3]);
    policy.copy_from(&values);
    policy
}

/// The same policy as autograd builds it over `flat`.
fn traced(shape: &MlpShape, flat: &Tensor, activation: Activation, x: &Tensor) -> DiagonalGaussian {
    DiagonalGaussian {
        mean: reference(shape, flat, 0, activation, x).tanh(),
        log_std: flat.narrow(0, shape.parameter_count() as i64, ACTIONS),
    }
}

fn near(ours: &[f64], theirs: &Tensor, tolerance: f64) {
    let theirs = Vec::<f32>::try_from(theirs.contiguous()).unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let apart = (ours - f64::from(theirs)).abs();
        assert!(apart < tolerance, "{index}: {ours} and {theirs}");
    }
}

/// The gradient by one pass of autograd, the Fisher matrix by two through the divergence from the policy itself.
#[test]
fn gradient_and_fisher_product_are_those_of_autograd() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Elu] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let hidden = [9, 7];
        let shape = MlpShape::new(3, &hidden, ACTIONS as usize, activation);
        let mut policy = policy(&hidden, activation, &mut rng);
        let x = policy.rows(&numbers(3 * ROWS, &mut rng));
        let action = Tensor::from_slice(&numbers(2 * ROWS, &mut rng)).view([-1, ACTIONS]);
        let weight = Tensor::from_slice(&numbers(ROWS, &mut rng));
        let flat = Tensor::from_slice(&policy.to_vec()).set_requires_grad(true);

        let theirs = traced(&shape, &flat, activation, &x);
        let loss = (theirs.log_prob(&action) * &weight).sum(Kind::Float);
        let expected = Tensor::run_backward(&[loss], &[&flat], false, false).remove(0);
        near(
            &policy.log_prob_gradient(&x, &action, &weight),
            &expected,
            1e-4,
        );

        let v = numbers(flat.numel(), &mut rng);
        let theirs = traced(&shape, &flat, activation, &x);
        let divergence = policy.distribution(&x).divergence(&theirs);
        let slope = Tensor::run_backward(&[divergence.mean(Kind::Float)], &[&flat], true, true);
        let along = (&slope[0] * Tensor::from_slice(&v)).sum(Kind::Float);
        let expected = Tensor::run_backward(&[along], &[&flat], false, false).remove(0);
        let v: Vec<f64> = v.into_iter().map(f64::from).collect();
        let mut fisher = policy.fisher(x.shallow_clone());
        let product = fisher.product(&v);
        near(&product, &expected, 1e-4);
        // Pulled back twice, the product is the same: nothing of the first is left over.
        assert_eq!(fisher.product(&v), product);
    }
}

/// Of `mean = tanh(W x + b)` the Fisher matrix is block diagonal: `E (1 - mean_i²)² / σ_i² [x; 1] [x; 1]ᵀ` for each number of an
/// action, and 2 for each log standard deviation.
#[test]
fn the_fisher_matrix_of_a_linear_policy_is_the_closed_form() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut policy = policy(&[], Activation::Relu, &mut rng);
    let states = numbers(3 * ROWS, &mut rng);
    let flat: Vec<f64> = policy.wide();
    let (weights, rest) = flat.split_at(6);
    let (biases, log_std) = rest.split_at(2);
    let mut matrix = vec![vec![0.0; 10]; 10];
    for x in states.chunks(3) {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).chain([1.0]).collect();
        for i in 0..2 {
            // Where weight j of row i, or its bias, lies among the parameters.
            let place = |j: usize| if j < 3 { 3 * i + j } else { 6 + i };
            let middle = (0..3).map(|j| weights[3 * i + j] * x[j]).sum::<f64>() + biases[i];
            let slope = (1.0 - middle.tanh().powi(2)) / log_std[i].exp();
            for j in 0..4 {
                for k in 0..4 {
                    matrix[place(j)][place(k)] += slope * slope * x[j] * x[k] / ROWS as f64;
                }
            }
        }
    }
    matrix[8][8] = 2.0;
    matrix[9][9] = 2.0;
    let x = policy.rows(&states);
    let mut fisher = policy.fisher(x);
    for (column, expected) in matrix.iter().enumerate() {
        let unit: Vec<f64> = (0..10).map(|i| f64::from(u8::from(i == column))).collect();
        for (row, ours) in fisher.product(&unit).iter().enumerate() {
            assert!(
                (ours - expected[row]).abs() < 1e-4,
                "{row}, {column}: {ours}"
            );
        }
    }
}

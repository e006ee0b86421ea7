//! The step of trust-region policy optimisation (Schulman, Levine, Abbeel, Jordan & Moritz 2015, "Trust Region Policy
//! Optimization", appendix C): along `F⁻¹ g`, as far as `KL ≤ δ` to second order, and from there back until it really is so.
//!
//! It knows nothing of policies: products, gains and divergences are answered by functions.

use serde::{Deserialize, Serialize};

/// How much more than the bound on the divergence is accepted, for the bound is met to second order only.
const TOLERANCE: f64 = 1.5;
/// Squared norm of the residual at which the system counts as solved.
const SOLVED: f64 = 1e-10;

/// Recipe keys of the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrustRegionSettings {
    /// δ: mean divergence of the new policy from the old, in nats.
    pub max_kl: f64,
    /// Iterations of conjugate gradients.
    pub cg_iterations: usize,
    /// Added to the diagonal of the Fisher matrix.
    pub cg_damping: f64,
    /// The Fisher matrix is that of every so-many-th step.
    pub fisher_stride: usize,
    /// How often the step is halved before it is given up.
    pub line_search_steps: usize,
}

/// Where the line search has ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// What the parameters are to become; nothing if no step was good.
    pub parameters: Option<Vec<f64>>,
    /// By how much the surrogate grows.
    pub gain: f64,
    /// Mean divergence.
    pub kl: f64,
    /// Lengths that were tried.
    pub tried: usize,
}

/// Solves `product(x) = target` for a symmetric positive definite product, from zero (Hestenes & Stiefel 1952).
pub(super) fn conjugate_gradients(
    mut product: impl FnMut(&[f64]) -> Vec<f64>,
    target: &[f64],
    iterations: usize,
) -> Vec<f64> {
    let mut x = vec![0.0; target.len()];
    let mut residual = target.to_vec();
    let mut direction = residual.clone();
    let mut square = dot(&residual, &residual);
    for _ in 0..iterations {
        if square <= SOLVED {
            break;
        }
        let image = product(&direction);
        let length = square / dot(&direction, &image);
        add(&mut x, length, &direction);
        add(&mut residual, -length, &image);
        let before = std::mem::replace(&mut square, dot(&residual, &residual));
        let share = square / before;
        for (along, left) in direction.iter_mut().zip(&residual) {
            *along = left + share * *along;
        }
    }
    x
}

/// From `start` along `direction`, whose `curvature` is `directionᵀ F direction`. `evaluate` answers gain and divergence of
/// parameters.
pub(super) fn line_search(
    settings: &TrustRegionSettings,
    start: &[f64],
    direction: &[f64],
    curvature: f64,
    mut evaluate: impl FnMut(&[f64]) -> (f64, f64),
) -> Found {
    let mut found = Found {
        parameters: None,
        gain: 0.0,
        kl: 0.0,
        tried: 0,
    };
    // ½ lengthᵀ F length = δ. Without a slope there is nowhere to go.
    let mut length = (2.0 * settings.max_kl / curvature).sqrt();
    if !(curvature > 0.0 && length.is_finite()) {
        return found;
    }
    for _ in 0..=settings.line_search_steps {
        found.tried += 1;
        let mut parameters = start.to_vec();
        add(&mut parameters, length, direction);
        let (gain, kl) = evaluate(&parameters);
        if gain > 0.0 && kl < TOLERANCE * settings.max_kl {
            return Found {
                parameters: Some(parameters),
                gain,
                kl,
                ..found
            };
        }
        length *= 0.5;
    }
    found
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, other: &[f64]) {
    to.iter_mut()
        .zip(other)
        .for_each(|(to, x)| *to += times * x);
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use tch::{Kind, Tensor};

    use super::*;

    const SETTINGS: TrustRegionSettings = TrustRegionSettings {
        max_kl: 0.01,
        cg_iterations: 10,
        cg_damping: 0.0,
        fisher_stride: 1,
        line_search_steps: 10,
    };

    /// A random positive definite matrix, row-major, and its product.
    fn matrix(n: usize, rng: &mut ChaCha8Rng) -> Tensor {
        let numbers: Vec<f64> = (0..n * n).map(|_| rng.random_range(-1.0..1.0)).collect();
        let root = Tensor::from_slice(&numbers).view([n as i64, n as i64]);
        root.matmul(&root.tr()) + Tensor::eye(n as i64, (Kind::Double, tch::Device::Cpu))
    }

    fn times(matrix: &Tensor, x: &[f64]) -> Vec<f64> {
        Vec::try_from(matrix.mv(&Tensor::from_slice(x))).unwrap()
    }

    /// LAPACK solves the same systems.
    #[test]
    fn conjugate_gradients_solve_as_a_dense_solver_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for n in [1, 4, 9] {
            let matrix = matrix(n, &mut rng);
            let target: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
            let found = conjugate_gradients(|x| times(&matrix, x), &target, 2 * n);
            let column = Tensor::from_slice(&target).unsqueeze(1);
            let expected = Tensor::linalg_solve(&matrix, &column, true).squeeze_dim(1);
            let expected: Vec<f64> = Vec::try_from(expected).unwrap();
            for (ours, theirs) in found.iter().zip(&expected) {
                assert!((ours - theirs).abs() < 1e-6, "{n}: {ours} and {theirs}");
            }
        }
        assert_eq!(conjugate_gradients(|x| x.to_vec(), &[0.0; 3], 5), [0.0; 3]);
    }

    /// A linear gain within a quadratic divergence: the first length lies on the bound, where the best step is.
    #[test]
    fn a_quadratic_divergence_is_used_up_by_the_first_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let matrix = matrix(5, &mut rng);
        let slope = [0.3, -0.2, 0.9, 0.1, -0.5];
        let direction = conjugate_gradients(|x| times(&matrix, x), &slope, 20);
        let curvature = dot(&direction, &times(&matrix, &direction));
        let start = [1.0; 5];
        let evaluate = |x: &[f64]| {
            let moved: Vec<f64> = x.iter().zip(&start).map(|(x, s)| x - s).collect();
            (
                dot(&slope, &moved),
                0.5 * dot(&moved, &times(&matrix, &moved)),
            )
        };
        let found = line_search(&SETTINGS, &start, &direction, curvature, evaluate);
        assert_eq!(found.tried, 1);
        assert!((found.kl - 0.01).abs() < 1e-9, "{}", found.kl);
        // √(2δ gᵀF⁻¹g), the maximum of a linear function in an ellipsoid.
        let expected = (2.0 * 0.01 * dot(&slope, &direction)).sqrt();
        assert!((found.gain - expected).abs() < 1e-9);
    }

    /// A divergence that grows faster than its second order is kept to its bound, and what gains nothing is given up.
    #[test]
    fn the_line_search_halves_until_divergence_and_gain_are_right() {
        let steep = |x: &[f64]| (x[0], 8.0 * x[0] * x[0]);
        let found = line_search(&SETTINGS, &[0.0], &[1.0], 1.0, steep);
        // √.02 = .141 has a divergence of .16, halves have .04 and .01.
        assert_eq!(found.tried, 3);
        assert!((found.kl - 0.01).abs() < 1e-12);
        assert!(found.kl < 1.5 * SETTINGS.max_kl && found.gain > 0.0);
        let late = |x: &[f64]| (0.02 - x[0], 0.5 * x[0] * x[0]);
        let found = line_search(&SETTINGS, &[0.0], &[1.0], 1.0, late);
        assert!(found.tried == 4 && found.gain > 0.0, "{found:?}");
        let never = line_search(&SETTINGS, &[0.0], &[1.0], 1.0, |x| (-x[0], 0.0));
        assert_eq!((never.parameters, never.tried), (None, 11));
        let flat = line_search(&SETTINGS, &[0.0], &[0.0], 0.0, |_| (1.0, 0.0));
        assert_eq!((flat.parameters, flat.tried), (None, 0));
    }
}

//! The functions of one number against their definitions in double precision.

use super::*;
use std::vec::Vec;

/// The functions in double precision by their definitions, from the standard library and from `libm`.
fn reference(function: Function, x: f64, [p0, p1]: [f64; 2]) -> f64 {
    let logistic = 1.0 / (1.0 + (-x).exp());
    let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
    let elu = |alpha: f64| if x > 0.0 { x } else { alpha * x.exp_m1() };
    match function {
        Function::Relu => x.max(0.0),
        Function::Elu => elu(p0),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => logistic,
        Function::LeakyRelu => x.max(0.0) + p0 * x.min(0.0),
        Function::Selu => p1 * elu(p0),
        Function::Softplus => softplus,
        Function::Softsign => x / (1.0 + x.abs()),
        Function::Gelu => 0.5 * x * libm::erfc(-x / 2f64.sqrt()),
        Function::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            x / (1.0 + (-2.0 * u).exp())
        }
        Function::HardSigmoid => (p0 * x + p1).clamp(0.0, 1.0),
        Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Function::Mish => x * softplus.tanh(),
        Function::Silu => x * logistic,
        Function::Clip => x.clamp(p0, p1),
        Function::Neg => -x,
        Function::Abs => x.abs(),
        Function::Sqrt => x.sqrt(),
        Function::Exp => x.exp(),
        Function::Log => x.ln(),
        Function::Reciprocal => 1.0 / x,
        Function::Floor => x.floor(),
        Function::Ceil => x.ceil(),
        Function::Round => x.round_ties_even(),
        Function::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Function::Erf => libm::erf(x),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
        Function::Not => f64::from(u8::from(x == 0.0)),
        Function::Trunc => x.trunc(),
        Function::Bool => f64::from(u8::from(x != 0.0)),
    }
}

fn parameters(function: Function) -> [f32; 2] {
    match function {
        Function::Elu => [1.25, 0.0],
        Function::LeakyRelu => [0.01, 0.0],
        Function::Selu => [1.673_263_2, 1.050_701],
        Function::HardSigmoid => [0.2, 0.5],
        Function::Clip => [-1.5, 2.25],
        _ => [f32::NAN; 2],
    }
}

/// Relative error in f32, and the absolute error up to which digits are not asked for.
fn tolerance(function: Function) -> (f64, f64) {
    match function {
        Function::Tanh | Function::Sigmoid => (0.0, 4e-7),
        // The argument of the exponential, up to 80, is rounded itself.
        Function::Gelu | Function::GeluTanh | Function::Silu | Function::Mish => (2e-5, 1e-30),
        Function::HardSigmoid | Function::HardSwish => (3e-7, 3e-7),
        Function::Sin | Function::Cos => (2e-7, 1e-9),
        _ => (4e-7, 1e-30),
    }
}

#[test]
fn as_in_double_precision() {
    for function in Function::ALL {
        let p = parameters(function);
        let (relative, absolute) = tolerance(function);
        let inputs: Vec<f32> = (-80_000..=80_000)
            .map(|step| step as f32 * 2.5e-4)
            .collect();
        let mut values = inputs.clone();
        function.apply(p, &mut values);
        for (x, y) in inputs.into_iter().zip(values) {
            let expected = reference(function, f64::from(x), p.map(f64::from));
            if expected.is_nan() {
                assert!(y.is_nan(), "{function:?}({x}) = {y}");
                continue;
            }
            let error = (f64::from(y) - expected).abs();
            assert!(
                f64::from(y) == expected || error <= relative * expected.abs() + absolute,
                "{function:?}({x}) = {y}, not {expected}"
            );
        }
    }
}

#[test]
fn infinities_have_the_limits_of_the_functions() {
    let infinity = f32::INFINITY;
    for (function, low, high) in [
        (Function::Relu, 0.0, infinity),
        (Function::Elu, -1.25, infinity),
        (Function::Tanh, -1.0, 1.0),
        (Function::Sigmoid, 0.0, 1.0),
        (Function::LeakyRelu, -infinity, infinity),
        (Function::Softplus, 0.0, infinity),
        (Function::HardSigmoid, 0.0, 1.0),
        (Function::Clip, -1.5, 2.25),
        (Function::Exp, 0.0, infinity),
        (Function::Erf, -1.0, 1.0),
        (Function::Floor, -infinity, infinity),
        (Function::Round, -infinity, infinity),
        (Function::Sign, -1.0, 1.0),
    ] {
        let mut values = [-infinity, infinity];
        function.apply(parameters(function), &mut values);
        assert_eq!(values, [low, high], "{function:?}");
    }
}

#[test]
fn large_numbers_stay_finite() {
    for function in [
        Function::Elu,
        Function::Softplus,
        Function::Gelu,
        Function::GeluTanh,
        Function::Mish,
        Function::Silu,
        Function::HardSwish,
    ] {
        let mut values = [-1e30, 1e30];
        function.apply(parameters(function), &mut values);
        assert!(
            values[0].abs() <= 1.25 && values[1] == 1e30,
            "{function:?}: {values:?}"
        );
    }
}

#[test]
fn not_a_number_stays_except_as_truth() {
    for function in Function::ALL {
        let mut values = [f32::NAN];
        function.apply(parameters(function), &mut values);
        match function {
            Function::Not => assert_eq!(values, [0.0]),
            Function::Bool => assert_eq!(values, [1.0]),
            _ => assert!(values[0].is_nan(), "{function:?} hides NaN"),
        }
    }
}

#[test]
fn small_numbers_keep_their_digits() {
    let x = -1.5e-7;
    for (function, expected) in [
        (Function::Elu, 1.25 * x),
        (Function::Tanh, x),
        (Function::Silu, 0.5 * x),
        (Function::Gelu, 0.5 * x),
        (Function::Mish, 0.6 * x),
        (Function::Erf, std::f32::consts::FRAC_2_SQRT_PI * x),
    ] {
        let mut values = [x];
        function.apply(parameters(function), &mut values);
        let error = (values[0] - expected) / expected;
        assert!(error.abs() < 4e-7, "{function:?}({x:e}) = {:e}", values[0]);
    }
}

#[test]
fn codes_round_trip() {
    for (function, code) in Function::ALL.into_iter().zip(1..) {
        assert_eq!(function.code(), code);
        assert_eq!(Function::from_code(code), Some(function));
    }
    assert_eq!(Function::from_code(0), None);
    assert_eq!(Function::from_code(32), None);
}

//! Against the double precision functions of the standard library, whose error is 2^-29 of the ones measured here.

use super::*;

/// Every `step`th bit pattern. The function is a parameter by type, so that the loop over a block becomes SIMD.
fn sweep<F: Fn(f32) -> f32>(step: usize, function: F, mut check: impl FnMut(f32, f32)) {
    let mut inputs = [0.0; 1024];
    let mut outputs = [0.0; 1024];
    let mut pattern = 0;
    while pattern <= u32::MAX as usize {
        for input in &mut inputs {
            // The last block is filled with NaN.
            *input = f32::from_bits(u32::try_from(pattern).unwrap_or(u32::MAX));
            pattern += step;
        }
        for (input, output) in inputs.iter().zip(&mut outputs) {
            *output = function(*input);
        }
        for (input, output) in inputs.iter().zip(&outputs) {
            check(*input, *output);
        }
    }
}

/// tanh in double precision, in the shortest time: there are 2^32 to do.
fn tanh_f64(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < 1e-4 {
        // The next term of the series is below 1e-17 of this.
        x - x * x * x / 3.0
    } else if magnitude > 20.0 {
        x.signum()
    } else if magnitude > 0.3 {
        (1.0 - 2.0 / ((2.0 * magnitude).exp() + 1.0)).copysign(x)
    } else {
        x.tanh()
    }
}

fn exp_f64(x: f64) -> f64 {
    if x.abs() < 1e-6 {
        1.0 + x + 0.5 * x * x
    } else {
        x.exp()
    }
}

/// Units in the last place of an f32 near `x`.
fn ulp(x: f64) -> f64 {
    let magnitude = x.abs() as f32;
    f64::from(f32::from_bits(magnitude.to_bits() + 1)) - f64::from(magnitude)
}

fn check_tanh(step: usize) {
    let (mut worst, mut worst_ulp) = (0.0f64, 0.0f64);
    sweep(step, tanh, |x, y| {
        if x.is_nan() {
            assert!(y.is_nan());
            return;
        }
        assert!(y.abs() <= 1.0, "tanh({x:e}) = {y:e}");
        let expected = tanh_f64(f64::from(x));
        let error = (f64::from(y) - expected).abs();
        worst = worst.max(error);
        if error > 0.0 {
            worst_ulp = worst_ulp.max(error / ulp(expected));
        }
    });
    std::println!("tanh: {worst:e}, {worst_ulp} ulp");
    assert!(worst <= 3.6e-7, "{worst:e}");
    assert!(worst_ulp <= 6.0, "{worst_ulp}");
}

fn check_sigmoid(step: usize) {
    let mut worst = 0.0f64;
    sweep(step, sigmoid, |x, y| {
        if x.is_nan() {
            assert!(y.is_nan());
            return;
        }
        assert!((0.0..=1.0).contains(&y), "sigmoid({x:e}) = {y:e}");
        let expected = 0.5 + 0.5 * tanh_f64(0.5 * f64::from(x));
        worst = worst.max((f64::from(y) - expected).abs());
    });
    std::println!("sigmoid: {worst:e}");
    assert!(worst <= 2.0e-7, "{worst:e}");
}

fn check_exp(step: usize) {
    let mut worst = 0.0f64;
    sweep(step, exp, |x, y| {
        if x.is_nan() {
            assert!(y.is_nan());
            return;
        }
        if x > 88.8 {
            assert_eq!(y, f32::INFINITY);
            return;
        }
        if x < -87.4 {
            assert_eq!(y, 0.0);
            return;
        }
        let expected = exp_f64(f64::from(x));
        if expected < f64::from(f32::MIN_POSITIVE) {
            assert_eq!(y, 0.0, "exp({x})");
        } else if y.is_infinite() {
            assert!(expected > f64::from(f32::MAX), "exp({x})");
        } else {
            worst = worst.max((f64::from(y) / expected - 1.0).abs());
        }
    });
    std::println!("exp: {worst:e}");
    assert!(worst <= 8.4e-8, "{worst:e}");
}

fn check_exp_m1(step: usize) {
    let (mut worst, mut worst_relative) = (0.0f64, 0.0f64);
    sweep(step, exp_m1_of_negative, |x, y| {
        if x.is_nan() {
            assert!(y.is_nan());
        } else if x <= -20.0 {
            assert_eq!(y, -1.0);
        } else if x <= -f32::MIN_POSITIVE {
            let x = f64::from(x);
            let expected = if x > -1e-5 {
                x + 0.5 * x * x + x * x * x / 6.0
            } else {
                x.exp_m1()
            };
            let error = (f64::from(y) - expected).abs();
            worst = worst.max(error);
            worst_relative = worst_relative.max(error / expected.abs());
        } else if x <= 0.0 {
            assert_eq!(y, x);
        }
    });
    std::println!("exp_m1: {worst:e}, relative {worst_relative:e}");
    assert!(worst <= 4.3e-8, "{worst:e}");
    assert!(worst_relative <= 8.7e-8, "{worst_relative:e}");
}

fn check_rounding(step: usize) {
    fn check(step: usize, function: impl Fn(f32) -> f32, expected: impl Fn(f32) -> f32) {
        sweep(step, function, |x, y| {
            let expected = expected(x);
            assert!(
                y.to_bits() == expected.to_bits() || (y.is_nan() && expected.is_nan()),
                "{x:e} gives {y:e} for {expected:e}"
            );
        });
    }
    check(step, round_even, f32::round_ties_even);
    check(step, floor, f32::floor);
    check(step, ceil, f32::ceil);
    check(step, trunc, f32::trunc);
}

/// A prime, so that all low bits occur with all high bits.
const SOME: usize = 1009;

#[test]
fn errors_are_as_stated() {
    check_tanh(SOME);
    check_sigmoid(SOME);
    check_exp(SOME);
    check_exp_m1(SOME);
    check_rounding(SOME);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn tanh_of_every_f32() {
    check_tanh(1);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn sigmoid_of_every_f32() {
    check_sigmoid(1);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn exp_of_every_f32() {
    check_exp(1);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn exp_m1_of_every_f32() {
    check_exp_m1(1);
}

#[test]
fn special_values() {
    for function in [
        tanh,
        sigmoid,
        exp,
        exp_m1_of_negative,
        round_even,
        floor,
        ceil,
        trunc,
    ] {
        assert!(function(f32::NAN).is_nan());
        assert!(function(-f32::NAN).is_nan());
        assert!(function(f32::from_bits(0x7f80_0001)).is_nan());
        assert!(function(f32::from_bits(0xffff_ffff)).is_nan());
    }
    assert_eq!(tanh(0.0).to_bits(), 0);
    assert_eq!(tanh(-0.0).to_bits(), (-0.0f32).to_bits());
    assert_eq!(tanh(f32::from_bits(1)), f32::from_bits(1));
    assert_eq!(tanh(f32::INFINITY), 1.0);
    assert_eq!(tanh(f32::NEG_INFINITY), -1.0);
    assert_eq!(sigmoid(0.0), 0.5);
    assert_eq!(sigmoid(f32::INFINITY), 1.0);
    assert_eq!(sigmoid(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp(0.0), 1.0);
    assert_eq!(exp(f32::INFINITY), f32::INFINITY);
    assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp_m1_of_negative(0.0), 0.0);
    assert_eq!(exp_m1_of_negative(f32::NEG_INFINITY), -1.0);
}

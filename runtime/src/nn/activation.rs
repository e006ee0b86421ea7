//! [`Activation`]: the nonlinearities of a policy and their codes in the image.

/// A function applied number by number.
///
/// The discriminants are the codes of the image format (`docs/image.md`) and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Activation {
    /// `max(x, 0)`
    Relu = 1,
    /// `x` if positive, else `exp(x) - 1`
    Elu = 2,
    /// `tanh(x)`
    Tanh = 3,
    /// `1 / (1 + exp(-x))`
    Sigmoid = 4,
}

impl Activation {
    /// The activation of a code, `None` for a code this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Relu),
            2 => Some(Self::Elu),
            3 => Some(Self::Tanh),
            4 => Some(Self::Sigmoid),
            _ => None,
        }
    }

    /// The code in the image.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Applies the function to each number in place; NaN stays NaN.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Relu => each(values, relu),
            Self::Elu => each(values, elu),
            Self::Tanh => each(values, libm::tanhf),
            Self::Sigmoid => each(values, sigmoid),
        }
    }
}

fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

/// Not `f32::max`, which answers 0 to NaN.
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { libm::expm1f(x) }
}

/// For very negative `x` the exponential is infinite and the quotient 0, as it should be.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 4] = [
        Activation::Relu,
        Activation::Elu,
        Activation::Tanh,
        Activation::Sigmoid,
    ];

    /// The same functions in double precision, from the standard library.
    fn reference(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Relu => x.max(0.0),
            Activation::Elu => {
                if x > 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }

    #[test]
    fn within_four_ulp_of_double_precision() {
        for activation in ALL {
            for step in -40_000..=40_000 {
                let x = step as f32 * 1e-3;
                let mut value = [x];
                activation.apply(&mut value);
                let expected = reference(activation, f64::from(x));
                let ulp = f64::from(expected.abs() as f32 * f32::EPSILON).max(1e-30);
                let error = (f64::from(value[0]) - expected).abs() / ulp;
                assert!(
                    error <= 4.0,
                    "{activation:?}({x}) = {} is {error} ulp from {expected}",
                    value[0]
                );
            }
        }
    }

    #[test]
    fn limits_and_not_a_number() {
        for (activation, low, high) in [
            (Activation::Relu, 0.0, f32::INFINITY),
            (Activation::Elu, -1.0, f32::INFINITY),
            (Activation::Tanh, -1.0, 1.0),
            (Activation::Sigmoid, 0.0, 1.0),
        ] {
            let mut values = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30];
            activation.apply(&mut values);
            assert_eq!(values[0], low, "{activation:?}");
            assert_eq!(values[1], high, "{activation:?}");
            assert!(values[2].is_nan(), "{activation:?} hides NaN");
            assert_eq!(values[3], low, "{activation:?}");
            assert_eq!(values[4], high.min(1e30), "{activation:?}");
        }
    }

    #[test]
    fn codes_round_trip() {
        for activation in ALL {
            assert_eq!(Activation::from_code(activation.code()), Some(activation));
        }
        assert_eq!(Activation::from_code(0), None);
        assert_eq!(Activation::from_code(5), None);
    }
}

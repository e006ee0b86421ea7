//! From numbers to 16-bit activations and back.
//!
//! An activation is an integer less its zero point: `q - zero_point`, so that zero is 0 whatever the zero point.

use super::requantize::nearest;

/// The integers of a quantised tensor. The discriminants are the codes of the image format and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum QuantizedType {
    /// -128 to 127
    I8 = 0,
    /// 0 to 255
    U8 = 1,
    /// -32768 to 32767
    I16 = 2,
    /// -8191 to 8191: with weights of 16 bits, what leaves room for hundreds of products in 32 bits.
    I14 = 3,
}

impl QuantizedType {
    /// The type of a code, `None` for a code this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::I8),
            1 => Some(Self::U8),
            2 => Some(Self::I16),
            3 => Some(Self::I14),
            _ => None,
        }
    }

    /// The code in the image.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The least and the greatest integer.
    #[must_use]
    pub const fn range(self) -> [f32; 2] {
        match self {
            Self::I8 => [-128.0, 127.0],
            Self::U8 => [0.0, 255.0],
            Self::I16 => [-32768.0, 32767.0],
            Self::I14 => [-8191.0, 8191.0],
        }
    }
}

/// `clamp(round_half_even(x / scale) + zero_point, range) - zero_point`
///
/// `zero_point` is an integer of the range; what an i16 does not hold (16-bit integers with a zero point) is moved to its
/// nearest number. NaN becomes the least integer: who must tell, looks at the numbers before. Where `output` is
/// longer than `input` the rest is zeros: padding.
pub fn quantize(
    integers: QuantizedType,
    scale: f32,
    zero_point: f32,
    input: &[f32],
    output: &mut [i16],
) {
    let [low, high] = integers.range();
    let low = (low - zero_point).max(f32::from(i16::MIN));
    let high = (high - zero_point).min(f32::from(i16::MAX));
    for (output, x) in output.iter_mut().zip(input) {
        *output = nearest(x / scale, low, high);
    }
    output.get_mut(input.len()..).unwrap_or_default().fill(0);
}

/// `x * scale`
pub fn dequantize(scale: f32, input: &[i16], output: &mut [f32]) {
    for (output, x) in output.iter_mut().zip(input) {
        *output = f32::from(*x) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// Quarters, whose quotients are exact: halves between two integers go to the even one.
    #[test]
    fn by_hand() {
        let input = [
            0.0, 0.125, 0.375, -0.125, -0.375, 31.0, 1e9, -1e9, -32.75, -33.0,
        ];
        let mut output = [7; 11];
        quantize(QuantizedType::I8, 0.25, 3.0, &input, &mut output);
        assert_eq!(output, [0, 0, 2, 0, -2, 124, 124, -131, -131, -131, 0]);
        quantize(QuantizedType::U8, 0.25, 200.0, &input, &mut output);
        assert_eq!(output, [0, 0, 2, 0, -2, 55, 55, -200, -131, -132, 0]);
        let mut numbers = [0.0; 3];
        dequantize(0.25, &[-200, 55, 1], &mut numbers);
        assert_eq!(numbers, [-50.0, 13.75, 0.25]);
    }

    /// The definition in f64, in which the sum with the zero point and the rounding of the f32 quotient are exact.
    #[test]
    fn by_definition() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for integers in [QuantizedType::I8, QuantizedType::U8, QuantizedType::I16] {
            let [low, high] = integers.range().map(f64::from);
            for _ in 0..20_000 {
                let zero_point = match integers {
                    QuantizedType::I8 => rng.random_range(-128i16..128),
                    QuantizedType::U8 => rng.random_range(0i16..256),
                    QuantizedType::I16 | QuantizedType::I14 => 0,
                };
                let scale: f32 = rng.random_range(1e-3..1.0);
                let x = scale * rng.random_range(-300i16..300) as f32 * 0.5;
                let mut output = [0];
                quantize(integers, scale, f32::from(zero_point), &[x], &mut output);
                let quotient = f64::from(x / scale).round_ties_even();
                let zero_point = f64::from(zero_point);
                let expected = (quotient + zero_point).clamp(low, high) - zero_point;
                assert_eq!(
                    f64::from(output[0]),
                    expected,
                    "{x} / {scale}, {zero_point}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_a_number_or_too_large() {
        let mut output = [0; 3];
        let input = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        quantize(QuantizedType::I8, 0.1, 0.0, &input, &mut output);
        assert_eq!(output, [-128, 127, -128]);
        quantize(QuantizedType::I16, 0.1, -5.0, &input, &mut output);
        assert_eq!(output, [-32763, 32767, -32763]);
    }

    #[test]
    fn codes_round_trip() {
        for code in 0..3 {
            assert_eq!(
                QuantizedType::from_code(code).map(QuantizedType::code),
                Some(code)
            );
        }
        assert_eq!(QuantizedType::from_code(4), None);
    }
}

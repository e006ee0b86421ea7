//! The remainder of a division, exact, by shifts and subtractions: no path of it can panic.

/// `a - n b` with the whole number `n = a / b` rounded toward zero; it has the sign of `a`. NaN where `b` is 0 or `a` is infinite.
#[must_use]
pub fn remainder(a: f32, b: f32) -> f32 {
    if b == 0.0 || a.is_infinite() || a.is_nan() || b.is_nan() {
        return f32::NAN;
    }
    if a.abs() < b.abs() {
        return a;
    }
    // |a| is at least |b| and finite, so b is finite too.
    let ((mut rest, mut exponent), (divisor, least)) = (parts(a), parts(b));
    rest = rest.checked_rem(divisor).unwrap_or(0);
    while exponent > least {
        rest <<= 1;
        if rest >= divisor {
            rest -= divisor;
        }
        exponent -= 1;
    }
    // Both factors and both products are exact: the remainder is a multiple of the divisor's last digit.
    let half = least / 2;
    let magnitude = rest as f32 * power_of_two(half) * power_of_two(least - half);
    magnitude.copysign(a)
}

/// A finite number's magnitude as `whole * 2^exponent`, `whole` below 2^24.
fn parts(x: f32) -> (u32, i32) {
    let bits = x.to_bits();
    let fraction = bits & 0x007f_ffff;
    match (bits >> 23 & 0xff).cast_signed() {
        0 => (fraction, -149),
        exponent => (fraction | 0x0080_0000, exponent - 150),
    }
}

/// `2^exponent` for what a normal number has as exponent.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127).cast_unsigned() & 0xff) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// The operator `%` of the language, which is C's `fmodf`.
    #[test]
    fn like_the_language() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let same = |a: f32, b: f32| {
            let (ours, theirs) = (remainder(a, b), a % b);
            let equal = ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan());
            assert!(equal, "{a:e} % {b:e} is {theirs:e}, not {ours:e}");
        };
        for _ in 0..300_000 {
            let (a, b) = (f32::from_bits(rng.random()), f32::from_bits(rng.random()));
            same(a, b);
            same(rng.random_range(-1e3..1e3), rng.random_range(-10.0..10.0));
        }
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            f32::MIN_POSITIVE,
            f32::from_bits(1),
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
        ];
        for a in special {
            for b in special {
                same(a, b);
            }
        }
    }
}

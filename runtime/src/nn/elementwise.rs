//! Kernels that treat each number by itself, in place. Every operation is rounded on its own.

/// `x = (x - mean) * std_reciprocal`.
pub fn normalize(values: &mut [f32], mean: &[f32], std_reciprocal: &[f32]) {
    for ((value, mean), std_reciprocal) in values.iter_mut().zip(mean).zip(std_reciprocal) {
        *value = (*value - mean) * std_reciprocal;
    }
}

/// `x = x * scale + offset`, two roundings.
pub fn scale_shift(values: &mut [f32], scale: &[f32], offset: &[f32]) {
    for ((value, scale), offset) in values.iter_mut().zip(scale).zip(offset) {
        *value = *value * scale + offset;
    }
}

/// `x` moved into `[low, high]`; NaN stays NaN.
pub fn clamp(values: &mut [f32], low: &[f32], high: &[f32]) {
    for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
        *value = bounded(*value, *low, *high);
    }
}

/// `x` moved into `[low, high]`. Unlike `f32::clamp` it cannot panic, unlike `max` and `min` it keeps NaN.
#[must_use]
pub fn bounded(x: f32, low: f32, high: f32) -> f32 {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut values = [1.0, -2.0, 3.5];
        normalize(&mut values, &[0.5, -1.0, 3.5], &[2.0, 0.5, 9.0]);
        assert_eq!(values, [1.0, -0.5, 0.0]);
        scale_shift(&mut values, &[3.0, 4.0, 5.0], &[0.25, 1.0, -1.0]);
        assert_eq!(values, [3.25, -1.0, -1.0]);
        clamp(
            &mut values,
            &[-1.0, -0.5, f32::NEG_INFINITY],
            &[3.0, 1.0, -2.0],
        );
        assert_eq!(values, [3.0, -0.5, -2.0]);
    }

    #[test]
    fn scale_shift_rounds_twice() {
        let x = 1.0 + f32::powi(0.5, 12);
        let mut values = [x];
        scale_shift(&mut values, &[x], &[-1.0]);
        assert_eq!(values, [f32::powi(0.5, 11)]);
        assert_ne!(
            values,
            [x.mul_add(x, -1.0)],
            "the example must tell fused from unfused"
        );
    }

    #[test]
    fn not_a_number_stays() {
        let mut values = [f32::NAN];
        clamp(&mut values, &[-1.0], &[1.0]);
        assert!(values[0].is_nan());
    }
}

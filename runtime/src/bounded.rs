//! [`bounded()`]: clamping that neither panics nor hides NaN.

/// `x` moved into `[low, high]`. Unlike `f32::clamp` it cannot panic, unlike `max` and `min` it keeps NaN.
#[must_use]
pub(crate) fn bounded(x: f32, low: f32, high: f32) -> f32 {
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
        for (x, expected) in [(-2.0, -1.0), (0.5, 0.5), (3.0, 1.0), (f32::INFINITY, 1.0)] {
            assert_eq!(bounded(x, -1.0, 1.0), expected);
        }
        assert!(bounded(f32::NAN, -1.0, 1.0).is_nan());
    }
}

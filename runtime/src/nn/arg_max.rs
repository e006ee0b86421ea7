//! Where the greatest or least number lies.

/// Index of an extreme along the middle axis of `[outer, axis, inner]`. Function 0: the first greatest, 1: the last greatest, 2: the first
/// least, 3: the last least. NaN where a number on the line is NaN.
pub fn arg_max(function: u8, a: &[f32], [axis, inner]: [usize; 2], out: &mut [f32]) {
    let (least, last) = (function >= 2, function % 2 == 1);
    let inner = inner.max(1);
    let block = axis.saturating_mul(inner).max(1);
    for (out, a) in out.chunks_mut(inner).zip(a.chunks(block)) {
        for (index, out) in out.iter_mut().enumerate() {
            let mut best = (f32::NAN, 0.0);
            for (position, x) in a.iter().skip(index).step_by(inner).enumerate() {
                let x = if least { -x } else { *x };
                let better = position == 0 || x > best.0 || (last && x == best.0);
                if x.is_nan() {
                    best = (x, x);
                    break;
                }
                if better {
                    best = (x, position as f32);
                }
            }
            *out = best.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arg_max_by_hand() {
        let a = [1.0, 5.0, 3.0, -2.0, 3.0, -2.0];
        for (function, expected) in [
            (0, [1.0, 0.0]),
            (1, [2.0, 0.0]),
            (2, [0.0, 1.0]),
            (3, [0.0, 2.0]),
        ] {
            let mut out = [9.0; 2];
            arg_max(function, &a, [3, 2], &mut out);
            assert_eq!(out, expected, "{function}");
        }
        let mut out = [0.0];
        arg_max(0, &[1.0, f32::NAN, 3.0], [3, 1], &mut out);
        assert!(out[0].is_nan());
    }
}

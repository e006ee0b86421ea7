//! Choice number by number.

/// `out = yes` where `condition` is not 0, else `no`. NaN counts as not 0.
pub fn select(condition: &[f32], yes: &[f32], no: &[f32], out: &mut [f32]) {
    for (((out, condition), yes), no) in out.iter_mut().zip(condition).zip(yes).zip(no) {
        *out = if *condition == 0.0 { *no } else { *yes };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // numpy.where([0, 1, -0.0, nan], [1, 2, 3, 4], [5, 6, 7, 8])
        let mut out = [0.0; 4];
        let condition = [0.0, 1.0, -0.0, f32::NAN];
        select(&condition, &[1., 2., 3., 4.], &[5., 6., 7., 8.], &mut out);
        assert_eq!(out, [5.0, 2.0, 7.0, 4.0]);
    }
}

//! Rows of a table, by computed index.

/// `out[o, j, i] = table[o, indices[j], i]` for a table `[outer, axis, inner]`.
///
/// An index is rounded toward zero and counts from the end where it is negative. Outside of the table, and for NaN, the result is
/// NaN, which the safety filter refuses.
pub fn gather(table: &[f32], indices: &[f32], [axis, inner]: [usize; 2], out: &mut [f32]) {
    let block = axis.saturating_mul(inner).max(1);
    let rows = inner.saturating_mul(indices.len()).max(1);
    for (out, table) in out.chunks_mut(rows).zip(table.chunks(block)) {
        for (out, index) in out.chunks_mut(inner.max(1)).zip(indices) {
            let row = position(*index, axis)
                .and_then(|row| table.get(row * inner..))
                .and_then(|row| row.get(..out.len()));
            match row {
                Some(row) => out.iter_mut().zip(row).for_each(|(to, from)| *to = *from),
                None => out.iter_mut().for_each(|to| *to = f32::NAN),
            }
        }
    }
}

fn position(index: f32, axis: usize) -> Option<usize> {
    // A conversion saturates, and axes are shorter than 2^31.
    let index = if index.is_nan() {
        return None;
    } else {
        index as i32
    };
    let axis = i32::try_from(axis).ok()?;
    let index = if index < 0 {
        index.checked_add(axis)?
    } else {
        index
    };
    usize::try_from(index).ok().filter(|_| index < axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_numpy_take() {
        // numpy.take(numpy.arange(12).reshape(2, 3, 2), [2, -3, 0.9], axis=1)
        let table: [f32; 12] = core::array::from_fn(|i| i as f32);
        let mut out = [0.0; 12];
        gather(&table, &[2.0, -3.0, 0.9], [3, 2], &mut out);
        assert_eq!(
            out,
            [4.0, 5.0, 0.0, 1.0, 0.0, 1.0, 10.0, 11.0, 6.0, 7.0, 6.0, 7.0]
        );
    }

    #[test]
    fn outside_is_not_a_number() {
        for index in [3.0, -4.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e20] {
            let mut out = [0.0];
            gather(&[1.0, 2.0, 3.0], &[index], [3, 1], &mut out);
            assert!(out[0].is_nan(), "{index}");
        }
    }
}

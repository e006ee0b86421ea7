//! The product of two matrices that are both computed at run time.

/// `out = a b` for each of a batch, `a` `[batch, m, k]`, `b` `[batch, k, n]`.
///
/// A result starts at 0, then come the products in ascending `k`, each product and each sum rounded by itself.
pub fn matmul(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], out: &mut [f32]) {
    let sizes = [m * n, m * k, k * n].map(|size| size.max(1));
    let [out_len, a_len, b_len] = sizes;
    let batch = out
        .chunks_mut(out_len)
        .zip(a.chunks(a_len))
        .zip(b.chunks(b_len));
    for ((out, a), b) in batch {
        for (out, a) in out.chunks_mut(n.max(1)).zip(a.chunks(k.max(1))) {
            out.iter_mut().for_each(|sum| *sum = 0.0);
            for (factor, row) in a.iter().zip(b.chunks(n.max(1))) {
                for (sum, number) in out.iter_mut().zip(row) {
                    *sum += factor * number;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_numpy() {
        // a = arange(8).reshape(2, 2, 2); b = arange(12).reshape(2, 2, 3); (a @ b).ravel()
        let a: [f32; 8] = core::array::from_fn(|i| i as f32);
        let b: [f32; 12] = core::array::from_fn(|i| i as f32);
        let mut out = [9.0; 12];
        matmul(&a, &b, [2, 2, 3], &mut out);
        assert_eq!(
            out,
            [
                3.0, 4.0, 5.0, 9.0, 14.0, 19.0, 69.0, 78.0, 87.0, 99.0, 112.0, 125.0
            ]
        );
    }
}

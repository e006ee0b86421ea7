//! `MatMul`: the matrix product of NumPy, over any leading axes.

use super::{Call, OpDef, Site};
use crate::array::{Array, Strides, broadcast_shape, element_count};
use crate::lower::{Bias, Tensor};

pub(super) const OP: OpDef = OpDef {
    name: "MatMul",
    arity: (2, 2),
    results: 1,
    attributes: &[],
    fixed: &[],
    becomes: "Dense; MatMul where both factors are computed; DenseQuantized between quantisers",
    evaluate,
    lower,
};

/// What NumPy's `a @ b` multiplies: a vector on the left is a row, on the right a column, and the axis added for that vanishes
/// again.
struct Product {
    a: Vec<usize>,
    b: Vec<usize>,
    batch: Vec<usize>,
    rows: usize,
    inner: usize,
    columns: usize,
    shape: Vec<usize>,
}

impl Product {
    fn of(a: &[usize], b: &[usize]) -> Result<Self, String> {
        if a.is_empty() || b.is_empty() {
            return Err("a factor has no axes".to_string());
        }
        let wide = |shape: &[usize], is_row: bool| match shape {
            [n] if is_row => vec![1, *n],
            [n] => vec![*n, 1],
            shape => shape.to_vec(),
        };
        let (left, right) = (wide(a, true), wide(b, false));
        let (left_batch, [rows, inner]) = (
            &left[..left.len() - 2],
            [left[left.len() - 2], left[left.len() - 1]],
        );
        let (right_batch, [height, columns]) = (
            &right[..right.len() - 2],
            [right[right.len() - 2], right[right.len() - 1]],
        );
        if inner != height {
            return Err(format!("{a:?} and {b:?} cannot be multiplied"));
        }
        let batch = broadcast_shape(left_batch, right_batch)?;
        let mut shape = batch.clone();
        if a.len() > 1 {
            shape.push(rows);
        }
        if b.len() > 1 {
            shape.push(columns);
        }
        element_count(&batch)?;
        element_count(&shape)?;
        Ok(Self {
            a: left,
            b: right,
            batch,
            rows,
            inner,
            columns,
            shape,
        })
    }

    /// How to see both factors as `[batch…, rows, columns]`.
    fn strides(&self) -> Result<[Strides; 2], String> {
        let a = [&self.batch[..], &[self.rows, self.inner]].concat();
        let b = [&self.batch[..], &[self.inner, self.columns]].concat();
        Ok([
            Strides::of(&self.a).broadcast(&a)?,
            Strides::of(&self.b).broadcast(&b)?,
        ])
    }
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (a, b) = (call.required(0)?, call.required(1)?);
    let product = Product::of(&a.shape, &b.shape)?;
    let loops = [product.rows, product.inner, product.columns];
    call.work.spend(&[&product.batch, &loops[..]].concat())?;
    let [left, right] = product.strides()?;
    let (left, right) = (a.strided(&left), b.strided(&right));
    let (rows, inner, columns) = (product.rows, product.inner, product.columns);
    let mut data = Vec::new();
    for i in 0..product.batch.iter().product() {
        let part = |array: &Array, [rows, columns]: [usize; 2]| {
            let len = rows * columns;
            Array::new(
                vec![rows, columns],
                array.data[i * len..(i + 1) * len].to_vec(),
                array.dtype,
            )
        };
        data.extend(
            part(&left, [rows, inner])?
                .product(&part(&right, [inner, columns])?)?
                .data,
        );
    }
    Ok(vec![Array::new(product.shape, data, a.dtype)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (a, b) = (site.tensor(0)?, site.tensor(1)?);
    let product = Product::of(&a.shape, &b.shape)?;
    let (rows, inner, columns) = (product.rows, product.inner, product.columns);
    let batch: usize = product.batch.iter().product();
    let one_left = product.a.len() < 3 || product.a[..product.a.len() - 2].iter().all(|n| *n == 1);
    let one_right = product.b.len() < 3 || product.b[..product.b.len() - 2].iter().all(|n| *n == 1);
    let y = match (a.constant(), b.constant()) {
        (_, Some(matrix)) if one_right => {
            let x = a.clone().with_shape(&[batch * rows, inner]);
            let matrix = matrix.reshaped(vec![inner, columns])?;
            let quantized = site
                .build
                .dense_quantized(&x, &b, false, 1.0, &Bias::None)?;
            match quantized {
                Some(y) => y,
                None => {
                    let weight = matrix.transposed()?.to_f32();
                    site.build
                        .dense(&x, batch * rows, weight, columns, Bias::None)?
                }
            }
        }
        (Some(matrix), _) if one_left && batch == 1 && columns == 1 => {
            let weight = matrix.to_f32();
            site.build.dense(&b, 1, weight, rows, Bias::None)?
        }
        // One matrix on the right for all: the batch is more rows.
        _ if one_right => site
            .build
            .matmul(&a, &b, [1, batch * rows, inner, columns])?,
        _ => {
            let [left, right] = product.strides()?;
            let a = site.build.strided(&a, &left);
            let b = site.build.strided(&b, &right);
            site.build.matmul(&a, &b, [batch, rows, inner, columns])?
        }
    };
    Ok(vec![y])
}

//! Convolution in two dimensions; with a height of 1 in one.
//!
//! The weights of a group lie in the panels of [`dense`](super::dense), over its inputs in the order channel, row, column. A result
//! starts as its bias, then come the products in that order, each product and each sum rounded by itself; what lies in the padding is
//! left out.

use super::dense::PANEL;

/// Lengths of a convolution, in the order in which they lie in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Channels of a group's input.
    pub inputs: usize,
    /// Rows and columns of the input.
    pub size: [usize; 2],
    /// Channels of a group's result.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns of the result.
    pub out: [usize; 2],
    /// Distance of neighbouring results, in the input.
    pub stride: [usize; 2],
    /// Rows above and columns left of the input that count as zeros.
    pub padding: [usize; 2],
    /// Distance of neighbouring weights, in the input.
    pub dilation: [usize; 2],
}

impl ConvShape {
    /// From the parameters of an image.
    #[must_use]
    pub fn from_words(words: [usize; 15]) -> Self {
        let [
            groups,
            inputs,
            h,
            w,
            outputs,
            kh,
            kw,
            oh,
            ow,
            sh,
            sw,
            ph,
            pw,
            dh,
            dw,
        ] = words;
        Self {
            groups,
            inputs,
            size: [h, w],
            outputs,
            kernel: [kh, kw],
            out: [oh, ow],
            stride: [sh, sw],
            padding: [ph, pw],
            dilation: [dh, dw],
        }
    }

    /// Numbers of one result.
    fn pixels(&self) -> usize {
        let [rows, columns] = self.out;
        rows * columns
    }

    /// Products per result.
    fn taps(&self) -> usize {
        let [rows, columns] = self.kernel;
        self.inputs * rows * columns
    }

    /// `a` `[batch, groups * inputs, rows, columns]`, `bias` `[groups * outputs]` or empty, `out` `[batch, groups * outputs, rows, columns]`.
    pub fn run(&self, a: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let [rows, columns] = self.size;
        let image = (self.inputs * rows * columns).max(1);
        let result = (self.outputs * self.pixels()).max(1);
        let weights = (self.outputs * self.taps()).max(1);
        let groups = a.chunks(image).zip(out.chunks_mut(result));
        for (index, (a, out)) in groups.enumerate() {
            let group = index % self.groups.max(1);
            let weight = weight.get(group * weights..).unwrap_or_default();
            let bias = bias.get(group * self.outputs..).unwrap_or_default();
            self.group(a, weight, bias, out);
        }
    }

    fn group(&self, a: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let pixels = self.pixels().max(1);
        // Not 0, as a product that wraps could be.
        let panel_len = pixels.saturating_mul(PANEL);
        for (index, out) in out.chunks_mut(panel_len).enumerate() {
            let width = out.len() / pixels;
            let panel = weight
                .get(index * PANEL * self.taps()..)
                .unwrap_or_default();
            let bias = bias.get(index * PANEL..).unwrap_or_default();
            for pixel in 0..pixels {
                let mut sums = [0.0; PANEL];
                for (sum, bias) in sums.iter_mut().zip(bias) {
                    *sum = *bias;
                }
                if let Some(sums) = sums.get_mut(..width) {
                    self.pixel(a, panel, pixel, sums);
                }
                let places = out.iter_mut().skip(pixel).step_by(pixels);
                places.zip(sums).for_each(|(out, sum)| *out = sum);
            }
        }
    }

    /// All results of a panel at one place.
    fn pixel(&self, a: &[f32], panel: &[f32], pixel: usize, sums: &mut [f32]) {
        let [rows, columns] = self.size;
        let [kernel_rows, kernel_columns] = self.kernel;
        let [_, out_columns] = self.out;
        let out_columns = out_columns.max(1);
        let corner = [pixel / out_columns, pixel % out_columns];
        let mut taps = panel.chunks(sums.len().max(1));
        for channel in a.chunks((rows * columns).max(1)) {
            for ky in 0..kernel_rows {
                let row = self.source(0, corner, ky).filter(|row| *row < rows);
                for kx in 0..kernel_columns {
                    let column = self
                        .source(1, corner, kx)
                        .filter(|column| *column < columns);
                    let Some(weights) = taps.next() else {
                        return;
                    };
                    let place = row.zip(column).map(|(row, column)| row * columns + column);
                    let Some(x) = place.and_then(|place| channel.get(place)) else {
                        continue;
                    };
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += weight * x;
                    }
                }
            }
        }
    }

    /// The row (axis 0) or column (axis 1) of the input that tap `k` sees, `None` above and left of it.
    fn source(&self, axis: usize, corner: [usize; 2], k: usize) -> Option<usize> {
        let of = |pair: [usize; 2]| pair.get(axis).copied().unwrap_or_default();
        let position = of(corner)
            .checked_mul(of(self.stride))?
            .checked_add(k.checked_mul(of(self.dilation))?)?;
        position.checked_sub(of(self.padding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::dense::weight_index;
    use rand::{RngExt, SeedableRng};
    use std::vec::Vec;

    /// The definition in double precision, with weights `[groups * outputs, inputs, kernel rows, kernel columns]`.
    fn by_definition(shape: &ConvShape, a: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f64> {
        let ([h, w], [kh, kw], [oh, ow]) = (shape.size, shape.kernel, shape.out);
        let mut out = Vec::new();
        for image in a.chunks(shape.groups * shape.inputs * h * w) {
            for (o, bias) in bias.iter().enumerate() {
                for y in 0..oh {
                    for x in 0..ow {
                        let mut sum = f64::from(*bias);
                        for c in 0..shape.inputs {
                            for ky in 0..kh {
                                for kx in 0..kw {
                                    let row = (y * shape.stride[0] + ky * shape.dilation[0]) as i64
                                        - shape.padding[0] as i64;
                                    let column = (x * shape.stride[1] + kx * shape.dilation[1])
                                        as i64
                                        - shape.padding[1] as i64;
                                    if row < 0
                                        || column < 0
                                        || row >= h as i64
                                        || column >= w as i64
                                    {
                                        continue;
                                    }
                                    let channel = o / shape.outputs * shape.inputs + c;
                                    let at = (channel * h + row as usize) * w + column as usize;
                                    let tap = ((o * shape.inputs + c) * kh + ky) * kw + kx;
                                    sum += f64::from(image[at]) * f64::from(weight[tap]);
                                }
                            }
                        }
                        out.push(sum);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn like_its_definition() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for words in [
            [1, 3, 7, 5, 4, 3, 3, 7, 5, 1, 1, 1, 1, 1, 1],
            [1, 1, 1, 9, 2, 1, 4, 1, 3, 1, 2, 0, 0, 1, 1],
            [2, 2, 6, 6, 70, 3, 2, 3, 3, 2, 2, 1, 0, 1, 1],
            [3, 1, 5, 8, 1, 2, 3, 3, 4, 1, 1, 0, 0, 2, 2],
        ] {
            let shape = ConvShape::from_words(words);
            let mut numbers =
                |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
            let batch = 2;
            let a = numbers(batch * shape.groups * shape.inputs * shape.size[0] * shape.size[1]);
            let taps = shape.taps();
            let weight = numbers(shape.groups * shape.outputs * taps);
            let bias = numbers(shape.groups * shape.outputs);
            let mut panels = std::vec![0.0; weight.len()];
            for group in 0..shape.groups {
                for o in 0..shape.outputs {
                    for tap in 0..taps {
                        let start = group * shape.outputs * taps;
                        panels[start + weight_index(taps, shape.outputs, o, tap)] =
                            weight[start + o * taps + tap];
                    }
                }
            }
            let expected = by_definition(&shape, &a, &weight, &bias);
            let mut out = std::vec![f32::NAN; expected.len()];
            shape.run(&a, &panels, &bias, &mut out);
            for (out, expected) in out.iter().zip(expected) {
                assert!(
                    (f64::from(*out) - expected).abs() < 1e-5,
                    "{out} {expected}"
                );
            }
        }
    }
}

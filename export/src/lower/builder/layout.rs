//! Numbers moved and seen under other shapes.

use rlfd_runtime::image::OpCode;

use super::{Builder, Operand, Place, Stored, Tensor};
use crate::array::{Array, Strides};

impl Builder {
    /// The same numbers, axes of other lengths.
    pub fn reshaped(&mut self, x: &Tensor, shape: &[usize]) -> Tensor {
        x.clone().with_shape(shape)
    }

    /// The elements that `strides` selects.
    pub fn strided(&mut self, x: &Tensor, strides: &Strides) -> Tensor {
        if strides.is_empty() {
            return Tensor::of(Array {
                shape: strides.dims.clone(),
                data: Vec::new(),
                dtype: x.dtype,
            });
        }
        let whole = Strides::of(&x.shape).merged();
        let merged = strides.merged();
        if merged == whole {
            return x.clone().with_shape(&strides.dims);
        }
        let x = self.real(x);
        if let Some(array) = x.constant() {
            return Tensor::of(array.strided(strides));
        }
        let is_run = merged.dims.is_empty() || (merged.dims.len() == 1 && merged.steps[0] == 1);
        if is_run && let Place::Buffer(buffer, start) = x.place {
            return Tensor {
                shape: strides.dims.clone(),
                dtype: x.dtype,
                place: Place::Buffer(buffer, start + merged.offset),
            };
        }
        let out = self.fresh(&strides.dims, x.dtype);
        let dense = Strides::of(&merged.dims).steps;
        self.copy(&x, &merged, &out, (&dense, 0));
        out
    }

    /// Copies the elements of `x` that `from` selects to places of `out`.
    fn copy(
        &mut self,
        x: &Tensor,
        from: &Strides,
        out: &Tensor,
        (steps, offset): (&[isize], usize),
    ) {
        const MOST_AXES: usize = 6;
        if from.dims.len() > MOST_AXES {
            self.refuse(format!(
                "it moves numbers along {} axes, at most {MOST_AXES} are supported",
                from.dims.len()
            ));
        }
        let small = |n: isize| i32::try_from(n).unwrap_or(i32::MAX);
        let mut words = vec![small(from.dims.len() as isize)];
        words.extend(from.dims.iter().map(|n| small(*n as isize)));
        words.extend(from.steps.iter().chain(steps).map(|n| small(*n)));
        words.extend([small(from.offset as isize), small(offset as isize)]);
        let n = [x.len(), out.len(), words.len(), 0];
        let operands = [
            self.operand(x),
            self.store(Stored::I32(words)),
            Operand::None,
        ];
        self.push(OpCode::Copy, 0, operands, out, n);
        let is_plain = from.offset == 0
            && offset == 0
            && from.steps == [1]
            && steps == [1]
            && from.dims == [x.len()]
            && x.len() == out.len();
        self.last(|step| step.is_plain_copy = is_plain);
    }

    /// A copy in a buffer of its own.
    pub(in crate::lower) fn copied(&mut self, x: &Tensor) -> Tensor {
        let out = self.fresh(&x.shape, x.dtype);
        self.copy(x, &line(x.len()), &out, (&[1], 0));
        out
    }

    /// A copy of `x` in the buffer of `out`, of the same length.
    pub(in crate::lower) fn copy_to(&mut self, x: &Tensor, out: &Tensor) {
        self.copy(x, &line(x.len()), out, (&[1], 0));
    }

    /// Parts behind each other along `axis`.
    pub fn concat(&mut self, parts: &[Tensor], axis: usize) -> Tensor {
        if let [only] = parts {
            return only.clone();
        }
        let first = &parts[0];
        let mut shape = first.shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        let outer: usize = shape[..axis].iter().product();
        let row: usize = shape[axis..].iter().product();
        let out = self.fresh(&shape, first.dtype);
        let mut start = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let len = part.len() / outer;
            let real = self.real(part);
            match (outer, &out.place) {
                (1, Place::Buffer(buffer, _)) => {
                    let place = Tensor {
                        place: Place::Buffer(*buffer, start),
                        ..real.clone()
                    };
                    self.copy_to(&real, &place);
                }
                _ => {
                    let from = Strides::of(&[outer, len]);
                    self.copy(&real, &from, &out, (&[row as isize, 1], start));
                }
            }
            start += len;
        }
        out
    }
}

/// All of `len` numbers in a line.
fn line(len: usize) -> Strides {
    Strides {
        dims: vec![len],
        steps: vec![1],
        offset: 0,
    }
}

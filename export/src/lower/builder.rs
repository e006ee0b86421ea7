//! [`Builder`]: collects the steps of an image. Operators say what they need; shapes have been checked before.

mod layout;
mod products;

use std::collections::BTreeMap;

use rlfd_runtime::image::{OpCode, WeightType};

pub use products::{Bias, ConvShape};

use super::codes::zip;
use super::step::{Operand, Run, Step, Stored};
use super::tensor::{Place, Tensor};
use crate::array::{Array, Strides, broadcast_shape};
use crate::dtype::Dtype;

/// Steps, and the buffers and constants they use.
#[derive(Debug, Default)]
pub struct Builder {
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Stored>,
    /// Words of each buffer.
    pub(super) buffers: Vec<usize>,
    /// Singles made of packed numbers, by buffer and scale.
    unpacked: BTreeMap<(usize, Option<u32>), Tensor>,
    /// The first thing that an image cannot hold.
    pub(super) problem: Option<String>,
}

impl Builder {
    /// A tensor in a buffer of its own, which some step must write.
    pub(super) fn fresh(&mut self, shape: &[usize], dtype: Dtype) -> Tensor {
        self.buffers.push(shape.iter().product());
        Tensor {
            shape: shape.to_vec(),
            dtype,
            place: Place::Buffer(self.buffers.len() - 1, 0),
        }
    }

    pub(super) fn store(&mut self, stored: Stored) -> Operand {
        self.constants.push(stored);
        Operand::Constant(self.constants.len() - 1)
    }

    /// The tensor as singles: in a buffer or constant.
    pub(super) fn real(&mut self, x: &Tensor) -> Tensor {
        let Place::Packed {
            buffer,
            zero,
            scale,
            ..
        } = x.place
        else {
            return x.clone();
        };
        let key = (buffer, scale.map(f32::to_bits));
        if let Some(known) = self.unpacked.get(&key) {
            return known.clone().with_shape(&x.shape);
        }
        let out = self.fresh(&x.shape, x.dtype);
        let words = Run {
            buffer,
            start: 0,
            len: self.buffers[buffer],
        };
        self.push(
            OpCode::Dequantize,
            0,
            [Operand::Run(words), Operand::None, Operand::None],
            &out,
            [x.len(), 0, 0, 0],
        );
        self.last(|step| step.p = [scale.unwrap_or(1.0), 0.0]);
        let out = match (scale, zero) {
            (None, zero) if zero != 0 => {
                let zero = Tensor::of(Array::scalar(f64::from(zero), x.dtype));
                self.zip(zip::ADD, &out, &zero).unwrap_or(out)
            }
            _ => out,
        };
        self.unpacked.insert(key, out.clone());
        out
    }

    pub(super) fn operand(&mut self, x: &Tensor) -> Operand {
        let x = self.real(x);
        match &x.place {
            Place::Constant(array, _) => {
                let numbers = array.to_f32();
                self.store(Stored::F32(numbers))
            }
            Place::Buffer(buffer, start) => Operand::Run(Run {
                buffer: *buffer,
                start: *start,
                len: x.len(),
            }),
            Place::Packed { .. } => Operand::None,
        }
    }

    pub(super) fn push(
        &mut self,
        code: OpCode,
        function: u8,
        operands: [Operand; 3],
        out: &Tensor,
        n: [usize; 4],
    ) {
        let (buffer, start) = match out.place {
            Place::Buffer(buffer, start) => (buffer, start),
            Place::Packed { buffer, .. } => (buffer, 0),
            Place::Constant(..) => return,
        };
        let len = match out.place {
            Place::Packed { .. } => self.buffers[buffer],
            _ => out.len(),
        };
        self.steps.push(Step {
            code,
            function,
            weights: WeightType::F32,
            operands,
            out: Run { buffer, start, len },
            n,
            p: [1.0, 0.0],
            extra: None,
            is_plain_copy: false,
            is_affine: false,
        });
    }

    /// Changes the step that was pushed last.
    pub(super) fn last(&mut self, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.last_mut() {
            change(step);
        }
    }

    fn refuse(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// `function` of each number.
    pub fn map(&mut self, function: u8, p: [f32; 2], x: &Tensor) -> Tensor {
        let a = self.operand(x);
        let out = self.fresh(&x.shape, x.dtype);
        self.push(
            OpCode::Map,
            function,
            [a, Operand::None, Operand::None],
            &out,
            [x.len(), 0, 0, 0],
        );
        self.last(|step| step.p = p);
        out
    }

    /// Each number times `factor`.
    ///
    /// # Errors
    /// None that shapes can cause.
    pub fn scaled(&mut self, x: &Tensor, factor: f64) -> Result<Tensor, String> {
        match x.constant() {
            _ if factor == 1.0 => Ok(x.clone()),
            Some(array) => Ok(Tensor::of(array.map(|x| f64::from((x * factor) as f32)))),
            None => self.zip(zip::MUL, x, &Tensor::of(Array::scalar(factor, x.dtype))),
        }
    }

    /// `function` of each pair of numbers after broadcasting.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn zip(&mut self, function: u8, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
        let shape = broadcast_shape(&a.shape, &b.shape)?;
        let len: usize = shape.iter().product();
        let (mut a, mut b) = (self.real(a), self.real(b));
        let both = a.len() == len && b.len() == len;
        let first = (a.len() == len && !(both && a.constant().is_some()))
            .then(|| middle(&b.shape, &shape))
            .flatten();
        let swapped = match first {
            Some(_) => None,
            None if b.len() == len => middle(&a.shape, &shape),
            None => None,
        };
        let (extent, is_swapped) = match (first, swapped) {
            (Some(extent), _) => (extent, false),
            (None, Some(extent)) => (extent, true),
            (None, None) => {
                a = self.strided(&a, &Strides::of(&a.shape).broadcast(&shape)?);
                match middle(&b.shape, &shape) {
                    Some(extent) => (extent, false),
                    None => {
                        b = self.strided(&b, &Strides::of(&b.shape).broadcast(&shape)?);
                        ([1, len, 1], false)
                    }
                }
            }
        };
        let (whole, other) = if is_swapped { (&b, &a) } else { (&a, &b) };
        let operands = [self.operand(whole), self.operand(other), Operand::None];
        let out = self.fresh(&shape, a.dtype);
        let [outer, mid, inner] = extent;
        self.push(
            OpCode::Zip,
            function,
            operands,
            &out,
            [outer, mid, inner, usize::from(is_swapped)],
        );
        Ok(out)
    }

    /// Elements of `table` `[outer, axis, inner]` by index.
    pub fn gather(
        &mut self,
        table: &Tensor,
        indices: &Tensor,
        [outer, axis, inner]: [usize; 3],
    ) -> Tensor {
        let operands = [self.operand(indices), self.operand(table), Operand::None];
        let out = self.fresh(&[outer, indices.len(), inner], table.dtype);
        self.push(
            OpCode::Gather,
            0,
            operands,
            &out,
            [outer, axis, inner, indices.len()],
        );
        out
    }

    /// `a` where `condition` is not 0, else `b`.
    ///
    /// # Errors
    /// They do not broadcast to `shape`.
    pub fn select(
        &mut self,
        condition: &Tensor,
        a: &Tensor,
        b: &Tensor,
        shape: &[usize],
    ) -> Result<Tensor, String> {
        let mut operands = [Operand::None; 3];
        for (operand, x) in operands.iter_mut().zip([condition, a, b]) {
            let wide = self.strided(x, &Strides::of(&x.shape).broadcast(shape)?);
            *operand = self.operand(&wide);
        }
        let out = self.fresh(shape, a.dtype);
        self.push(OpCode::Select, 0, operands, &out, [out.len(), 0, 0, 0]);
        Ok(out)
    }

    /// `x * factor + offset` with a number for each index of axis 1.
    ///
    /// # Errors
    /// They are not as many as the axis is long.
    pub fn affine(
        &mut self,
        x: &Tensor,
        factor: Vec<f64>,
        offset: Vec<f64>,
    ) -> Result<Tensor, String> {
        let mut shape = vec![1; x.shape.len().saturating_sub(1).max(1)];
        shape[0] = factor.len();
        let mut y = x.clone();
        for (function, numbers) in [(zip::MUL, factor), (zip::ADD, offset)] {
            let numbers = Tensor::of(Array::new(shape.clone(), numbers, x.dtype)?);
            y = self.zip(function, &y, &numbers)?;
            self.last(|step| step.is_affine = true);
        }
        Ok(y)
    }
}

/// Where the axes of `shape` lie among those of `whole`: what is outside, along and inside of them. `None` if they are not
/// neighbours.
fn middle(shape: &[usize], whole: &[usize]) -> Option<[usize; 3]> {
    let mut extent = [1; 3];
    let mut at = 0;
    let skipped = whole.len() - shape.len();
    for (axis, n) in whole.iter().enumerate().filter(|(_, n)| **n != 1) {
        let repeats = axis < skipped || shape[axis - skipped] == 1;
        match (at, repeats) {
            (0, false) => at = 1,
            (1, true) => at = 2,
            (2, false) => return None,
            _ => {}
        }
        extent[at] *= n;
    }
    // One number for all: inside of an axis of length 1.
    Some(if at == 0 { [1, 1, extent[0]] } else { extent })
}

//! [`Strides`]: which elements of an array, in which order. Holds no numbers.

use super::element_count;

/// A selection of elements of an array: element `(i, j, …)` is number `offset + i * steps[0] + j * steps[1] + …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strides {
    /// Lengths of the axes of the selection.
    pub dims: Vec<usize>,
    /// How far apart neighbours along each axis are; 0 repeats.
    pub steps: Vec<isize>,
    /// The first element.
    pub offset: usize,
}

impl Strides {
    /// All elements of an array of this shape in their order.
    #[must_use]
    pub fn of(shape: &[usize]) -> Self {
        let mut steps = vec![0; shape.len()];
        let mut step = 1_usize;
        for (axis, n) in shape.iter().enumerate().rev() {
            steps[axis] = step as isize;
            step = step.saturating_mul(*n);
        }
        Self {
            dims: shape.to_vec(),
            steps,
            offset: 0,
        }
    }

    /// Repeats along axes of length 1, and along new leading ones, to `shape`.
    ///
    /// # Errors
    /// The shapes do not broadcast.
    pub fn broadcast(mut self, shape: &[usize]) -> Result<Self, String> {
        let own = self.dims.clone();
        let fits = own.len() <= shape.len()
            && own
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(own, n)| own == n || *own == 1);
        if !fits {
            return Err(format!("{own:?} does not broadcast to {shape:?}"));
        }
        element_count(shape)?;
        let new = shape.len() - own.len();
        self.steps.splice(0..0, vec![0; new]);
        for (axis, n) in own.iter().enumerate() {
            if *n == 1 {
                self.steps[new + axis] = 0;
            }
        }
        self.dims = shape.to_vec();
        Ok(self)
    }

    /// Its axes in another order: axis `i` of the result is axis `order[i]`.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        Self {
            dims: order.iter().map(|axis| self.dims[*axis]).collect(),
            steps: order.iter().map(|axis| self.steps[*axis]).collect(),
            offset: self.offset,
        }
    }

    /// `len` elements along `axis`, from `start` on.
    #[must_use]
    pub fn narrowed(mut self, axis: usize, start: usize, len: usize) -> Self {
        self.offset = self
            .offset
            .wrapping_add_signed(self.steps[axis] * start as isize);
        self.dims[axis] = len;
        self
    }

    /// Elements selected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether nothing is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same elements in the same order with as few axes as possible.
    #[must_use]
    pub fn merged(&self) -> Self {
        let mut merged = Self {
            dims: Vec::new(),
            steps: Vec::new(),
            offset: self.offset,
        };
        for (dim, step) in self.dims.iter().zip(&self.steps) {
            match (merged.dims.last_mut(), merged.steps.last_mut()) {
                _ if *dim == 1 => {}
                (Some(last), Some(outer)) if *outer == *dim as isize * step => {
                    *last *= dim;
                    *outer = *step;
                }
                _ => {
                    merged.dims.push(*dim);
                    merged.steps.push(*step);
                }
            }
        }
        merged
    }

    /// The numbers of `data` at each place, in order.
    #[must_use]
    pub fn take(&self, data: &[f64]) -> Vec<f64> {
        let len = self.len();
        let mut taken = Vec::with_capacity(len);
        let mut index = vec![0_usize; self.dims.len()];
        let mut at = self.offset as isize;
        while taken.len() < len {
            taken.push(data[at as usize]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.steps[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                at -= self.steps[axis] * self.dims[axis] as isize;
                index[axis] = 0;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_select_as_numpy_does() {
        // numpy: np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)[1:3].ravel()
        let strides = Strides::of(&[2, 3, 4]).permuted(&[2, 0, 1]);
        let numbers: Vec<f64> = (0..24).map(f64::from).collect();
        let taken = strides.narrowed(0, 1, 2).take(&numbers);
        let expected = [1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22].map(f64::from);
        assert_eq!(taken, expected);
        let merged = Strides::of(&[2, 3, 4]).narrowed(0, 1, 1).merged();
        assert_eq!(
            (merged.dims, merged.steps, merged.offset),
            (vec![12], vec![1], 12)
        );
    }
}

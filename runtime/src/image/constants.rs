//! [`Constants`]: the section of constants under construction. Knows how arrays are laid out, not which operation reads them.

use alloc::vec;
use alloc::vec::Vec;

use super::check::ARRAY_ALIGNMENT;
use super::{ImageError, Place};
use crate::nn::dense;

/// Arrays one behind the other, each at a multiple of 16 bytes; equal arrays lie once.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    words: Vec<f32>,
    placed: Vec<(usize, usize)>,
}

impl Constants {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The section so far.
    #[must_use]
    pub fn words(&self) -> &[f32] {
        &self.words
    }

    /// Places singles.
    ///
    /// # Errors
    /// The section has more words than 31 bits count.
    pub fn f32(&mut self, array: &[f32]) -> Result<Place, ImageError> {
        let same = |(start, len): &&(usize, usize)| {
            *len == array.len()
                && self
                    .words
                    .get(*start..start + len)
                    .is_some_and(|placed| same_bits(placed, array))
        };
        let start = match self.placed.iter().find(same) {
            Some((start, _)) => *start,
            None => {
                let start = self.words.len().next_multiple_of(ARRAY_ALIGNMENT);
                self.words.resize(start, 0.0);
                self.words.extend_from_slice(array);
                self.placed.push((start, array.len()));
                start
            }
        };
        match u32::try_from(start) {
            Ok(start) if start < 1 << 31 => Ok(Place::Constant(start)),
            _ => Err(ImageError::TooLarge { what: "constants" }),
        }
    }

    /// Places whole numbers: parameters, or the biases of an integer layer.
    ///
    /// # Errors
    /// As [`f32`](Self::f32).
    pub fn i32(&mut self, array: &[i32]) -> Result<Place, ImageError> {
        let words: Vec<f32> = array
            .iter()
            .map(|number| f32::from_bits(number.cast_unsigned()))
            .collect();
        self.f32(&words)
    }

    /// Places bytes, filled up with zeros to a whole word.
    ///
    /// # Errors
    /// As [`f32`](Self::f32).
    pub fn bytes(&mut self, array: &[u8]) -> Result<Place, ImageError> {
        let words: Vec<f32> = array
            .chunks(size_of::<f32>())
            .map(|chunk| {
                let mut word = [0; size_of::<f32>()];
                word.iter_mut()
                    .zip(chunk)
                    .for_each(|(to, from)| *to = *from);
                f32::from_le_bytes(word)
            })
            .collect();
        self.f32(&words)
    }

    /// Places the weights `[outputs, inputs]`, row-major, of a dense layer in panels.
    ///
    /// # Errors
    /// [`ImageError::Width`] where `weight` has another length, and as [`f32`](Self::f32).
    pub fn panels(
        &mut self,
        weight: &[f32],
        inputs: usize,
        outputs: usize,
    ) -> Result<Place, ImageError> {
        self.f32(&panels(weight, inputs, outputs)?)
    }
}

/// Weights `[outputs, inputs]`, row-major, in panels.
///
/// # Errors
/// [`ImageError::Width`] where `weight` has another length.
pub fn panels(weight: &[f32], inputs: usize, outputs: usize) -> Result<Vec<f32>, ImageError> {
    let expected = inputs.saturating_mul(outputs);
    if weight.len() != expected {
        return Err(ImageError::Width {
            index: 0,
            what: "weight",
            expected,
            found: weight.len(),
        });
    }
    let mut panels = vec![0.0; expected];
    for (o, row) in weight.chunks_exact(inputs.max(1)).enumerate() {
        for (i, weight) in row.iter().enumerate() {
            if let Some(place) = panels.get_mut(dense::weight_index(inputs, outputs, o, i)) {
                *place = *weight;
            }
        }
    }
    Ok(panels)
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

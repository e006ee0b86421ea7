//! [`OwnedImage`]: a policy image together with its bytes, for hosts.

use zerocopy::FromBytes;

use super::op::OpRecord;
use super::prelude::Span;
use super::{Golden, ImageBytes, ImageError, PolicyImage, Program};
use crate::policy::Shape;

/// A checked image that owns its bytes. It remembers where the program lies, so that running it repeats no check.
#[derive(Clone, Debug)]
pub struct OwnedImage {
    bytes: ImageBytes,
    shape: Shape,
    scratch_len: usize,
    ops: Span,
    weights: Span,
}

impl OwnedImage {
    /// Copies and checks an image.
    ///
    /// # Errors
    /// As [`PolicyImage::view`], but for the alignment, which the copy has.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let bytes = ImageBytes::new(bytes);
        let program = PolicyImage::view(&bytes)?.program();
        let span = |address: usize, len: usize| Span {
            start: address - bytes.as_ptr().addr(),
            len,
        };
        let ops = span(program.ops.as_ptr().addr(), size_of_val(program.ops));
        let weights = span(
            program.weights.as_ptr().addr(),
            size_of_val(program.weights),
        );
        Ok(Self {
            shape: program.shape,
            scratch_len: program.scratch_len,
            ops,
            weights,
            bytes,
        })
    }

    /// The bytes, aligned.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Everything else the image says; repeats the checks.
    ///
    /// # Errors
    /// None in practice: the bytes have been checked and are not changed.
    pub fn view(&self) -> Result<PolicyImage<'_>, ImageError> {
        PolicyImage::view(&self.bytes)
    }

    /// The part that computes; costs two slices.
    #[must_use]
    pub fn program(&self) -> Program<'_> {
        let ops = self.ops.of(&self.bytes).unwrap_or_default();
        let weights = self.weights.of(&self.bytes).unwrap_or_default();
        Program {
            shape: self.shape,
            scratch_len: self.scratch_len,
            ops: <[OpRecord]>::ref_from_bytes(ops).unwrap_or_default(),
            weights: <[f32]>::ref_from_bytes(weights).unwrap_or_default(),
        }
    }

    /// Whether this machine computes the golden action, bit for bit.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn self_test(&self) -> Result<bool, ImageError> {
        let golden: Golden<'_> = self.view()?.golden();
        let mut scratch = alloc::vec![0.0; self.scratch_len];
        Ok(golden.matches(self.program().run(&mut scratch, golden.observation)))
    }
}

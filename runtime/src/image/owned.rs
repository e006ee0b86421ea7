//! [`OwnedImage`]: a policy image together with its bytes, for hosts.

use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::prelude::Span;
use super::{ImageBytes, ImageError, PolicyImage, Program};
use crate::policy::Shape;

/// A checked image that owns its bytes. It remembers where the program lies, so that running it repeats no check.
#[derive(Clone, Debug)]
pub struct OwnedImage {
    bytes: ImageBytes,
    shape: Shape,
    arena_len: usize,
    state_len: usize,
    ops: Span,
    constants: Span,
    inputs: Span,
    outputs: Span,
}

impl OwnedImage {
    /// Copies and checks an image.
    ///
    /// # Errors
    /// As [`PolicyImage::view`], but for the alignment, which the copy has.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let bytes = ImageBytes::new(bytes);
        let program = PolicyImage::view(&bytes)?.program();
        let origin = bytes.as_ptr().addr();
        Ok(Self {
            shape: program.shape,
            arena_len: program.arena_len,
            state_len: program.state_len,
            ops: span(origin, program.ops),
            constants: span(origin, program.constants),
            inputs: span(origin, program.inputs),
            outputs: span(origin, program.outputs),
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

    /// The part that computes; costs a few slices.
    #[must_use]
    pub fn program(&self) -> Program<'_> {
        Program {
            shape: self.shape,
            arena_len: self.arena_len,
            state_len: self.state_len,
            ops: items(&self.bytes, self.ops),
            constants: items(&self.bytes, self.constants),
            inputs: items(&self.bytes, self.inputs),
            outputs: items(&self.bytes, self.outputs),
        }
    }

    /// Whether this machine computes the golden action, bit for bit.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn self_test(&self) -> Result<bool, ImageError> {
        let golden = self.view()?.golden();
        let mut arena = alloc::vec![0.0; self.arena_len];
        Ok(self.program().passes(&mut arena, golden))
    }
}

fn span<T>(origin: usize, items: &[T]) -> Span {
    Span {
        start: items.as_ptr().addr().saturating_sub(origin),
        len: size_of_val(items),
    }
}

fn items<T: FromBytes + Immutable + KnownLayout>(bytes: &[u8], span: Span) -> &[T] {
    let bytes = span.of(bytes).unwrap_or_default();
    <[T]>::ref_from_bytes(bytes).unwrap_or_default()
}

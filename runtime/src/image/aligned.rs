//! Bytes at a 16-byte boundary, in flash ([`include_image!`](crate::include_image)) and on the heap (`ImageBytes`). Knows that a host
//! reads whole cache lines, not what is in them.

#[cfg(feature = "alloc")]
use {
    super::{ALIGNMENT, view::weights_at},
    alloc::vec::Vec,
    core::ops::{Deref, DerefMut},
    zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout},
};

/// Puts its content at a boundary of [`ALIGNMENT`](super::ALIGNMENT) bytes; on a processor with wide registers at one of a cache line.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(target_arch = "x86_64", repr(C, align(64)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C, align(16)))]
pub struct Aligned<T: ?Sized>(pub T);

/// A policy image as part of the program: `&'static [u8]`, aligned as [`PolicyImage::view`](super::PolicyImage::view)
/// wants it. The path is relative to the source file, as for `include_bytes!`.
#[macro_export]
macro_rules! include_image {
    ($path:expr) => {{
        static IMAGE: &$crate::image::Aligned<[u8]> =
            &$crate::image::Aligned(*::core::include_bytes!($path));
        &IMAGE.0
    }};
}

/// A copy of an image on the heap, aligned whatever the source was: the weights of the largest layer start with a cache line, because
/// a register as wide as half a line is then never read from two of them.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct ImageBytes {
    lines: Vec<Line>,
    /// Bytes of the first line before the image.
    start: usize,
    len: usize,
}

#[cfg(feature = "alloc")]
const LINE_LEN: usize = 64;

#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
struct Line([u8; LINE_LEN]);

#[cfg(feature = "alloc")]
impl ImageBytes {
    /// Copies `bytes`, checking nothing.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let past_line = weights_at(bytes).unwrap_or(0) % LINE_LEN;
        // Whatever `bytes` hold, the copy starts at a multiple of 16.
        let start = (LINE_LEN - past_line) % LINE_LEN / ALIGNMENT * ALIGNMENT;
        let n_lines = (start + bytes.len()).div_ceil(LINE_LEN);
        let mut copy = Self {
            lines: alloc::vec![Line([0; LINE_LEN]); n_lines],
            start,
            len: bytes.len(),
        };
        for (to, from) in copy.iter_mut().zip(bytes) {
            *to = *from;
        }
        copy
    }
}

#[cfg(feature = "alloc")]
impl Deref for ImageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes = self.lines.as_bytes().get(self.start..);
        bytes
            .and_then(|bytes| bytes.get(..self.len))
            .unwrap_or_default()
    }
}

#[cfg(feature = "alloc")]
impl DerefMut for ImageBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        let bytes = self.lines.as_mut_bytes().get_mut(self.start..);
        bytes
            .and_then(|bytes| bytes.get_mut(..self.len))
            .unwrap_or_default()
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn same_bytes_aligned() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 15, 16, 17, 255] {
            let copy = ImageBytes::new(&bytes[..len]);
            assert_eq!(*copy, bytes[..len]);
            assert_eq!(copy.as_ptr().addr() % ALIGNMENT, 0);
        }
    }

    #[test]
    fn included_bytes_are_aligned() {
        let bytes: &'static [u8] = crate::include_image!("aligned.rs");
        assert!(bytes.starts_with(b"//! Bytes at a 16-byte boundary"));
        assert_eq!(bytes.as_ptr().addr() % ALIGNMENT, 0);
    }
}

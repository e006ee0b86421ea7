//! Bytes at a 16-byte boundary, in flash ([`include_image!`](crate::include_image)) and on the heap (`ImageBytes`).

#[cfg(feature = "alloc")]
use {
    super::ALIGNMENT,
    alloc::vec::Vec,
    core::ops::{Deref, DerefMut},
    zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout},
};

/// Puts its content at a boundary of [`ALIGNMENT`](super::ALIGNMENT) bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
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

/// A copy of an image on the heap, aligned whatever the source was.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct ImageBytes {
    blocks: Vec<Block>,
    len: usize,
}

#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(16))]
struct Block([u8; ALIGNMENT]);

#[cfg(feature = "alloc")]
impl ImageBytes {
    /// Copies `bytes`, checking nothing.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let (full, rest) = bytes.as_chunks::<ALIGNMENT>();
        let mut blocks: Vec<Block> = full.iter().copied().map(Block).collect();
        if !rest.is_empty() {
            let mut last = [0; ALIGNMENT];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            blocks.push(Block(last));
        }
        Self {
            blocks,
            len: bytes.len(),
        }
    }
}

#[cfg(feature = "alloc")]
impl Deref for ImageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.blocks.as_bytes().get(..self.len).unwrap_or_default()
    }
}

#[cfg(feature = "alloc")]
impl DerefMut for ImageBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        let bytes = self.blocks.as_mut_bytes();
        bytes.get_mut(..self.len).unwrap_or_default()
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

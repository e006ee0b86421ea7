//! [`EnginePolicy`]: our own engine over an image on the heap; the same bits as [`ImagePolicy`](crate::ImagePolicy).

use alloc::vec;
use alloc::vec::Vec;

use crate::image::{ImageError, OwnedImage};
use crate::policy::{Policy, Shape};

/// A policy image with its own memory.
#[derive(Clone, Debug)]
pub struct EnginePolicy {
    image: OwnedImage,
    arena: Vec<f32>,
}

impl EnginePolicy {
    /// Copies and checks the bytes of an `.rlfd` file.
    ///
    /// # Errors
    /// Whatever is wrong with the image.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        let image = OwnedImage::new(bytes)?;
        let arena = vec![0.0; image.program().arena_len()];
        Ok(Self { image, arena })
    }

    /// The image it runs.
    #[must_use]
    pub fn image(&self) -> &OwnedImage {
        &self.image
    }
}

impl Policy for EnginePolicy {
    fn shape(&self) -> Shape {
        self.image.program().shape()
    }

    fn reset(&mut self) {
        self.image.program().reset(&mut self.arena);
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        self.image
            .program()
            .act(&mut self.arena, observation, action);
    }
}

//! The [`Policy`] seam, and [`ImagePolicy`]: an image run in memory the caller lends. A policy knows neither sensors nor
//! clocks nor limits.

use crate::image::{ImageError, PolicyImage};

/// How many numbers a policy reads and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Numbers in one observation, history included.
    pub observation_dim: usize,
    /// Numbers in one action.
    pub action_dim: usize,
}

/// A function from observation to action, possibly with a state.
///
/// `act` cannot fail: shapes are compared once, where a loop is built, and numbers are judged by the safety filter. A policy
/// that cannot answer fills `action` with NaN, which the filter refuses.
pub trait Policy {
    /// What [`act`](Self::act) reads and writes.
    fn shape(&self) -> Shape;

    /// Forgets everything seen so far.
    fn reset(&mut self);

    /// Reads `observation` `[observation_dim]`, writes `action` `[action_dim]`.
    fn act(&mut self, observation: &[f32], action: &mut [f32]);
}

impl<P: Policy + ?Sized> Policy for &mut P {
    fn shape(&self) -> Shape {
        (**self).shape()
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        (**self).act(observation, action);
    }
}

/// A policy image, ready to act: weights are read where they lie, intermediate results and the recurrent state live in lent
/// memory.
#[derive(Debug)]
pub struct ImagePolicy<'a> {
    image: PolicyImage<'a>,
    arena: &'a mut [f32],
}

impl<'a> ImagePolicy<'a> {
    /// Takes a checked image and at least [`PolicyImage::arena_len`] numbers of memory. The policy starts reset.
    ///
    /// # Errors
    /// [`ImageError::Arena`] where the memory is too small.
    pub fn new(image: PolicyImage<'a>, arena: &'a mut [f32]) -> Result<Self, ImageError> {
        if arena.len() < image.arena_len() {
            return Err(ImageError::Arena {
                needed: image.arena_len(),
                found: arena.len(),
            });
        }
        image.program().reset(arena);
        Ok(Self { image, arena })
    }

    /// The image it runs.
    #[must_use]
    pub fn image(&self) -> &PolicyImage<'a> {
        &self.image
    }

    /// Whether this machine computes the image's golden action, bit for bit. The policy is reset by this.
    #[must_use]
    pub fn self_test(&mut self) -> bool {
        self.image.program().passes(self.arena, self.image.golden())
    }
}

impl Policy for ImagePolicy<'_> {
    fn shape(&self) -> Shape {
        self.image.shape()
    }

    fn reset(&mut self) {
        self.image.program().reset(self.arena);
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        self.image.program().act(self.arena, observation, action);
    }
}

//! Experience: how it is kept and how it is drawn.

mod batch;
mod demonstrations;
mod replay_buffer;

pub use batch::{Batch, BatchView};
pub use demonstrations::{Demonstration, DemonstrationShape, Demonstrations};
pub use replay_buffer::{ReplayBuffer, Transition};

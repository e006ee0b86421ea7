//! Experience: how it is kept and how it is drawn.

mod batch;
mod replay_buffer;

pub use batch::{Batch, BatchView};
pub use replay_buffer::{ReplayBuffer, Transition};

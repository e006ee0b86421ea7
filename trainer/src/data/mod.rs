//! Experience: how it is kept and how it is drawn.

mod batch;
mod demonstrations;
mod replay_buffer;

pub use batch::{Batch, BatchView};
pub use demonstrations::{
    Clipping, Demonstration, DemonstrationError, DemonstrationShape, Demonstrations, Flaw,
    OlderLayout, Spread, Summary,
};
pub use replay_buffer::{ReplayBuffer, Transition};

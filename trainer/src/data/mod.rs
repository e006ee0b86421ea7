//! Experience: how it is kept and how it is drawn.

mod batch;
mod demonstrations;
mod episode_buffer;
mod experience;
mod hindsight;
mod replay_buffer;

pub use batch::{Batch, BatchRows, BatchView};
pub use demonstrations::{Demonstration, DemonstrationShape, Demonstrations};
pub use episode_buffer::{Episode, EpisodeBuffer, EpisodeShape};
pub use experience::Experience;
pub use hindsight::{Draw, Hindsight, HindsightSettings, HindsightStrategy};
pub use replay_buffer::{ReplayBuffer, Transition};

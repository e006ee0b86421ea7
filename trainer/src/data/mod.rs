//! Experience: how it is kept and how it is drawn.

mod batch;
mod demonstrations;
mod episode_buffer;
mod experience;
mod hindsight;
mod n_step;
mod replay_buffer;
mod rollout;

pub use batch::{Batch, BatchRows, BatchView};
pub use demonstrations::{
    Clipping, Demonstration, DemonstrationError, DemonstrationShape, Demonstrations, Flaw,
    OlderLayout, Spread, Summary,
};
pub use episode_buffer::{Episode, EpisodeBuffer, EpisodeShape};
pub use experience::Experience;
pub use hindsight::{Draw, Hindsight, HindsightSettings, HindsightStrategy};
pub use n_step::{NStep, NStepSettings};
pub use replay_buffer::{ReplayBuffer, Transition};
pub use rollout::{Rollout, RolloutStep};

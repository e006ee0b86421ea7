//! Runs: the loop that connects environments, experience and an algorithm, and everything it leaves on disk.

mod directory;
mod evaluate;
pub mod fonts;
mod learning_curve;
mod log;
mod off_policy;
mod policy_file;
mod progress;
mod recording;
mod run_state;
mod torch_policy;

pub use directory::RunDirectory;
pub use evaluate::{Deployment, Evaluation};
pub use learning_curve::plot;
pub use off_policy::{Outcome, fit};
pub use progress::Progress;
pub use recording::Recording;
pub use torch_policy::TorchPolicy;

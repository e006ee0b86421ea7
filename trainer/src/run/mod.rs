//! Runs: the loop that connects environments, experience and an algorithm, and everything it leaves on disk.

mod directory;
mod evaluate;
mod learning_curve;
mod log;
mod off_policy;
mod outcome;
mod policy_file;
mod progress;
mod recording;
mod run_state;
mod stop;
mod torch_policy;

pub use directory::RunDirectory;
pub use evaluate::{Deployment, Evaluation};
pub use learning_curve::{Curve, Spread, Style, plot};
pub use off_policy::fit;
pub use outcome::Outcome;
pub use progress::{Audience, Progress, Report};
pub use recording::Recording;
pub use stop::Stop;
pub use torch_policy::TorchPolicy;

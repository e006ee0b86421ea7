//! Runs: the loop that connects environments, experience and an algorithm, and everything it leaves on disk.

mod chart;
#[cfg(test)]
mod check;
mod collector;
mod directory;
mod evaluate;
pub mod fonts;
mod heat_map;
mod learning_curve;
mod log;
mod mentor;
mod policy_file;
mod potential_file;
mod progress;
mod recording;
mod run_state;
pub mod sweep;
mod torch_policy;
mod training;

pub use directory::RunDirectory;
pub use evaluate::{Deployment, Evaluation};
pub use heat_map::plot_potential;
pub use learning_curve::{Spread, plot};
pub use progress::Progress;
pub use recording::Recording;
pub use torch_policy::TorchPolicy;
pub use training::{Outcome, fit, fit_with};

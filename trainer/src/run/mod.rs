//! Runs: the loop that connects environments, experience and an algorithm, and everything it leaves on disk.

#[cfg(test)]
mod check;
mod collector;
mod directory;
mod evaluate;
mod heat_map;
#[cfg(test)]
mod hidden_goal_check;
mod learning_curve;
mod lock;
mod log;
#[cfg(test)]
mod log_check;
mod mentor;
mod outcome;
pub mod picture;
mod policy_file;
mod potential_file;
mod potential_fit;
mod progress;
mod recording;
#[cfg(test)]
mod rollout_check;
mod run_state;
mod sealed;
#[cfg(test)]
mod shaping_check;
mod stop;
mod together;
mod torch_policy;
mod training;

pub use directory::RunDirectory;
pub use evaluate::{Deployment, Evaluation, disturb};
pub use heat_map::plot_potential;
pub use learning_curve::{Curve, Runs, Spread, Style, plot};
pub use lock::lock;
pub use outcome::Outcome;
pub use progress::{Audience, Progress, Report};
pub use recording::Recording;
pub use stop::Stop;
pub use torch_policy::TorchPolicy;
pub use training::{Session, fit, fit_with};

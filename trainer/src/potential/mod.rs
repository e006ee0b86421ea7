//! [`Potential`]: a frozen function Φ(s, a) learned from demonstrations, by which rewards are shaped.
//!
//! Shaping with `F = γ Φ(s', a') - Φ(s, a)` leaves the greedy policy of `Q + Φ` what it was, whatever Φ is (Wiewiora,
//! Cottrell & Elkan 2003, "Principled Methods for Advising Reinforcement Learning Agents"); a good Φ only makes it sooner
//! found. Here Φ is learned from demonstrations that may be bad (Wu, Mozian, Dai et al. 2020, "Shaping Rewards for
//! Reinforcement Learning with Imperfect Demonstrations using Generative Models"): from the density of a normalising
//! flow (`flow`) or from the critic of a Wasserstein GAN (`wgan`).
//!
//! Fitting happens once, before a run. Both losses hold the norm of a gradient, along which their derivatives are written out.
//! Afterwards a potential is plain numbers, answered by [`PotentialShard`] with written-out derivatives. Nothing here
//! knows of environments, rewards or files of demonstrations.

mod demonstrated;
mod fit;
mod flow;
#[cfg(test)]
mod flow_reference;
mod frozen;
mod masks;
mod member;
#[cfg(test)]
mod network;
mod settings;
mod wgan;

pub use demonstrated::Demonstrated;
pub use fit::Fitting;
pub use frozen::{Potential, PotentialError, PotentialShard};
pub use member::{Member, MemberState};
pub use settings::{PotentialModel, PotentialSettings};

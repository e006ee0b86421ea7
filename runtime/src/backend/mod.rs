//! [`Policy`](crate::Policy) on a robot computer: the engine over an image it owns, and, behind the features `tract` and
//! `ort`, two general engines over an `.onnx` file. These know files and heaps; the rest of the crate does not.
//!
//! ```no_run
//! # #[cfg(feature = "tract")]
//! # fn main() -> Result<(), rlfd_runtime::backend::BackendError> {
//! use rlfd_runtime::Policy;
//! use rlfd_runtime::backend::tract::TractPolicy;
//!
//! let mut policy = TractPolicy::open("policy.onnx".as_ref())?;
//! let mut action = vec![0.0; policy.shape().action_dim];
//! policy.act(&vec![0.0; policy.shape().observation_dim], &mut action);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tract"))]
//! # fn main() {}
//! ```

mod engine;
#[cfg(any(feature = "tract", feature = "ort"))]
mod error;
#[cfg(feature = "ort")]
pub mod ort;
#[cfg(feature = "tract")]
pub mod tract;

pub use engine::EnginePolicy;
#[cfg(any(feature = "tract", feature = "ort"))]
pub use error::BackendError;

#[cfg(all(test, any(feature = "tract", feature = "ort")))]
mod tests;

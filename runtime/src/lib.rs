#![cfg_attr(not(doctest), no_std)]
//! runtime
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("weights are little-endian and read in place");

#[cfg(feature = "alloc")]
pub mod backend;
mod checksum;
pub mod image;
pub mod nn;
pub mod policy;

#[cfg(feature = "alloc")]
pub use backend::EnginePolicy;
pub use image::PolicyImage;
pub use nn::Activation;
pub use policy::{ImagePolicy, Policy, Shape};

//! Placeholder.
pub mod env;
pub mod hil;

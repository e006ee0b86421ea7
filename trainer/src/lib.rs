//! Placeholder.
pub mod env;
pub mod hil;
pub mod cli;
pub mod video;

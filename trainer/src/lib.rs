//! Learns control policies from reward and demonstrations.

pub mod algo;
pub mod cli;
pub mod collect;
pub mod data;
pub mod env;
pub mod hil;
pub mod nn;
pub mod potential;
pub mod python;
pub mod ranks;
pub mod recipe;
pub mod run;
pub mod sweep;
pub mod video;

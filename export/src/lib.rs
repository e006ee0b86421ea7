#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod array;
pub mod artefact;
pub mod cli;
pub mod comparison;
pub mod error;
pub mod evaluate;
pub mod graph;
pub mod image;
pub mod inspection;
pub mod lower;
pub mod onnx;
pub mod ops;
pub mod passes;
pub mod policy_graph;
pub mod stage;

pub use artefact::{Artefact, Backend, Runner};
pub use error::ExportError;
pub use image::{ImageOptions, image_of};
pub use onnx::Model;
pub use policy_graph::model_of;

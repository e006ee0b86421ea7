#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod array;
pub mod artefact;
pub mod calibration;
pub mod cli;
pub mod comparison;
pub mod contract;
pub mod cost;
pub mod dtype;
pub mod error;
pub mod evaluate;
pub mod foreign;
pub mod graph;
pub mod image;
pub mod inspection;
pub mod lower;
pub mod npz;
pub mod observation_names;
pub mod onnx;
pub mod operation;
pub mod ops;
pub mod passes;
pub mod policy_graph;
pub mod session;
pub mod source;
pub mod work;

pub use artefact::{Artefact, Backend, Runner};
pub use error::ExportError;
pub use image::{ImageOptions, MadeImage, ObservationStatistics, image_of, make_image};
pub use lower::LowerOptions;
pub use onnx::Model;
pub use policy_graph::model_of;

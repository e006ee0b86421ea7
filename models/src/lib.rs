//! What a trained policy is, and the files it lives in.
//!
//! [`spec::PolicySpec`] is the contract between trainer, exporter, runtime and board; [`checkpoint::Checkpoint`] is
//! `policy.pt`: named tensors plus that contract; [`npz`] is how recordings and demonstrations are kept. This crate opens files; it neither trains nor infers.

pub mod atomic_file;
pub mod checkpoint;
pub mod npz;
pub mod spec;

pub use spec::{
    ActionTerm, Activation, Head, Network, ObservationTerm, PolicySpec, Provenance, Source,
};

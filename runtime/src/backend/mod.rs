//! [`Policy`](crate::Policy) on a robot computer: the engine over an image it owns, and, behind the features `tract` and
//! `ort`, two general engines over an `.onnx` file. These know files and heaps; the rest of the crate does not.

mod engine;

pub use engine::EnginePolicy;

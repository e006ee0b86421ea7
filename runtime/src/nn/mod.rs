//! Kernels on slices, one per file. They know neither images nor policies; lengths are the caller's to match, and
//! where they do not match the shorter slice decides, so that no kernel can panic.
//!
//! Every kernel gives the same bits on every target: only additions, multiplications and comparisons of IEEE 754
//! singles in a fixed order, never fused, and the functions of `libm` compiled from source. NaN goes through every kernel:
//! judging it is the safety filter's work, and a kernel that swallowed it would hide the fault.

mod arch;
#[cfg(feature = "tensor")]
pub mod arg_max;
#[cfg(feature = "tensor")]
pub mod conv;
#[cfg(feature = "tensor")]
pub mod copy;
pub mod dense;
#[cfg(feature = "half")]
pub mod dense_half;
#[cfg(feature = "quantized")]
pub mod dense_quantized;
#[cfg(feature = "tensor")]
pub mod gather;
#[cfg(feature = "tensor")]
pub mod layer_norm;
pub mod map;
pub mod math;
#[cfg(feature = "tensor")]
pub mod matmul;
#[cfg(feature = "quantized")]
pub mod pairs;
#[cfg(feature = "quantized")]
pub mod quantize;
#[cfg(feature = "tensor")]
pub mod reduce;
#[cfg(feature = "tensor")]
pub mod remainder;
#[cfg(feature = "quantized")]
pub mod requantize;
#[cfg(feature = "tensor")]
pub mod select;
#[cfg(feature = "tensor")]
pub mod softmax;
pub mod zip;

pub use map::Function;
pub use zip::ZipFunction;

/// Whether this build has a feature that an operation or a function names.
#[allow(
    clippy::match_like_matches_macro,
    reason = "it only looks like one where all features are on"
)]
pub(crate) fn is_built(feature: &str) -> bool {
    match feature {
        "functions" => cfg!(feature = "functions"),
        "zip" => cfg!(feature = "zip"),
        "tensor" => cfg!(feature = "tensor"),
        "half" => cfg!(feature = "half"),
        "quantized" => cfg!(feature = "quantized"),
        _ => false,
    }
}

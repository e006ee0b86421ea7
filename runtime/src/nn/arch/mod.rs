//! Kernels for one kind of processor, and the only unsafe code of the crate.
//!
//! Each has a portable kernel elsewhere that defines what it computes, and gives the same bits: `tests.rs` here compares
//! them on a host, a program of `firmware-examples` on a Cortex-M4F. What this module offers may do a part of the work or none of it, and says
//! so; the portable kernel does the rest.

#![allow(unsafe_code)]

#[cfg(cortex_m_fpu)]
#[path = "cortex_m/mod.rs"]
mod here;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
#[path = "x86_64/mod.rs"]
mod here;
#[cfg(not(any(cortex_m_fpu, all(feature = "simd", target_arch = "x86_64"))))]
#[path = "none.rs"]
mod here;

#[cfg(all(test, feature = "simd"))]
mod tests;

// A dense layer, with a bias or added to what its sums hold; whether it is done, in whole.
pub(super) use here::dense;
// One function applied to each value; how many values from the start are done.
pub(super) use here::apply;
// One function of two numbers, value by value; how many from the start are done.
#[cfg(feature = "zip")]
pub(super) use here::zip;
// The sum of all activations, where it is found.
#[cfg(feature = "quantized")]
pub(super) use here::sum_i16;
// Sums of one panel of an integer layer; whether they are done, in whole.
#[cfg(feature = "quantized")]
pub(super) use here::panel_i8;
// Activations from sums; how many from the start are done.
#[cfg(feature = "quantized")]
pub(super) use here::requantize;
// Sums of a dense layer with weights in half precision; whether they are done, in whole.
#[cfg(feature = "half")]
pub(super) use here::accumulate_half;

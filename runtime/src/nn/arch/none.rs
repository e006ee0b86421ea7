//! No kernels: the portable ones do all the work.

use crate::nn::Function;
#[cfg(feature = "zip")]
use crate::nn::ZipFunction;

pub(in crate::nn) const fn dense(
    _weight: &[f32],
    _bias: Option<&[f32]>,
    _input: &[f32],
    _sums: &mut [f32],
) -> bool {
    false
}

pub(in crate::nn) const fn apply(_function: Function, _p: [f32; 2], _values: &mut [f32]) -> usize {
    0
}

#[cfg(feature = "zip")]
pub(in crate::nn) const fn zip(
    _function: ZipFunction,
    _swapped: bool,
    _values: &mut [f32],
    _others: &[f32],
) -> usize {
    0
}

#[cfg(feature = "quantized")]
pub(in crate::nn) const fn sum_i16(_input: &[i16]) -> Option<i32> {
    None
}

#[cfg(feature = "quantized")]
pub(in crate::nn) const fn panel_i8(
    _panel: &[[u8; 4]],
    _bias: &[i32],
    _surplus: i32,
    _input: &[i16],
    _sums: &mut [[i32; 2]],
) -> bool {
    false
}

#[cfg(feature = "quantized")]
pub(in crate::nn) const fn requantize(
    _sums: &[i32],
    _multipliers: &[f32],
    _bounds: [i16; 2],
    _values: &mut [i16],
) -> usize {
    0
}

#[cfg(feature = "half")]
pub(in crate::nn) const fn accumulate_half(
    _weight: &[u16],
    _input: &[f32],
    _sums: &mut [f32],
) -> bool {
    false
}

//! Cortex-M4F and Cortex-M7 in assembly: the files beside this one say how it is done, this file what the functions there may be given.

use core::arch::global_asm;

use crate::nn::Function;
#[cfg(feature = "zip")]
use crate::nn::ZipFunction;
use crate::nn::dense::PANEL;
#[cfg(feature = "functions")]
use crate::nn::math::{TANH_P, TANH_Q, TANH_SQUARE, halved_argument};

global_asm!(include_str!("dense.s"), options(raw));
global_asm!(include_str!("map.s"), options(raw));
#[cfg(feature = "quantized")]
global_asm!(include_str!("pairs.s"), options(raw));

/// Sums of some columns of a panel: weight of the first, inputs, their number, sums, bytes from row to row, biases.
type Columns = unsafe extern "C" fn(*const f32, *const f32, usize, *mut f32, usize, *const f32);

/// Two runs of numbers and how many fours there are; the first is overwritten.
#[cfg(feature = "zip")]
type Zip = unsafe extern "C" fn(*mut f32, *const f32, usize);

unsafe extern "C" {
    fn rlfd_dense_16(
        weight: *const f32,
        input: *const f32,
        rows: usize,
        sums: *mut f32,
        stride: usize,
        groups: usize,
        bias: *const f32,
    );
    fn rlfd_dense_4(
        weight: *const f32,
        input: *const f32,
        rows: usize,
        sums: *mut f32,
        stride: usize,
        bias: *const f32,
    );
    fn rlfd_dense_2(
        weight: *const f32,
        input: *const f32,
        rows: usize,
        sums: *mut f32,
        stride: usize,
        bias: *const f32,
    );
    fn rlfd_dense_1(
        weight: *const f32,
        input: *const f32,
        rows: usize,
        sums: *mut f32,
        stride: usize,
        bias: *const f32,
    );
    fn rlfd_relu(values: *mut f32, eights: usize);
}

#[cfg(feature = "functions")]
unsafe extern "C" {
    fn rlfd_odd_rational(values: *mut f32, fours: usize, table: &[f32; 14], far: f32);
}

#[cfg(feature = "zip")]
unsafe extern "C" {
    fn rlfd_zip_add(values: *mut f32, others: *const f32, fours: usize);
    fn rlfd_zip_subtract(values: *mut f32, others: *const f32, fours: usize);
    fn rlfd_zip_multiply(values: *mut f32, others: *const f32, fours: usize);
}

/// Sums of some pairs of columns of a panel of packed integers: weight of the first, inputs, pairs of them, sums, biases,
/// surplus, bytes from row to row.
#[cfg(feature = "quantized")]
type Pairs =
    unsafe extern "C" fn(*const u32, *const u32, usize, *mut [i32; 2], *const [i32; 2], i32, usize);

#[cfg(feature = "quantized")]
unsafe extern "C" {
    fn rlfd_pairs_panel(
        weight: *const u32,
        input: *const u32,
        rows: usize,
        sums: *mut [i32; 2],
        bias: *const [i32; 2],
        surplus: i32,
        stride: usize,
    );
    fn rlfd_pairs_3(
        weight: *const u32,
        input: *const u32,
        rows: usize,
        sums: *mut [i32; 2],
        bias: *const [i32; 2],
        surplus: i32,
        stride: usize,
    );
    fn rlfd_pairs_1(
        weight: *const u32,
        input: *const u32,
        rows: usize,
        sums: *mut [i32; 2],
        bias: *const [i32; 2],
        surplus: i32,
        stride: usize,
    );
    fn rlfd_pairs_sum(input: *const u32, rows: usize) -> i32;
    fn rlfd_requantise(
        sums: *const i32,
        multipliers: *const f32,
        values: *mut u32,
        fours: usize,
        bounds: &[[i16; 2]; 2],
    );
}

pub(in crate::nn) fn dense(
    weight: &[f32],
    bias: Option<&[f32]>,
    input: &[f32],
    sums: &mut [f32],
) -> bool {
    // Always the whole of it, so that the portable kernel is not linked.
    let mut bias = bias;
    if input.is_empty() || bias.is_some_and(|bias| bias.len() != sums.len()) {
        let biases = bias.take().unwrap_or_default();
        sums.iter_mut()
            .zip(biases)
            .for_each(|(sum, bias)| *sum = *bias);
    }
    if input.is_empty() {
        return true;
    }
    let mut rest = weight;
    let mut biases = bias.map(|bias| bias.chunks(PANEL));
    for sums in sums.chunks_mut(PANEL) {
        let bias = biases.as_mut().and_then(Iterator::next);
        let (panel, following) = rest
            .split_at_checked(input.len() * sums.len())
            .unwrap_or_default();
        panel_sums(panel, bias, input, sums);
        rest = following;
    }
    true
}

/// A bias is as wide as the sums; without one, the sums hold what they start from.
fn panel_sums(panel: &[f32], bias: Option<&[f32]>, input: &[f32], sums: &mut [f32]) {
    let (rows, width) = (input.len(), sums.len());
    if panel.len() != rows * width {
        for (sum, bias) in sums.iter_mut().zip(bias.unwrap_or_default()) {
            *sum = *bias;
        }
        return;
    }
    let sums = sums.as_mut_ptr();
    let bias = bias.map_or(sums.cast_const(), <[f32]>::as_ptr);
    let stride = width * size_of::<f32>();
    let groups = width / 16;
    let mut column = groups * 16;
    if groups > 0 {
        // SAFETY: row `r` of `rows` is at `r * stride` bytes and holds `width` weights, of which this reads the first
        // `16 * groups`; as many biases are read and sums written, and `rows` inputs read. Neither count is 0.
        unsafe {
            rlfd_dense_16(
                panel.as_ptr(),
                input.as_ptr(),
                rows,
                sums,
                stride,
                groups,
                bias,
            );
        }
    }
    while column < width {
        let (kernel, columns): (Columns, usize) = match width - column {
            4.. => (rlfd_dense_4, 4),
            2.. => (rlfd_dense_2, 2),
            _ => (rlfd_dense_1, 1),
        };
        // SAFETY: as above, for `columns` columns from `column` on, which there are.
        unsafe {
            kernel(
                panel.as_ptr().add(column),
                input.as_ptr(),
                rows,
                sums.add(column),
                stride,
                bias.add(column),
            );
        }
        column += columns;
    }
}

/// `t` up to which no result of a rational comes near its limit: |tanh(5)| is 1 - 9e-5.
#[cfg(feature = "functions")]
const FAR: f32 = 25.0;

/// What `rlfd_odd_rational` needs to know of tanh and of sigmoid. -0 added changes nothing, not even -0.
#[cfg(feature = "functions")]
const TANH: [f32; 14] = table(TANH_SQUARE, TANH_P, TANH_Q, 1.0, -0.0);
#[cfg(feature = "functions")]
const SIGMOID: [f32; 14] = table(
    4.0 * TANH_SQUARE,
    halved_argument(TANH_P, 0.25),
    halved_argument(TANH_Q, 1.0),
    0.5,
    0.5,
);

#[cfg(feature = "functions")]
const fn table(
    square: f32,
    [p0, p1, p2, p3, p4]: [f32; 5],
    [q0, q1, q2, q3, q4]: [f32; 5],
    limit: f32,
    base: f32,
) -> [f32; 14] {
    [
        square, p0, p1, p2, p3, p4, q0, q1, q2, q3, q4, limit, base, -limit,
    ]
}

pub(in crate::nn) fn apply(function: Function, _p: [f32; 2], values: &mut [f32]) -> usize {
    let eights = values.len() / 8;
    #[cfg(feature = "functions")]
    let fours = values.len() / 4;
    let values = values.as_mut_ptr();
    match function {
        Function::Relu if eights > 0 => {
            // SAFETY: so many values are read and written.
            unsafe { rlfd_relu(values, eights) };
            8 * eights
        }
        #[cfg(feature = "functions")]
        Function::Tanh if fours > 0 => {
            // SAFETY: as above.
            unsafe { rlfd_odd_rational(values, fours, &TANH, FAR) };
            4 * fours
        }
        #[cfg(feature = "functions")]
        Function::Sigmoid if fours > 0 => {
            // SAFETY: as above.
            unsafe { rlfd_odd_rational(values, fours, &SIGMOID, 4.0 * FAR) };
            4 * fours
        }
        _ => 0,
    }
}

#[cfg(feature = "zip")]
pub(in crate::nn) fn zip(
    function: ZipFunction,
    swapped: bool,
    values: &mut [f32],
    others: &[f32],
) -> usize {
    let kernel: Zip = match function {
        ZipFunction::Add => rlfd_zip_add,
        ZipFunction::Mul => rlfd_zip_multiply,
        ZipFunction::Sub if !swapped => rlfd_zip_subtract,
        _ => return 0,
    };
    let fours = values.len().min(others.len()) / 4;
    if fours > 0 {
        // SAFETY: four times so many values are read from both, and written to the first.
        unsafe { kernel(values.as_mut_ptr(), others.as_ptr(), fours) };
    }
    4 * fours
}

/// Words are read as such, so nothing is done where they do not lie like words.
#[cfg(feature = "quantized")]
pub(in crate::nn) fn sum_i16(input: &[i16]) -> Option<i32> {
    let (pairs, rest) = input.as_chunks::<2>();
    let words = pairs.as_ptr().cast::<u32>();
    if !rest.is_empty() || !words.is_aligned() {
        return None;
    }
    // SAFETY: so many words are read.
    Some(unsafe { rlfd_pairs_sum(words, pairs.len()) })
}

#[cfg(feature = "quantized")]
pub(in crate::nn) fn panel_i8(
    panel: &[[u8; 4]],
    bias: &[i32],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]],
) -> bool {
    let (rows, width) = (input.len() / 2, sums.len());
    let weights = panel.as_ptr().cast::<u32>();
    let inputs = input.as_ptr().cast::<u32>();
    let fits = panel.len() == rows * width && weights.is_aligned() && inputs.is_aligned();
    if !fits || rows == 0 {
        return false;
    }
    let (biases, odd) = bias.as_chunks::<2>();
    let in_pairs = odd.is_empty() && biases.len() == width;
    if !in_pairs {
        let biases = bias.iter().copied().chain(core::iter::repeat(0));
        let places = sums.as_flattened_mut().iter_mut();
        places.zip(biases).for_each(|(place, bias)| *place = bias);
    }
    let sums = sums.as_mut_ptr();
    let bias = if in_pairs {
        biases.as_ptr()
    } else {
        sums.cast_const()
    };
    let stride = width * size_of::<u32>();
    let mut column = 0;
    while column < width {
        let (kernel, columns): (Pairs, usize) = match width - column {
            32 if width == 32 => (rlfd_pairs_panel, 32),
            3.. => (rlfd_pairs_3, 3),
            _ => (rlfd_pairs_1, 1),
        };
        // SAFETY: row `r` of `rows` is at `r * stride` bytes and holds `width` words, of which this reads `columns` from
        // `column` on, which there are; as many pairs of biases are read and of sums written, and `rows` words of inputs
        // read. `rows` is not 0, and a whole panel's stride is the 128 bytes that its kernel takes for granted.
        unsafe {
            kernel(
                weights.add(column),
                inputs,
                rows,
                sums.add(column),
                bias.add(column),
                surplus,
                stride,
            );
        }
        column += columns;
    }
    true
}

#[cfg(feature = "quantized")]
pub(in crate::nn) fn requantize(
    sums: &[i32],
    multipliers: &[f32],
    [low, high]: [i16; 2],
    values: &mut [i16],
) -> usize {
    let fours = sums.len().min(multipliers.len()).min(values.len()) / 4;
    let words = values.as_mut_ptr().cast::<u32>();
    if fours == 0 || !words.is_aligned() {
        return 0;
    }
    // SAFETY: four times so many sums and multipliers are read and values written, at a multiple of four bytes.
    unsafe {
        rlfd_requantise(
            sums.as_ptr(),
            multipliers.as_ptr(),
            words,
            fours,
            &[[low; 2], [high; 2]],
        );
    }
    4 * fours
}

/// Left to the portable loop.
#[cfg(feature = "half")]
pub(in crate::nn) const fn accumulate_half(
    _weight: &[u16],
    _input: &[f32],
    _sums: &mut [f32],
) -> bool {
    false
}

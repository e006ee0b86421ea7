//! How the weights of quantised layers lie: in panels of [`PANEL`] outputs, the last one as wide as the outputs that
//! remain, and the inputs in pairs, an odd number of them padded with a zero weight.
//!
//! - 16 bits: `[panel][input pair][output]` = weight of the first input, weight of the second.
//! - 8 bits: the outputs in pairs too, an odd number of them padded with zero weights. `[panel][input pair][output pair]` =
//!   `[a0 + 128, b0, a1 + 128, b1]`, `a` the even output and `b` the odd one, 0 and 1 the inputs. As a halfword it is
//!   `256 b + (a + 128)`: a Cortex-M4 multiplies two of those at once and separates `a` and `b` at the end.

use super::dense::PANEL;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// Bytes of the packed weights of 8 bits, `None` where they do not fit an address.
#[must_use]
pub fn weight_len_i8(inputs: usize, outputs: usize) -> Option<usize> {
    let outputs = outputs.checked_next_multiple_of(2)?;
    inputs.checked_next_multiple_of(2)?.checked_mul(outputs)
}

/// The place of the weight from input `i` to output `o` among the bytes of 8-bit weights. The bytes of even outputs are
/// the weight plus 128, those of odd ones the weight itself.
#[must_use]
pub fn weight_index_i8(inputs: usize, outputs: usize, o: usize, i: usize) -> usize {
    let start = o / PANEL * PANEL;
    let width = PANEL.min(outputs.saturating_sub(start)).next_multiple_of(2);
    let pair = i / 2 * width / 2 + o % PANEL / 2;
    start * inputs.next_multiple_of(2) + 4 * pair + 2 * (i % 2) + o % 2
}

/// Numbers of the packed weights of 16 bits, `None` where they do not fit an address.
#[must_use]
pub fn weight_len_i16(inputs: usize, outputs: usize) -> Option<usize> {
    inputs.checked_next_multiple_of(2)?.checked_mul(outputs)
}

/// The place of the weight from input `i` to output `o` among 16-bit weights.
#[must_use]
pub fn weight_index_i16(inputs: usize, outputs: usize, o: usize, i: usize) -> usize {
    let start = o / PANEL * PANEL;
    let width = PANEL.min(outputs.saturating_sub(start));
    start * inputs.next_multiple_of(2) + 2 * (i / 2 * width + o % PANEL) + i % 2
}

/// Packs row-major `[outputs, inputs]` weights of 8 bits. Weights that are missing are zero.
#[cfg(feature = "alloc")]
#[must_use]
pub fn pack_i8(weights: &[i8], inputs: usize, outputs: usize) -> Option<Vec<u8>> {
    let len = weight_len_i8(inputs, outputs)?;
    // Zero, as even and as odd outputs hold it.
    let mut packed: Vec<u8> = (0..len)
        .map(|at| if at % 2 == 0 { 128 } else { 0 })
        .collect();
    for (o, row) in weights.chunks(inputs.max(1)).take(outputs).enumerate() {
        for (i, weight) in row.iter().enumerate() {
            if let Some(byte) = packed.get_mut(weight_index_i8(inputs, outputs, o, i)) {
                *byte = byte.wrapping_add_signed(*weight);
            }
        }
    }
    Some(packed)
}

/// Packs row-major `[outputs, inputs]` weights of 16 bits. Weights that are missing are zero.
#[cfg(feature = "alloc")]
#[must_use]
pub fn pack_i16(weights: &[i16], inputs: usize, outputs: usize) -> Option<Vec<i16>> {
    let mut packed = alloc::vec![0; weight_len_i16(inputs, outputs)?];
    for (o, row) in weights.chunks(inputs.max(1)).take(outputs).enumerate() {
        for (i, weight) in row.iter().enumerate() {
            if let Some(place) = packed.get_mut(weight_index_i16(inputs, outputs, o, i)) {
                *place = *weight;
            }
        }
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_has_its_place() {
        for (inputs, outputs) in [(1, 1), (2, 3), (3, 2), (5, 63), (4, 64), (7, 65), (3, 131)] {
            let weights: Vec<i8> = (0..inputs * outputs)
                .map(|at| ((at * 37) % 256) as u8 as i8)
                .collect();
            let bytes = pack_i8(&weights, inputs, outputs).unwrap();
            let wide: Vec<i16> = weights.iter().map(|w| i16::from(*w) * 129).collect();
            let halves = pack_i16(&wide, inputs, outputs).unwrap();
            for o in 0..outputs {
                for i in 0..inputs {
                    let byte = bytes[weight_index_i8(inputs, outputs, o, i)];
                    let weight = if o % 2 == 0 { byte ^ 0x80 } else { byte };
                    assert_eq!(weight.cast_signed(), weights[o * inputs + i]);
                    let half = halves[weight_index_i16(inputs, outputs, o, i)];
                    assert_eq!(half, wide[o * inputs + i]);
                }
            }
        }
    }

    /// Three outputs of three inputs by hand: `256 b + a + 128` as little-endian halves.
    #[test]
    fn bytes_by_hand() {
        let packed = pack_i8(&[1, 2, 3, 4, 5, 6, -7, -8, -9], 3, 3).unwrap();
        let first_inputs = [129, 4, 130, 5, 121, 0, 120, 0];
        let last_input = [131, 6, 128, 0, 119, 0, 128, 0];
        assert_eq!(packed, [first_inputs, last_input].concat());
        let packed = pack_i16(&[1, 2, 3, 4, 5, 6], 3, 2).unwrap();
        assert_eq!(packed, [1, 2, 4, 5, 3, 0, 6, 0]);
    }
}

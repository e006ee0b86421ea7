//! Words of memory seen as the smaller integers in them: activations of 16 bits lie two to a word among the numbers of an arena.

use zerocopy::{FromBytes, IntoBytes};

/// Activations, or weights of 16 bits.
#[must_use]
pub fn as_i16(words: &[f32]) -> &[i16] {
    FromBytes::ref_from_bytes(words.as_bytes()).unwrap_or_default()
}

/// Activations to write.
pub fn as_i16_mut(words: &mut [f32]) -> &mut [i16] {
    FromBytes::mut_from_bytes(words.as_mut_bytes()).unwrap_or_default()
}

/// The bits of halves.
#[must_use]
pub fn as_u16(words: &[f32]) -> &[u16] {
    FromBytes::ref_from_bytes(words.as_bytes()).unwrap_or_default()
}

/// Whole numbers: parameters, or biases of a layer of integers.
#[must_use]
pub fn as_i32(words: &[f32]) -> &[i32] {
    FromBytes::ref_from_bytes(words.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_half_of_a_word_comes_first() {
        let mut words = [f32::from_bits(0x0002_0001), f32::from_bits(0xffff_8000)];
        assert_eq!(as_i16(&words), [1, 2, i16::MIN, -1]);
        assert_eq!(as_u16(&words), [1, 2, 0x8000, 0xffff]);
        assert_eq!(as_i32(&words), [0x0002_0001, -0x8000]);
        as_i16_mut(&mut words)[3] = 7;
        assert_eq!(words[1].to_bits(), 0x0007_8000);
    }
}

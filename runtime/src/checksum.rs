//! The one checksum of images and frames: CRC-32/ISO-HDLC, the CRC of zip and Ethernet. It finds every error burst of
//! up to 32 bits, whatever the length; what it does not know is malice, for which it is no protection.
//!
//! A host takes sixteen bytes at once by way of 16 KiB of tables; a device has a table of 64 bytes and takes half a byte.

#[cfg(not(feature = "std"))]
pub(crate) use nibbles::{CRC32, Digest};

#[cfg(feature = "std")]
use crc::{CRC_32_ISO_HDLC, Crc, Table};

#[cfg(feature = "std")]
pub(crate) type Digest = crc::Digest<'static, u32, Table<16>>;

/// The checksum.
#[cfg(feature = "std")]
pub(crate) static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// For devices; called as the `crc` crate is.
#[cfg(any(not(feature = "std"), test))]
mod nibbles {
    /// What half a byte leaves of a remainder, by the reflected polynomial 0xedb88320.
    const REMAINDERS: [u32; 16] = {
        let mut remainders = [0; 16];
        let mut nibble = 0;
        while nibble < 16 {
            let mut remainder = nibble as u32;
            let mut bit = 0;
            while bit < 4 {
                remainder = (remainder >> 1) ^ (0xedb8_8320 & (remainder & 1).wrapping_neg());
                bit += 1;
            }
            #[allow(clippy::indexing_slicing)]
            {
                remainders[nibble] = remainder;
            }
            nibble += 1;
        }
        remainders
    };

    /// The checksum.
    pub(crate) static CRC32: Crc32 = Crc32;

    pub(crate) struct Crc32;

    impl Crc32 {
        /// One under way.
        #[allow(clippy::unused_self)]
        pub const fn digest(&self) -> Digest {
            Digest(!0)
        }

        /// Of bytes that are all there.
        pub fn checksum(&self, bytes: &[u8]) -> u32 {
            let mut digest = self.digest();
            digest.update(bytes);
            digest.finalize()
        }
    }

    /// A checksum of the bytes so far.
    #[derive(Debug)]
    pub(crate) struct Digest(u32);

    impl Digest {
        #[inline(never)]
        pub fn update(&mut self, bytes: &[u8]) {
            for byte in bytes {
                let mut rest = self.0 ^ u32::from(*byte);
                for _ in 0..2 {
                    let remainder = REMAINDERS.get(rest as usize % REMAINDERS.len());
                    rest = (rest >> 4) ^ remainder.copied().unwrap_or_default();
                }
                self.0 = rest;
            }
        }

        pub const fn finalize(self) -> u32 {
            !self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(CRC32.checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(nibbles::CRC32.checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_device_finds_what_a_host_finds() {
        let bytes: [u8; 256] = core::array::from_fn(|index| (index * 73 + index / 7) as u8);
        for len in 0..bytes.len() {
            let mut digest = nibbles::CRC32.digest();
            let (first, second) = bytes[..len].split_at(len / 3);
            digest.update(first);
            digest.update(second);
            assert_eq!(
                digest.finalize(),
                CRC32.checksum(&bytes[..len]),
                "{len} bytes"
            );
        }
    }
}

//! The one checksum of images and frames: CRC-32/ISO-HDLC, the CRC of zip and Ethernet. It finds every error burst of
//! up to 32 bits, whatever the length; what it does not know is malice, for which it is no protection.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// A table of 1 KiB and a byte per step, small enough for a device; a host takes sixteen bytes at once.
#[cfg(not(feature = "std"))]
pub(crate) type Lanes = Table<1>;
#[cfg(feature = "std")]
pub(crate) type Lanes = Table<16>;

/// The checksum.
pub(crate) static CRC32: Crc<u32, Lanes> = Crc::<u32, Lanes>::new(&CRC_32_ISO_HDLC);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(CRC32.checksum(b"123456789"), 0xcbf4_3926);
    }
}

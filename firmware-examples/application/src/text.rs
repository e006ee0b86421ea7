//! Numbers as text in a board's log, without `core::fmt`, which is several times the size of everything else.

use crate::port::Port;

const DIGITS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

fn log_digit(digit: u64, port: &mut impl Port) {
    port.log(DIGITS.get(digit as usize).copied().unwrap_or_default());
}

/// Eight hexadecimal digits.
pub(crate) fn log_hex(number: u32, port: &mut impl Port) {
    port.log("0x");
    for shift in (0..8).rev() {
        log_digit(u64::from(number >> (4 * shift) & 0xF), port);
    }
}

/// As many decimal digits as it takes.
pub(crate) fn log_decimal(number: u64, port: &mut impl Port) {
    let mut scale = 1;
    while number / scale >= 10 {
        scale *= 10;
    }
    while scale > 0 {
        log_digit(number / scale % 10, port);
        scale /= 10;
    }
}

//! [`Dtype`]: the element types of ONNX that a policy's tensors have.

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dtype {
    /// 32-bit floating point, what an engine computes in.
    F32,
    /// 64-bit floating point; an engine computes it in 32.
    F64,
    /// 16-bit floating point; an engine computes it in 32.
    F16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 64 bits.
    U64,
    /// 0 or 1.
    Bool,
}

/// Every type with ONNX's name and its number in `TensorProto.DataType`.
const TABLE: [(Dtype, &str, i32); 12] = [
    (Dtype::F32, "float32", 1),
    (Dtype::U8, "uint8", 2),
    (Dtype::I8, "int8", 3),
    (Dtype::U16, "uint16", 4),
    (Dtype::I16, "int16", 5),
    (Dtype::I32, "int32", 6),
    (Dtype::I64, "int64", 7),
    (Dtype::Bool, "bool", 9),
    (Dtype::F16, "float16", 10),
    (Dtype::F64, "float64", 11),
    (Dtype::U32, "uint32", 12),
    (Dtype::U64, "uint64", 13),
];

impl Dtype {
    /// ONNX's name, e.g. `float32`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let row = TABLE.iter().find(|row| row.0 == self);
        row.map_or("unknown", |row| row.1)
    }

    /// The type of that name; `None` for one that no supported operator uses.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its number in `onnx.proto`.
    #[must_use]
    pub fn number(self) -> i32 {
        let row = TABLE.iter().find(|row| row.0 == self);
        row.map_or(0, |row| row.2)
    }

    /// The type of that number in `onnx.proto`.
    #[must_use]
    pub fn of_number(number: i32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == number).map(|row| row.0)
    }

    /// Whether it has fractions.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16)
    }

    /// Least and greatest value of an integer type.
    #[must_use]
    pub fn range(self) -> Option<(f64, f64)> {
        let bits = |n: u32| f64::from(n).exp2();
        Some(match self {
            Self::I8 => (-128.0, 127.0),
            Self::U8 => (0.0, 255.0),
            Self::I16 => (-32768.0, 32767.0),
            Self::U16 => (0.0, 65535.0),
            Self::I32 => (-bits(31), bits(31) - 1.0),
            Self::U32 => (0.0, bits(32) - 1.0),
            Self::I64 => (-bits(63), bits(63)),
            Self::U64 => (0.0, bits(64)),
            Self::Bool => (0.0, 1.0),
            Self::F32 | Self::F64 | Self::F16 => return None,
        })
    }

    /// A number as this type holds it, converted as ONNX's `Cast` does: towards zero, and modulo the width.
    #[must_use]
    pub fn cast(self, x: f64) -> f64 {
        match (self, self.range()) {
            (Self::F32, _) => f64::from(x as f32),
            (Self::F16, _) => f64::from(half_to_f32(f32_to_half(x as f32))),
            (Self::F64, _) | (_, None) => x,
            (Self::Bool, _) => f64::from(u8::from(x != 0.0)),
            (_, Some((low, high))) => {
                let whole = x.trunc();
                if whole.is_nan() {
                    0.0
                } else if (low..=high).contains(&whole) {
                    whole
                } else if high < f64::from(u32::MAX) + 1.0 && whole.abs() < 9e15 {
                    let width = high - low + 1.0;
                    (whole - low).rem_euclid(width) + low
                } else {
                    whole.clamp(low, high)
                }
            }
        }
    }
}

/// IEEE 754 half precision, from its bits.
#[must_use]
pub fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 31;
    let fraction = u32::from(half) & 1023;
    match exponent {
        0 => f32::from_bits(sign | 0x3f80_0000) * fraction as f32 * 2.0_f32.powi(-24),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The half nearest to `x`, to even where two are.
#[must_use]
pub fn f32_to_half(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let size = x.abs();
    if size.is_nan() {
        return sign | 0x7e00;
    }
    // Half-way between the greatest half and the next power of two, which rounds to even: to infinity.
    if size >= 65520.0 {
        return sign | 0x7c00;
    }
    if size < 2.0_f32.powi(-14) {
        // Multiples of 2^-24; 1024 of them are the least normal half, whose bits follow.
        return sign | (f64::from(size) * 24.0_f64.exp2()).round_ties_even() as u16;
    }
    let bits = size.to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    sign | ((rounded >> 13) - (112 << 10)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_as_numpy_has_them() {
        // numpy: np.float16(x).view(np.uint16)
        for (x, half) in [
            (1.0_f32, 0x3c00_u16),
            (-2.0, 0xc000),
            (0.1, 0x2e66),
            (65504.0, 0x7bff),
            (65520.0, 0x7c00),
            (6e-8, 0x0001),
            (2.0_f32.powi(-14), 0x0400),
            (2049.0, 0x6800),
            (2051.0, 0x6802),
        ] {
            assert_eq!(f32_to_half(x), half, "{x}");
        }
        for half in 0..=u16::MAX {
            let x = half_to_f32(half);
            assert!(x.is_nan() || f32_to_half(x) == half, "{half:04x} {x}");
        }
    }

    #[test]
    fn casts_are_as_numpy_has_them() {
        // numpy: np.array(x).astype(np.int64).astype(dtype)
        assert_eq!(Dtype::I8.cast(200.7), -56.0);
        assert_eq!(Dtype::U8.cast(-1.0), 255.0);
        assert_eq!(Dtype::I32.cast(-2.9), -2.0);
        assert_eq!(Dtype::Bool.cast(0.3), 1.0);
        assert_eq!(Dtype::F32.cast(0.1), f64::from(0.1_f32));
    }
}

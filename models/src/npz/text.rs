//! [`Text`]: an element of an array of NumPy's characters.

use std::io::{Read, Write};

use ndarray_npy::{ReadDataError, ReadableElement, WritableElement, WriteDataError};
use py_literal::Value;

/// Characters that a written text may have.
pub(super) const MAX_TEXT_LEN: usize = 256;

/// NumPy's `<U`: a fixed number of characters of four bytes, filled up with zeros.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) String);

impl WritableElement for Text {
    fn type_descriptor() -> Value {
        Value::String(format!("<U{MAX_TEXT_LEN}"))
    }

    fn write<W: Write>(&self, mut writer: W) -> Result<(), WriteDataError> {
        let mut units: Vec<u32> = self.0.chars().map(u32::from).collect();
        units.resize(MAX_TEXT_LEN, 0);
        for unit in units {
            writer.write_all(&unit.to_le_bytes())?;
        }
        Ok(())
    }

    fn write_slice<W: Write>(slice: &[Self], mut writer: W) -> Result<(), WriteDataError> {
        slice.iter().try_for_each(|text| text.write(&mut writer))
    }
}

impl ReadableElement for Text {
    fn read_to_end_exact_vec<R: Read>(
        mut reader: R,
        descriptor: &Value,
        len: usize,
    ) -> Result<Vec<Self>, ReadDataError> {
        let wrong = || ReadDataError::WrongDescriptor(descriptor.clone());
        let Value::String(kind) = descriptor else {
            return Err(wrong());
        };
        let width: usize = kind
            .strip_prefix("<U")
            .and_then(|width| width.parse().ok())
            .ok_or_else(wrong)?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let expected = (4 * width).checked_mul(len).ok_or_else(wrong)?;
        if bytes.len() < expected {
            return Err(ReadDataError::MissingData);
        }
        if bytes.len() > expected {
            return Err(ReadDataError::ExtraBytes(bytes.len() - expected));
        }
        let (units, _) = bytes.as_chunks::<4>();
        let text = |units: &[[u8; 4]]| {
            let characters = units.iter().map(|unit| u32::from_le_bytes(*unit));
            let known = characters.take_while(|unit| *unit != 0);
            let text: Option<String> = known.map(char::from_u32).collect();
            text.map(Text)
                .ok_or_else(|| ReadDataError::ParseData("no Unicode".into()))
        };
        match width {
            0 => Ok(vec![Self(String::new()); len]),
            _ => units.chunks(width).map(text).collect(),
        }
    }
}

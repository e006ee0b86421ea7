//! [`Values`]: a run of f32 in a message, borrowed from the sender's memory or from the received frame.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zerocopy::IntoBytes;

/// Numbers as they lie in a frame: little-endian, anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() / size_of::<f32>()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers, one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        let (numbers, _) = self.0.as_chunks();
        numbers.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// Copies all numbers and answers whether there were as many as `target` takes; if not, `target` stays as it is.
    #[must_use]
    pub fn copy_to(&self, target: &mut [f32]) -> bool {
        if self.len() != target.len() {
            return false;
        }
        for (place, number) in target.iter_mut().zip(self.iter()) {
            *place = number;
        }
        true
    }
}

impl<'a> From<&'a [f32]> for Values<'a> {
    fn from(numbers: &'a [f32]) -> Self {
        Self(numbers.as_bytes())
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'a [u8]>::deserialize(deserializer)?;
        if bytes.len().is_multiple_of(size_of::<f32>()) {
            Ok(Self(bytes))
        } else {
            Err(Error::custom("values are not whole numbers of four bytes"))
        }
    }
}

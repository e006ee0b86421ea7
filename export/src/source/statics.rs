//! [`Statics`]: the constants of a policy written as source, each once. Knows numbers and how they lie, no operation.

use std::collections::BTreeMap;
use std::fmt::Write;

use rlfd_runtime::image::Place;
use rlfd_runtime::nn::words;
use zerocopy::IntoBytes;

use super::{beyond, literal};
use crate::error::ExportError;

/// As what the numbers of a constant are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    F32,
    U16,
    I32,
    I16,
    U8,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::U8 => "u8",
        }
    }
}

/// The constants that expressions have named so far.
pub(super) struct Statics<'a> {
    constants: &'a [f32],
    /// Kind, first word and number of words.
    named: BTreeMap<(Kind, u32, usize), String>,
}

impl<'a> Statics<'a> {
    /// None yet, of the words of an image.
    pub(super) fn new(constants: &'a [f32]) -> Self {
        Self {
            constants,
            named: BTreeMap::new(),
        }
    }

    /// The words of the image.
    pub(super) fn words(&self) -> &'a [f32] {
        self.constants
    }

    /// An expression for a constant of so many words.
    pub(super) fn constant(
        &mut self,
        kind: Kind,
        place: Place,
        len: usize,
    ) -> Result<String, ExportError> {
        let Place::Constant(start) = place else {
            return Err(beyond("a weight that is computed"));
        };
        let name = format!("{}_{start}_{len}", kind.name().to_uppercase());
        let expression = format!("&{name}.0");
        self.named.insert((kind, start, len), name);
        Ok(expression)
    }

    /// The constants, each at a multiple of 16 bytes, as an image has them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for ((kind, start, len), name) in &self.named {
            let numbers = self.constants.get(*start as usize..).unwrap_or_default();
            let numbers = numbers.get(..*len).unwrap_or_default();
            let numbers: Vec<String> = match kind {
                Kind::F32 => numbers.iter().map(|x| literal(*x)).collect(),
                Kind::U16 => words::as_u16(numbers)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                Kind::I32 => words::as_i32(numbers)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                Kind::I16 => words::as_i16(numbers)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                Kind::U8 => numbers.as_bytes().iter().map(ToString::to_string).collect(),
            };
            let _ = write!(
                text,
                "\n#[allow(clippy::all)]\n#[rustfmt::skip]\nstatic {name}: rlfd_runtime::image::Aligned<[{}; {}]> = \
                 rlfd_runtime::image::Aligned([",
                kind.name(),
                numbers.len()
            );
            for line in numbers.chunks(12) {
                let _ = write!(text, "\n    {},", line.join(", "));
            }
            text += "\n]);\n";
        }
        text
    }
}

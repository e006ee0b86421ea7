//! [`write()`]: from layers and terms to the bytes of an image, the same bytes on every machine.

use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use zerocopy::IntoBytes;

use super::op::{ARRAY_ALIGNMENT, OpRecord};
use super::prelude::{Header, IMAGE_VERSION, MAGIC, PRELUDE_LEN, Prelude, SECTIONS, aligned, seal};
use super::term::contract_id;
use super::{ActionTerm, ImageBytes, ImageError, Layer, ObservationTerm, OpCode, PolicyImage};
use crate::nn::{Activation, dense};

/// Everything an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct ImageSource<'a> {
    /// The environment it was trained in.
    pub environment: &'a str,
    /// How it came to be, one line.
    pub provenance: &'a str,
    /// Control period in microseconds.
    pub period_us: u32,
    /// What it observes, in order.
    pub observation: &'a [ObservationTerm<'a>],
    /// What it commands, in order.
    pub action: &'a [ActionTerm<'a>],
    /// The function, first layer first.
    pub layers: &'a [Layer<'a>],
    /// Input of the self-test; the engine computes the golden action for it.
    pub golden_observation: &'a [f32],
}

/// Lays out an image.
///
/// # Errors
/// Whatever [`PolicyImage::view`] would refuse, and arrays whose length does not fit their place.
pub fn write(source: &ImageSource<'_>) -> Result<Vec<u8>, ImageError> {
    let dims = Dims::of(source)?;
    let mut program = ProgramBuilder::new(dims.observation);
    for layer in source.layers {
        program.push(layer)?;
    }
    let mut labels = Vec::new();
    for (name, unit) in names(source) {
        labels.extend(encode(&(name, unit))?);
    }
    let sections = |golden_action: &[f32]| -> [Vec<u8>; SECTIONS.len()] {
        [
            records(source.observation.iter().map(ObservationTerm::rule)),
            records(source.action.iter().map(ActionTerm::rule)),
            labels.clone(),
            program.ops.as_slice().as_bytes().to_vec(),
            program.weights.as_slice().as_bytes().to_vec(),
            source.golden_observation.as_bytes().to_vec(),
            golden_action.as_bytes().to_vec(),
        ]
    };
    let draft = assemble(
        source,
        dims,
        program.widest,
        &sections(&vec![0.0; dims.action]),
    )?;
    let golden_action = answer(&draft, source.golden_observation)?;
    let bytes = assemble(source, dims, program.widest, &sections(&golden_action))?;
    PolicyImage::view(&ImageBytes::new(&bytes))?;
    Ok(bytes)
}

#[derive(Clone, Copy)]
struct Dims {
    observation: usize,
    action: usize,
}

impl Dims {
    fn of(source: &ImageSource<'_>) -> Result<Self, ImageError> {
        let dims = Self {
            observation: source
                .observation
                .iter()
                .map(|term| term.rule().len())
                .sum(),
            action: source.action.iter().map(|term| usize::from(term.dim)).sum(),
        };
        let found = source.golden_observation.len();
        if found != dims.observation {
            return Err(ImageError::Golden {
                what: "observation",
                expected: dims.observation,
                found,
            });
        }
        Ok(dims)
    }
}

/// The action of a draft for the golden observation, from the engine itself.
fn answer(draft: &[u8], observation: &[f32]) -> Result<Vec<f32>, ImageError> {
    let draft = ImageBytes::new(draft);
    let image = PolicyImage::view(&draft)?;
    let mut scratch = vec![0.0; image.scratch_len()];
    Ok(image.program().run(&mut scratch, observation).to_vec())
}

/// Operations and weights as they are laid out.
struct ProgramBuilder {
    ops: Vec<OpRecord>,
    weights: Vec<f32>,
    width: usize,
    widest: usize,
}

impl ProgramBuilder {
    fn new(observation_dim: usize) -> Self {
        Self {
            ops: Vec::new(),
            weights: Vec::new(),
            width: observation_dim,
            widest: observation_dim,
        }
    }

    fn push(&mut self, layer: &Layer<'_>) -> Result<(), ImageError> {
        let record = match layer {
            Layer::Normalize {
                mean,
                std_reciprocal,
            } => self.pair(
                OpCode::Normalize,
                ("mean", mean),
                ("std_reciprocal", std_reciprocal),
            )?,
            Layer::ScaleShift { scale, offset } => {
                self.pair(OpCode::ScaleShift, ("scale", scale), ("offset", offset))?
            }
            Layer::Clamp { low, high } => self.pair(OpCode::Clamp, ("low", low), ("high", high))?,
            Layer::Activate(activation) => OpRecord {
                activation: activation.code(),
                ..self.record(OpCode::Activate, self.width)?
            },
            Layer::Dense {
                weight,
                bias,
                activation,
            } => self.dense(weight, bias, *activation)?,
        };
        self.ops.push(record);
        self.width = record.output_dim as usize;
        self.widest = self.widest.max(self.width);
        Ok(())
    }

    /// An element-wise operation with two arrays.
    fn pair(
        &mut self,
        code: OpCode,
        first: (&'static str, &[f32]),
        second: (&'static str, &[f32]),
    ) -> Result<OpRecord, ImageError> {
        for (what, array) in [first, second] {
            self.expect_len(what, self.width, array.len())?;
        }
        Ok(OpRecord {
            first: self.place(first.1)?,
            second: self.place(second.1)?,
            ..self.record(code, self.width)?
        })
    }

    fn dense(
        &mut self,
        weight: &[f32],
        bias: &[f32],
        activation: Option<Activation>,
    ) -> Result<OpRecord, ImageError> {
        let (input_dim, output_dim) = (self.width, bias.len());
        let too_large = ImageError::TooLarge { what: "weights" };
        let weight_len = dense::weight_len(input_dim, output_dim).ok_or(too_large)?;
        self.expect_len("weight", weight_len, weight.len())?;
        let mut panels = vec![0.0; weight_len];
        for (o, row) in weight.chunks_exact(input_dim.max(1)).enumerate() {
            for (i, weight) in row.iter().enumerate() {
                let index = dense::weight_index(input_dim, output_dim, o, i);
                if let Some(place) = panels.get_mut(index) {
                    *place = *weight;
                }
            }
        }
        Ok(OpRecord {
            activation: activation.map_or(0, Activation::code),
            first: self.place(&panels)?,
            second: self.place(bias)?,
            ..self.record(OpCode::Dense, output_dim)?
        })
    }

    fn record(&self, code: OpCode, output_dim: usize) -> Result<OpRecord, ImageError> {
        Ok(OpRecord {
            code: code as u8,
            input_dim: small("layer width", self.width)?,
            output_dim: small("layer width", output_dim)?,
            ..OpRecord::default()
        })
    }

    /// Appends an array at the next 16-byte boundary and answers where that is.
    fn place(&mut self, array: &[f32]) -> Result<u32, ImageError> {
        let start = self.weights.len().next_multiple_of(ARRAY_ALIGNMENT);
        self.weights.resize(start, 0.0);
        self.weights.extend_from_slice(array);
        small("weights", start)
    }

    fn expect_len(
        &self,
        what: &'static str,
        expected: usize,
        found: usize,
    ) -> Result<(), ImageError> {
        if expected == found {
            return Ok(());
        }
        Err(ImageError::Width {
            index: self.ops.len(),
            what,
            expected,
            found,
        })
    }
}

fn assemble(
    source: &ImageSource<'_>,
    dims: Dims,
    widest: usize,
    sections: &[Vec<u8>; SECTIONS.len()],
) -> Result<Vec<u8>, ImageError> {
    let mut section_len = [0; SECTIONS.len()];
    for (len, section) in section_len.iter_mut().zip(sections) {
        *len = small("section", section.len())?;
    }
    let header = encode(&Header {
        environment: source.environment,
        provenance: source.provenance,
        period_us: source.period_us,
        observation_dim: small("observation width", dims.observation)?,
        action_dim: small("action width", dims.action)?,
        scratch_len: small("scratch length", widest.saturating_mul(2))?,
        section_len,
    })?;
    let mut body = header.clone();
    for section in sections {
        let start =
            aligned(PRELUDE_LEN + body.len()).ok_or(ImageError::TooLarge { what: "image" })?;
        body.resize(start - PRELUDE_LEN, 0);
        body.extend_from_slice(section);
    }
    let prelude = Prelude {
        magic: MAGIC,
        version: IMAGE_VERSION,
        reserved: 0,
        checksum: 0,
        total_len: small("image", PRELUDE_LEN + body.len())?,
        header_len: small("header", header.len())?,
        contract_id: contract_id(
            source.observation.iter().copied(),
            source.action.iter().copied(),
        )
        .to_le_bytes(),
    };
    let mut bytes = prelude.as_bytes().to_vec();
    bytes.extend(body);
    seal(&mut bytes);
    Ok(bytes)
}

/// Name and unit of every term, observation first.
fn names<'a>(source: &ImageSource<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let observation = source.observation.iter().map(|term| (term.name, term.unit));
    observation.chain(source.action.iter().map(|term| (term.name, term.unit)))
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    postcard::to_allocvec(value).map_err(|_| ImageError::TooLarge { what: "text" })
}

fn records<T: IntoBytes + zerocopy::Immutable>(records: impl Iterator<Item = T>) -> Vec<u8> {
    records
        .flat_map(|record| record.as_bytes().to_vec())
        .collect()
}

fn small(what: &'static str, value: usize) -> Result<u32, ImageError> {
    u32::try_from(value).map_err(|_| ImageError::TooLarge { what })
}

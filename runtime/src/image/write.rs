//! [`write()`]: from a program and terms to the bytes of an image, the same bytes on every machine.

use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use zerocopy::IntoBytes;

use super::op::OpRecord;
use super::prelude::{Header, IMAGE_VERSION, MAGIC, PRELUDE_LEN, Prelude, SECTIONS, aligned, seal};
use super::term::contract_id;
use super::{
    ActionTerm, ImageBytes, ImageError, ObservationTerm, Op, PolicyImage, Port, Statistics,
};

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
    /// The function.
    pub program: ProgramSource<'a>,
    /// Input of the self-test; the engine computes the golden action for it.
    pub golden_observation: &'a [f32],
    /// What observations looked like in training, where that is known.
    pub statistics: Option<Statistics<'a>>,
}

/// A function as operations in one arena.
#[derive(Clone, Copy, Debug)]
pub struct ProgramSource<'a> {
    /// First operation first.
    pub ops: &'a [Op],
    /// What the operations refer to, see [`Constants`](super::Constants).
    pub constants: &'a [f32],
    /// The observation, in order.
    pub inputs: &'a [Port<'a>],
    /// The action, in order.
    pub outputs: &'a [Port<'a>],
    /// Numbers of memory the operations work in.
    pub arena_len: u32,
    /// Numbers at its start that carry a recurrent state.
    pub state_len: u32,
}

/// Lays out an image.
///
/// # Errors
/// Whatever [`PolicyImage::view`] would refuse.
pub fn write(source: &ImageSource<'_>) -> Result<Vec<u8>, ImageError> {
    let dims = Dims::of(source)?;
    let mut labels = Vec::new();
    for pair in names(source) {
        labels.extend(encode(&pair)?);
    }
    let program = &source.program;
    let sections = |golden_action: &[f32]| -> [Vec<u8>; SECTIONS.len()] {
        [
            records(source.observation.iter().map(ObservationTerm::rule)),
            records(source.action.iter().map(ActionTerm::rule)),
            records(program.inputs.iter().map(Port::slot)),
            records(program.outputs.iter().map(Port::slot)),
            labels.clone(),
            records(
                program
                    .ops
                    .iter()
                    .map(|op| OpRecord::new(op, program.constants)),
            ),
            program.constants.as_bytes().to_vec(),
            source.golden_observation.as_bytes().to_vec(),
            golden_action.as_bytes().to_vec(),
            source.statistics.map_or_else(Vec::new, |statistics| {
                [statistics.mean, statistics.deviation]
                    .concat()
                    .as_bytes()
                    .to_vec()
            }),
        ]
    };
    let draft = assemble(source, dims, &sections(&vec![0.0; dims.action]))?;
    let golden_action = answer(&draft, source.golden_observation)?;
    let bytes = assemble(source, dims, &sections(&golden_action))?;
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
    let mut arena = vec![0.0; image.arena_len()];
    let mut action = vec![0.0; image.shape().action_dim];
    image.program().act(&mut arena, observation, &mut action);
    Ok(action)
}

fn assemble(
    source: &ImageSource<'_>,
    dims: Dims,
    sections: &[Vec<u8>; SECTIONS.len()],
) -> Result<Vec<u8>, ImageError> {
    let mut section_len = [0; SECTIONS.len()];
    for (len, section) in section_len.iter_mut().zip(sections) {
        *len = small("section", section.len())?;
    }
    let header = encode(&Header {
        environment: source.environment.as_bytes(),
        provenance: source.provenance.as_bytes(),
        period_us: source.period_us,
        observation_dim: small("observation width", dims.observation)?,
        action_dim: small("action width", dims.action)?,
        arena_len: source.program.arena_len,
        state_len: source.program.state_len,
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

/// Name and unit of every term, observation first, then name and shape of every input and output.
fn names<'a>(source: &ImageSource<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let observation = source.observation.iter().map(|term| (term.name, term.unit));
    let action = source.action.iter().map(|term| (term.name, term.unit));
    let ports = source.program.inputs.iter().chain(source.program.outputs);
    observation
        .chain(action)
        .chain(ports.map(|port| (port.name, port.shape)))
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

//! [`Lowered`]: the program of an image with what its inputs and outputs are called.

use rlfd_runtime::image::{Constants, Op, Place as ImagePlace, Port, ProgramSource};

use crate::dtype::Dtype;

/// A named run of the observation or of the action.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPort {
    /// As in the graph.
    pub name: String,
    /// What the graph holds it as.
    pub dtype: Dtype,
    /// Lengths of its axes for one sample.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub place: ImagePlace,
    /// `1x57`
    pub shape_text: String,
}

/// A state that the policy carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePair {
    /// The graph's input.
    pub input: String,
    /// The graph's output.
    pub output: String,
    /// Numbers.
    pub len: usize,
}

/// A graph as a program.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// First operation first.
    pub ops: Vec<Op>,
    /// What they refer to.
    pub constants: Constants,
    /// The observation, in order.
    pub inputs: Vec<NamedPort>,
    /// The action, in order.
    pub outputs: Vec<NamedPort>,
    /// State carried from step to step, in order.
    pub state: Vec<StatePair>,
    /// Numbers of memory.
    pub arena_len: usize,
}

impl NamedPort {
    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Lowered {
    /// Numbers in an observation.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        self.inputs.iter().map(NamedPort::len).sum()
    }

    /// Numbers in an action.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.outputs.iter().map(NamedPort::len).sum()
    }

    /// The ports as an image is written of them.
    #[must_use]
    pub fn ports(ports: &[NamedPort]) -> Vec<Port<'_>> {
        let port = |port: &'_ NamedPort| -> (usize, ImagePlace) { (port.len(), port.place) };
        ports
            .iter()
            .map(|p| {
                let (len, place) = port(p);
                Port {
                    name: &p.name,
                    shape: &p.shape_text,
                    place,
                    len: u32::try_from(len).unwrap_or(u32::MAX),
                }
            })
            .collect()
    }

    /// What an image is written of.
    #[must_use]
    pub fn source<'a>(
        &'a self,
        inputs: &'a [Port<'a>],
        outputs: &'a [Port<'a>],
    ) -> ProgramSource<'a> {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        ProgramSource {
            ops: &self.ops,
            constants: self.constants.words(),
            inputs,
            outputs,
            arena_len: small(self.arena_len),
            state_len: small(self.state.iter().map(|pair| pair.len).sum()),
        }
    }
}

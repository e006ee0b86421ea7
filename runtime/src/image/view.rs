//! [`PolicyImage::view`]: all checks, once; then plain borrowed slices.

use zerocopy::FromBytes;

#[cfg(feature = "alloc")]
use super::op::OpRecord;
use super::prelude::{Header, PRELUDE_LEN, Prelude, SECTIONS, Span, aligned};
use super::slot::Slot;
#[cfg(feature = "alloc")]
use super::term::contract_id;
use super::{
    ActionTerm, Contract, Golden, ImageError, ObservationTerm, Op, Place, Port, Program, Statistics,
};
use crate::policy::Shape;

/// A checked policy image.
#[derive(Clone, Copy, Debug)]
pub struct PolicyImage<'a> {
    environment: &'a [u8],
    provenance: &'a [u8],
    contract_id: u64,
    checksum: u32,
    contract: Contract<'a>,
    labels: &'a [u8],
    program: Program<'a>,
    golden: Golden<'a>,
    /// Means, then deviations; empty where they are not known.
    statistics: &'a [f32],
}

impl<'a> PolicyImage<'a> {
    /// Checks an image and borrows it. The bytes must start at a multiple of 16: see
    /// [`include_image!`](crate::include_image) and `ImageBytes`.
    ///
    /// # Errors
    /// The first thing found wrong, see [`ImageError`]. Bytes altered after writing are refused by the checksum.
    pub fn view(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let prelude = Prelude::check(bytes)?;
        let header_span = Span {
            start: PRELUDE_LEN,
            len: prelude.header_len as usize,
        };
        let header_bytes = header_span.of(bytes).ok_or(ImageError::Header)?;
        let header = Header::decode(header_bytes).ok_or(ImageError::Header)?;
        let spans = section_spans(bytes, header_bytes.len(), &header)?;
        let [
            observation,
            action,
            inputs,
            outputs,
            labels,
            ops,
            constants,
            golden_observation,
            golden_action,
            statistics,
        ] = spans;
        let image = Self {
            environment: header.environment,
            provenance: header.provenance,
            contract_id: u64::from_le_bytes(prelude.contract_id),
            checksum: prelude.checksum,
            contract: Contract {
                period_us: header.period_us,
                observation: items(bytes, 0, observation)?,
                action: items(bytes, 1, action)?,
            },
            labels: items(bytes, 4, labels)?,
            program: Program {
                shape: Shape {
                    observation_dim: header.observation_dim as usize,
                    action_dim: header.action_dim as usize,
                },
                arena_len: header.arena_len as usize,
                state_len: header.state_len as usize,
                inputs: items(bytes, 2, inputs)?,
                outputs: items(bytes, 3, outputs)?,
                ops: items(bytes, 5, ops)?,
                constants: items(bytes, 6, constants)?,
            },
            golden: Golden {
                observation: items(bytes, 7, golden_observation)?,
                action: items(bytes, 8, golden_action)?,
            },
            statistics: items(bytes, 9, statistics)?,
        };
        image.check_contract()?;
        image.program.check()?;
        image.check_golden()?;
        image.check_statistics()?;
        Ok(image)
    }

    /// The environment it was trained in.
    #[must_use]
    pub fn environment(&self) -> &'a str {
        str::from_utf8(self.environment).unwrap_or_default()
    }

    /// How it came to be, one line.
    #[must_use]
    pub fn provenance(&self) -> &'a str {
        str::from_utf8(self.provenance).unwrap_or_default()
    }

    /// Control period in microseconds: the policy is asked once per period.
    #[must_use]
    pub fn period_us(&self) -> u32 {
        self.contract.period_us
    }

    /// Hash of the observation and action terms; equal ids mean equal wiring.
    #[must_use]
    pub fn contract_id(&self) -> u64 {
        self.contract_id
    }

    /// CRC-32 of the image: which image this is, among honest ones.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The numbers of the terms.
    #[must_use]
    pub fn contract(&self) -> Contract<'a> {
        self.contract
    }

    /// What it observes, in order, with names and units.
    pub fn observation_terms(&self) -> impl Iterator<Item = ObservationTerm<'a>> + use<'a> {
        let rules = self.contract.observation.iter();
        Labels(self.labels)
            .zip(rules)
            .map(|(label, rule)| ObservationTerm::new(label, rule))
    }

    /// What it commands, in order, with names and units.
    pub fn action_terms(&self) -> impl Iterator<Item = ActionTerm<'a>> + use<'a> {
        let labels = Labels(self.labels).skip(self.contract.observation.len());
        labels
            .zip(self.contract.action.iter())
            .map(|(label, rule)| ActionTerm::new(label, rule))
    }

    /// What the observation consists of, as the graph names it.
    pub fn inputs(&self) -> impl Iterator<Item = Port<'a>> + use<'a> {
        let skipped = self.contract.observation.len() + self.contract.action.len();
        ports(self.labels, skipped, self.program.inputs)
    }

    /// What the action consists of, as the graph names it.
    pub fn outputs(&self) -> impl Iterator<Item = Port<'a>> + use<'a> {
        let terms = self.contract.observation.len() + self.contract.action.len();
        ports(
            self.labels,
            terms + self.program.inputs.len(),
            self.program.outputs,
        )
    }

    /// The operations, first to last.
    pub fn ops(&self) -> impl Iterator<Item = Op> + use<'a> {
        self.program.ops.iter().filter_map(|record| record.op())
    }

    /// Weights and other constants, in words that hold singles, halves or integers as the operations say.
    #[must_use]
    pub fn constants(&self) -> &'a [f32] {
        self.program.constants
    }

    /// The part that computes.
    #[must_use]
    pub fn program(&self) -> Program<'a> {
        self.program
    }

    /// An observation and its action, for the self-test.
    #[must_use]
    pub fn golden(&self) -> Golden<'a> {
        self.golden
    }

    /// What observations looked like in training, where the exporter knew.
    #[must_use]
    pub fn statistics(&self) -> Option<Statistics<'a>> {
        let (mean, deviation) = self
            .statistics
            .split_at_checked(self.statistics.len() / 2)?;
        (!mean.is_empty()).then_some(Statistics { mean, deviation })
    }

    /// Widths of observation and action.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.program.shape
    }

    /// Numbers of memory an [`ImagePolicy`](crate::ImagePolicy) borrows.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.program.arena_len
    }

    /// Numbers of the arena that carry a recurrent state from step to step; 0 for a policy without one.
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.program.state_len
    }

    fn check_contract(&self) -> Result<(), ImageError> {
        self.contract.check()?;
        let shape = Shape {
            observation_dim: self.contract.observation_dim(),
            action_dim: self.contract.action_dim(),
        };
        if shape != self.program.shape {
            return Err(ImageError::Inconsistent {
                what: "observation or action width",
            });
        }
        #[cfg(feature = "alloc")]
        self.check_labels()?;
        Ok(())
    }

    /// Names, units and the contract id that is made of them: what people and hosts read. A device compares the id with the one
    /// it was built for; that this is the id of these names, the checksum vouches for.
    #[cfg(feature = "alloc")]
    fn check_labels(&self) -> Result<(), ImageError> {
        for text in [self.environment, self.provenance] {
            str::from_utf8(text).map_err(|_| ImageError::Header)?;
        }
        let n_terms = self.contract.observation.len() + self.contract.action.len();
        let n_labels = n_terms + self.program.inputs.len() + self.program.outputs.len();
        let mut labels = Labels(self.labels);
        for index in 0..n_labels {
            labels.next().ok_or(ImageError::Label { index })?;
        }
        if !labels.0.is_empty() {
            return Err(ImageError::Label { index: n_labels });
        }
        if contract_id(self.observation_terms(), self.action_terms()) != self.contract_id {
            return Err(ImageError::Inconsistent {
                what: "contract id",
            });
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), ImageError> {
        let shape = self.program.shape;
        for (what, expected, numbers) in [
            (
                "observation",
                shape.observation_dim,
                self.golden.observation,
            ),
            ("action", shape.action_dim, self.golden.action),
        ] {
            if numbers.len() != expected || !numbers.iter().all(|number| number.is_finite()) {
                return Err(ImageError::Golden {
                    what,
                    expected,
                    found: numbers.len(),
                });
            }
        }
        Ok(())
    }

    fn check_statistics(&self) -> Result<(), ImageError> {
        let Some(Statistics { mean, deviation }) = self.statistics() else {
            return Ok(());
        };
        let expected = self.program.shape.observation_dim;
        // Written so that NaN makes the claim false.
        let hold = mean.iter().all(|number| number.is_finite())
            && deviation
                .iter()
                .all(|number| (0.0..f32::INFINITY).contains(number));
        if self.statistics.len() != 2 * expected || !hold {
            return Err(ImageError::Statistics {
                expected,
                found: self.statistics.len(),
            });
        }
        Ok(())
    }
}

/// The ports of a section, with the labels that follow the first `skipped`.
fn ports<'a>(
    labels: &'a [u8],
    skipped: usize,
    records: &'a [Slot],
) -> impl Iterator<Item = Port<'a>> + use<'a> {
    let labels = Labels(labels).skip(skipped);
    labels.zip(records).map(|((name, shape), record)| Port {
        name,
        shape,
        place: Place::from_code(record.place),
        len: record.len,
    })
}

/// Where in an image the second operand of an operation starts that has the most words: the weights of the largest layer. Checks
/// nothing else; `None` where there are none.
#[cfg(feature = "alloc")]
pub(super) fn weights_at(bytes: &[u8]) -> Option<usize> {
    let (prelude, rest) = Prelude::read_from_prefix(bytes).ok()?;
    let header_bytes = rest.get(..prelude.header_len as usize)?;
    let header = Header::decode(header_bytes)?;
    let [.., ops, constants, _, _, _] = section_spans(bytes, header_bytes.len(), &header).ok()?;
    let records = ops.of(bytes)?.chunks_exact(size_of::<OpRecord>());
    let weights = records.filter_map(|record| {
        let [_, weights, _] = OpRecord::read_from_bytes(record).ok()?.operands;
        match Place::from_code(weights.place) {
            Place::Constant(start) => Some((weights.len, start)),
            _ => None,
        }
    });
    let (_, start) = weights.max_by_key(|(len, _)| *len)?;
    constants
        .start
        .checked_add((start as usize).checked_mul(size_of::<f32>())?)
}

/// Sections lie one behind the other, each at the next multiple of 16, and the last ends the image.
fn section_spans(
    bytes: &[u8],
    header_len: usize,
    header: &Header<'_>,
) -> Result<[Span; SECTIONS.len()], ImageError> {
    let mut spans = [Span { start: 0, len: 0 }; SECTIONS.len()];
    let mut end = PRELUDE_LEN + header_len;
    for (index, (span, len)) in spans.iter_mut().zip(header.section_len).enumerate() {
        let len = len as usize;
        let bounds = aligned(end).and_then(|start| Some((start, start.checked_add(len)?)));
        let (start, stop) = bounds
            .filter(|(_, stop)| *stop <= bytes.len())
            .ok_or_else(|| impossible(index, len))?;
        *span = Span { start, len };
        end = stop;
    }
    if end != bytes.len() {
        return Err(ImageError::Inconsistent {
            what: "total length",
        });
    }
    Ok(spans)
}

fn items<T: FromBytes + zerocopy::Immutable + zerocopy::KnownLayout>(
    bytes: &[u8],
    index: usize,
    span: Span,
) -> Result<&[T], ImageError> {
    let section = span.of(bytes).unwrap_or_default();
    <[T]>::ref_from_bytes(section).map_err(|_| impossible(index, span.len))
}

#[cold]
#[inline(never)]
fn impossible(index: usize, len: usize) -> ImageError {
    ImageError::Section {
        index,
        name: SECTIONS.get(index).copied().unwrap_or_default(),
        len,
    }
}

/// Names and units, decoded one pair at a time; ends early at a pair that does not decode.
struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (label, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(label)
    }
}

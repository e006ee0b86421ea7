//! [`ObservationPipeline`]: from measurement (sensor units), setpoint (what is asked of the machine) and last action to
//! observation (what the policy sees): order, scale, clip, history. The normaliser a policy was trained with is no business
//! of the pipeline: it is in the policy.

use crate::bounded::bounded;
use crate::image::{ObservationRule, Source};

/// Everything an observation is made of, at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'s> {
    /// `[measurement_dim]`
    pub measurement: &'s [f32],
    /// `[setpoint_dim]`: what is asked of the machine, such as a velocity or a goal.
    pub setpoint: &'s [f32],
    /// `[action_dim]`: what the policy answered last; 0 before it answered anything.
    pub action: &'s [f32],
}

/// Builds observations in memory the caller lends; that memory is also the history.
#[derive(Debug)]
pub struct ObservationPipeline<'a> {
    rules: &'a [ObservationRule],
    /// `[observation_dim]`: for each rule `history` samples of `dim` numbers, oldest first.
    observation: &'a mut [f32],
    /// Whether there is a sample yet.
    is_filled: bool,
}

impl<'a> ObservationPipeline<'a> {
    /// A pipeline for these rules over as many numbers as they fill; `None` where the memory is of another length.
    #[must_use]
    pub fn new(rules: &'a [ObservationRule], observation: &'a mut [f32]) -> Option<Self> {
        let needed: usize = rules.iter().map(ObservationRule::len).sum();
        (needed == observation.len()).then_some(Self {
            rules,
            observation,
            is_filled: false,
        })
    }

    /// Forgets the history.
    pub fn reset(&mut self) {
        self.is_filled = false;
    }

    /// Takes one sample of everything and answers the observation. The first sample after a reset fills the whole
    /// history, so that a policy sees a machine at rest rather than zeros.
    pub fn observe(&mut self, sample: Sample<'_>) -> &[f32] {
        let is_first = !self.is_filled;
        let (mut measured, mut asked) = (sample.measurement, sample.setpoint);
        let mut observation = &mut *self.observation;
        for rule in self.rules {
            let dim = usize::from(rule.dim);
            // Each source is read in the order of its terms; the last action is always read whole.
            let numbers = match rule.source() {
                Some(Source::Sensor) => take(&mut measured, dim),
                Some(Source::Setpoint) => take(&mut asked, dim),
                Some(Source::LastAction) => sample.action.get(..dim),
                None => None,
            };
            let parts = numbers.zip(observation.split_at_mut_checked(rule.len()));
            let Some((numbers, (stack, other_stacks))) = parts else {
                break;
            };
            stack_sample(rule, numbers, stack, is_first);
            observation = other_stacks;
        }
        self.is_filled = true;
        self.observation
    }
}

/// The next numbers of a source.
fn take<'s>(source: &mut &'s [f32], dim: usize) -> Option<&'s [f32]> {
    let (numbers, others) = source.split_at_checked(dim)?;
    *source = others;
    Some(numbers)
}

/// Moves the samples of a stack one place towards the oldest and writes the new one last, or everywhere.
fn stack_sample(rule: &ObservationRule, sample: &[f32], stack: &mut [f32], is_first: bool) {
    let dim = usize::from(rule.dim);
    if dim == 0 {
        return;
    }
    let mut places = stack.chunks_exact_mut(dim);
    let Some(mut place) = places.next() else {
        return;
    };
    for newer in places {
        if is_first {
            write_sample(rule, sample, place);
        } else {
            for (older, newer) in place.iter_mut().zip(newer.iter()) {
                *older = *newer;
            }
        }
        place = newer;
    }
    write_sample(rule, sample, place);
}

fn write_sample(rule: &ObservationRule, sample: &[f32], place: &mut [f32]) {
    for (value, measured) in place.iter_mut().zip(sample) {
        *value = bounded(*measured * rule.scale + rule.offset, -rule.clip, rule.clip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANGLE: ObservationRule = ObservationRule {
        dim: 2,
        history: 3,
        scale: 2.0,
        offset: 1.0,
        clip: 10.0,
        ..ObservationRule::SENSOR
    };
    const SPEED: ObservationRule = ObservationRule {
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
        ..ObservationRule::SENSOR
    };

    fn measured(measurement: &[f32]) -> Sample<'_> {
        Sample {
            measurement,
            setpoint: &[],
            action: &[],
        }
    }

    #[test]
    fn sources_are_read_in_their_own_order() {
        let of = |source: Source, dim| ObservationRule {
            dim,
            ..SPEED.of(source)
        };
        let rules = [
            of(Source::Setpoint, 1),
            of(Source::Sensor, 2),
            of(Source::LastAction, 2),
            of(Source::Setpoint, 2),
            of(Source::Sensor, 1),
        ];
        let mut memory = [f32::NAN; 8];
        let mut pipeline = ObservationPipeline::new(&rules, &mut memory).unwrap();
        let sample = Sample {
            measurement: &[1.0, 2.0, 3.0],
            setpoint: &[10.0, 20.0, 30.0],
            action: &[100.0, 200.0],
        };
        assert_eq!(
            pipeline.observe(sample),
            [10.0, 1.0, 2.0, 100.0, 200.0, 20.0, 30.0, 3.0]
        );
    }

    #[test]
    fn order_scale_clip_and_history_by_hand() {
        let rules = [ANGLE, SPEED];
        let mut memory = [f32::NAN; 7];
        let mut pipeline = ObservationPipeline::new(&rules, &mut memory).unwrap();
        assert_eq!(
            pipeline.observe(measured(&[1.0, 2.0, 9.0])),
            [3.0, 5.0, 3.0, 5.0, 3.0, 5.0, 9.0]
        );
        assert_eq!(
            pipeline.observe(measured(&[0.0, 3.0, 8.0])),
            [3.0, 5.0, 3.0, 5.0, 1.0, 7.0, 8.0]
        );
        assert_eq!(
            pipeline.observe(measured(&[-9.0, 9.0, 7e9])),
            [3.0, 5.0, 1.0, 7.0, -10.0, 10.0, 7e9]
        );
        assert_eq!(
            pipeline.observe(measured(&[0.0; 3])),
            [1.0, 7.0, -10.0, 10.0, 1.0, 1.0, 0.0]
        );
        pipeline.reset();
        assert_eq!(
            pipeline.observe(measured(&[0.5, 0.5, 4.0])),
            [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.0]
        );
    }

    #[test]
    fn memory_of_another_length_is_refused() {
        assert!(ObservationPipeline::new(&[ANGLE], &mut [0.0; 5]).is_none());
        assert!(ObservationPipeline::new(&[ANGLE], &mut [0.0; 7]).is_none());
    }
}

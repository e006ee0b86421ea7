//! Observations from the use a policy is made for: what goes into each of its layers, and what fewer bits cost.

use std::path::Path;

use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;
use rlfd_runtime::image::OwnedImage;

use crate::error::ExportError;
use crate::image::ObservationStatistics;
use crate::lower::{NamedPort, Ranges};
use crate::npz;

/// Names under which recordings hold what a policy with one input observes.
const OBSERVATION_NAMES: [&str; 3] = ["obs", "observation", "observations"];

/// Observations of an `.npz` file for these inputs.
///
/// # Errors
/// Names the file and the array that is missing, of another width, or not finite.
pub fn read(path: &Path, inputs: &[NamedPort]) -> Result<Vec<Vec<f32>>, ExportError> {
    let wrong = |problem: String| ExportError::Model(problem).in_file(path);
    let arrays = npz::read(path)?;
    let mut samples: Vec<Vec<f32>> = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let mut names = vec![input.name.as_str()];
        if inputs.len() == 1 {
            names.extend(OBSERVATION_NAMES);
        }
        let array = names
            .iter()
            .find_map(|name| arrays.get(*name))
            .ok_or_else(|| {
                let found: Vec<&str> = arrays.keys().map(String::as_str).collect();
                let (expected, found) = (names.join("`, `"), found.join("`, `"));
                wrong(format!("has no array `{expected}`; it has `{found}`"))
            })?;
        let numbers = array.to_f32();
        let width = input.len().max(1);
        if numbers.is_empty() || !numbers.len().is_multiple_of(width) {
            return Err(wrong(format!(
                "array for `{}` has shape {:?}; samples of {width} numbers are expected",
                input.name, array.shape
            )));
        }
        if !numbers.iter().all(|x| x.is_finite()) {
            return Err(wrong(format!(
                "array for `{}` has numbers that are not finite",
                input.name
            )));
        }
        let parts = numbers.chunks(width);
        if index == 0 {
            samples = parts.map(<[f32]>::to_vec).collect();
        } else if parts.len() == samples.len() {
            samples
                .iter_mut()
                .zip(parts)
                .for_each(|(sample, part)| sample.extend(part));
        } else {
            return Err(wrong(format!(
                "array for `{}` has {} samples, that for `{}` {}",
                input.name,
                parts.len(),
                inputs[0].name,
                samples.len()
            )));
        }
    }
    Ok(samples)
}

/// Mean and standard deviation of the samples, number by number; 0 where fewer than two samples differ.
#[must_use]
pub fn statistics(samples: &[Vec<f32>]) -> ObservationStatistics {
    let count = samples.len().max(1) as f64;
    let width = samples.first().map_or(0, Vec::len);
    let column = |i: usize| samples.iter().map(move |sample| f64::from(sample[i]));
    let mean: Vec<f64> = (0..width).map(|i| column(i).sum::<f64>() / count).collect();
    let deviation = mean.iter().enumerate().map(|(i, mean)| {
        let squares: f64 = column(i).map(|x| (x - mean) * (x - mean)).sum();
        (squares / count).sqrt() as f32
    });
    ObservationStatistics {
        deviation: deviation.collect(),
        mean: mean.iter().map(|mean| *mean as f32).collect(),
    }
}

/// What goes into each dense layer of an image while it acts on the samples, one after the other.
///
/// # Errors
/// The image is damaged.
pub fn ranges(image: &[u8], samples: &[Vec<f32>]) -> Result<Ranges, ExportError> {
    let image = OwnedImage::new(image)?;
    let program = image.program();
    let mut arena = vec![0.0; program.arena_len()];
    let mut ranges = Ranges::default();
    for sample in samples {
        program.trace(&mut arena, sample, |index, op, arena| {
            ranges.see(index, op, arena);
        });
    }
    Ok(ranges)
}

/// A sentence about how far the actions of two images of one policy are apart.
///
/// # Errors
/// One of them is damaged.
pub fn price(full: &[u8], reduced: &[u8], samples: &[Vec<f32>]) -> Result<String, ExportError> {
    let size = format!("{} bytes instead of {}", reduced.len(), full.len());
    if samples.is_empty() {
        return Ok(size);
    }
    let mut policies = [
        EnginePolicy::from_bytes(full)?,
        EnginePolicy::from_bytes(reduced)?,
    ];
    let [mut sum, mut greatest, mut magnitude] = [0.0_f64; 3];
    let mut count = 0;
    for sample in samples {
        let actions = policies.each_mut().map(|policy| {
            let mut action = vec![0.0; policy.shape().action_dim];
            policy.act(sample, &mut action);
            action
        });
        for (a, b) in actions[0].iter().zip(&actions[1]) {
            let error = f64::from(*a - *b).abs();
            sum += error * error;
            greatest = greatest.max(error);
            magnitude = magnitude.max(f64::from(*a).abs());
            count += 1;
        }
    }
    let deviation = (sum / f64::from(count.max(1))).sqrt();
    Ok(format!(
        "{size}; on {} samples actions of up to {magnitude:.3} differ by {deviation:.2e} (root mean square), at most {greatest:.2e}",
        samples.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_by_hand() {
        let samples = [[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [7.0, 5.0]].map(Vec::from);
        let found = statistics(&samples);
        assert_eq!(found.mean, [4.0, 5.0]);
        assert_eq!(found.deviation, [5.0_f32.sqrt(), 0.0]);
    }
}

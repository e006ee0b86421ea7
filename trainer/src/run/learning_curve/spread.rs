//! [`Spread`]: several runs as one curve with a band.

use clap::ValueEnum;

/// What the curve and the band are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Spread {
    /// Median, from the first quartile to the third.
    Quartiles,
    /// Mean, one standard deviation (of the population) to either side.
    Deviation,
}

/// A curve and its band at one environment step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Band {
    pub step: f64,
    pub middle: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// At the steps that all runs have.
    pub(super) fn of(self, runs: &[Vec<(f64, f64)>]) -> Vec<Band> {
        let Some((first, rest)) = runs.split_first() else {
            return Vec::new();
        };
        let at = |run: &Vec<(f64, f64)>, step: f64| {
            let found = run.iter().find(|point| point.0 == step);
            found.map(|point| point.1)
        };
        let mut bands = Vec::new();
        for &(step, value) in first {
            let others: Option<Vec<f64>> = rest.iter().map(|run| at(run, step)).collect();
            let Some(mut values) = others else { continue };
            values.push(value);
            values.sort_by(f64::total_cmp);
            let (middle, low, high) = match self {
                Self::Quartiles => {
                    let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| quantile(&values, part));
                    (middle, low, high)
                }
                Self::Deviation => {
                    let n = values.len() as f64;
                    let mean = values.iter().sum::<f64>() / n;
                    let variance = values
                        .iter()
                        .map(|value| (value - mean).powi(2))
                        .sum::<f64>();
                    let deviation = (variance / n).sqrt();
                    (mean, mean - deviation, mean + deviation)
                }
            };
            bands.push(Band {
                step,
                middle,
                low,
                high,
            });
        }
        bands
    }
}

/// Of sorted values, with straight lines between them (Hyndman & Fan 1996, definition 7; numpy's default).
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let position = part * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

/// Each value as the mean of the `window` around it, of fewer at the ends.
pub(super) fn smooth(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let half = window / 2;
    let mean = |index: usize| {
        let around = &points[index.saturating_sub(half)..points.len().min(index + half + 1)];
        around.iter().map(|point| point.1).sum::<f64>() / around.len() as f64
    };
    let steps = points.iter().enumerate();
    steps.map(|(index, point)| (point.0, mean(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f64]) -> Vec<(f64, f64)> {
        values
            .iter()
            .enumerate()
            .map(|(i, v)| (i as f64, *v))
            .collect()
    }

    /// numpy.percentile([7, 15, 36, 39], [25, 50, 75]) = 13, 25.5, 36.75; numpy.std = 13.5899779249
    #[test]
    fn bands_are_those_of_numpy() {
        let runs = [[36.0], [7.0], [39.0], [15.0]].map(|value| run(&value));
        let quartiles = Spread::Quartiles.of(&runs)[0];
        assert_eq!(
            (quartiles.low, quartiles.middle, quartiles.high),
            (13.0, 25.5, 36.75)
        );
        let deviation = Spread::Deviation.of(&runs)[0];
        assert_eq!(deviation.middle, 24.25);
        assert!(
            (deviation.high - 24.25 - 13.589_977_924_926_9).abs() < 1e-12,
            "{deviation:?}"
        );
        assert!((deviation.low + deviation.high - 48.5).abs() < 1e-12);
    }

    #[test]
    fn bands_are_over_the_steps_all_runs_share() {
        let (a, b) = (vec![(1.0, 2.0), (2.0, 4.0)], vec![(2.0, 8.0)]);
        let bands = Spread::Deviation.of(&[a, b]);
        let expected = Band {
            step: 2.0,
            middle: 6.0,
            low: 4.0,
            high: 8.0,
        };
        assert_eq!(bands, [expected]);
    }

    #[test]
    fn smoothing_averages_around_each_value() {
        let points = run(&[3.0, 0.0, 6.0, 9.0]);
        assert_eq!(smooth(&points, 1), points);
        assert_eq!(smooth(&points, 3), run(&[1.5, 3.0, 5.0, 7.5]));
    }
}

//! Times of the engines, taken in turns so that whatever slows the machine slows all of them, and compared round by round.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::workload::{Stream, Workload};

/// Different observations, so that no branch learns one of them.
const OBSERVATIONS: usize = 64;

/// A warm sample lasts about this long.
const SAMPLE: Duration = Duration::from_micros(100);

/// More than any cache holds.
const SWEPT_BYTES: usize = 96 << 20;

/// Per engine: the least time of a step, and the median over rounds of how many times longer another engine took.
#[derive(Clone, Debug)]
pub struct Times {
    pub least_ns: f64,
    pub median_ns: f64,
    /// This engine's time over that of the first and of the second engine, in the same round; the medians.
    pub ratios: [f64; 2],
}

pub struct Bench {
    observations: Vec<Vec<f32>>,
    action: Vec<f32>,
    swept: Vec<u8>,
}

impl Bench {
    pub fn new(workload: &Workload) -> Self {
        let mut stream = Stream::new("observations");
        let observations = (0..OBSERVATIONS).map(|_| stream.numbers(workload.observation_dim));
        Self {
            observations: observations.collect(),
            action: vec![0.0; workload.action_dim],
            swept: Vec::new(),
        }
    }

    /// Many steps one behind the other.
    pub fn warm(&mut self, engines: &mut [Box<dyn Engine>], rounds: usize) -> Vec<Times> {
        let mut steps = Vec::new();
        for engine in &mut *engines {
            self.steps(engine.as_mut(), 200);
            let one = self.steps(engine.as_mut(), 200) / 200;
            let count = SAMPLE.as_nanos() / one.as_nanos().max(1);
            steps.push((count as usize).max(1));
        }
        let mut samples = vec![Vec::new(); engines.len()];
        for _ in 0..rounds {
            for ((engine, steps), samples) in engines.iter_mut().zip(&steps).zip(&mut samples) {
                let time = self.steps(engine.as_mut(), *steps);
                samples.push(time.as_nanos() as f64 / *steps as f64);
            }
        }
        times(&samples)
    }

    /// Single steps, the caches filled with something else before each.
    pub fn cold(&mut self, engines: &mut [Box<dyn Engine>], rounds: usize) -> Vec<Times> {
        let mut samples = vec![Vec::new(); engines.len()];
        for _ in 0..rounds {
            for (engine, samples) in engines.iter_mut().zip(&mut samples) {
                self.sweep();
                samples.push(self.steps(engine.as_mut(), 1).as_nanos() as f64);
            }
        }
        times(&samples)
    }

    /// Runs `count` steps.
    pub fn steps(&mut self, engine: &mut dyn Engine, count: usize) -> Duration {
        let begin = Instant::now();
        for observation in self.observations.iter().cycle().take(count) {
            engine.step(black_box(observation), &mut self.action);
            black_box(&self.action);
        }
        begin.elapsed()
    }

    /// The action for one observation.
    pub fn answer(&mut self, engine: &mut dyn Engine, index: usize) -> Vec<f32> {
        engine.step(&self.observations[index % OBSERVATIONS], &mut self.action);
        self.action.clone()
    }

    fn sweep(&mut self) {
        self.swept.resize(SWEPT_BYTES, 0);
        for line in self.swept.chunks_mut(64) {
            line[0] = line[0].wrapping_add(1);
        }
        black_box(&self.swept);
    }
}

fn times(samples: &[Vec<f64>]) -> Vec<Times> {
    samples
        .iter()
        .map(|own| Times {
            least_ns: own.iter().copied().fold(f64::INFINITY, f64::min),
            median_ns: median(own.clone()),
            ratios: [0, 1].map(|engine| {
                let pairs = own.iter().zip(&samples[engine]);
                median(pairs.map(|(own, ours)| own / ours).collect())
            }),
        })
        .collect()
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

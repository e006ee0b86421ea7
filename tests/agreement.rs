//! The same policy on libtorch, ONNX Runtime, tract and our engine: the same actions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_export::{ImageOptions, image_of, model_of};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_models::{Activation, Head, PolicySpec};
use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;
use rlfd_runtime::backend::ort::OrtPolicy;
use rlfd_runtime::backend::tract::TractPolicy;
use tch::Tensor;

use crate::random_policy::RECIPES;

const OBSERVATIONS: usize = 10_000;
/// Greatest `|a - b| / max(1, |a|)` between any two engines. They sum in different orders.
const TOLERANCE: f32 = 1e-5;
/// The same for learned weights, which are larger than random ones: larger terms cancel in their sums.
const LEARNED_TOLERANCE: f32 = 1e-4;
/// Half widths of the observations, by row.
const SCALES: [f32; 8] = [0.1, 1.0, 1.0, 1.0, 3.0, 1.0, 10.0, 10.0];
/// Half width of every eighth observation for a policy that bounds what it sees: no sensor fails more wildly.
const OUTLIER: f32 = 1e6;

#[test]
fn torch_ort_tract_and_engine_agree() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in RECIPES {
        let path = folder.path().join(format!("{}.pt", recipe.name));
        recipe.checkpoint().write(&path).unwrap();
        agree(&path, (recipe.name, TOLERANCE), OBSERVATIONS, folder.path());
    }
}

/// Every learner's policies go the same way: SAC's, TD3's, DDPG's and GAIL's, with goals and without.
#[test]
fn learned_policies_agree() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = Path::new("../models/zoo");
    let entries = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let learned: Vec<PathBuf> = entries(zoo)
        .iter()
        .flat_map(|environment| entries(environment))
        .map(|run| run.join("policy.pt"))
        .filter(|path| path.exists())
        .collect();
    for name in ["td3", "sac", "ddpg", "gail"] {
        let is_there = |path: &PathBuf| path.parent().unwrap().ends_with(name);
        assert!(learned.iter().any(is_there), "{name}: no policy in {zoo:?}");
    }
    for path in learned {
        let name = path.display().to_string();
        agree(&path, (&name, LEARNED_TOLERANCE), 1_000, folder.path());
    }
}

/// Compares what all engines answer for the policy of `path` to so many random observations.
fn agree(path: &Path, (name, tolerance): (&str, f32), n_observations: usize, folder: &Path) {
    let checkpoint = Checkpoint::read(path).unwrap();
    let spec = checkpoint.spec.clone();
    let (width, actions) = (spec.observation_dim(), spec.action_dim());
    let observations = observations(&spec, n_observations);
    let mut answers = Vec::new();
    for (engine, mut policy) in policies(&checkpoint, folder) {
        assert_eq!(policy.shape().observation_dim, width);
        let mut action = vec![0.0; actions];
        let mut all = Vec::new();
        for observation in observations.chunks_exact(width) {
            policy.act(observation, &mut action);
            all.extend_from_slice(&action);
        }
        answers.push((engine, all));
    }
    answers.push(("torch", torch_actions(path, &spec, &observations)));
    for (i, (a_name, a)) in answers.iter().enumerate() {
        assert_eq!(a.len(), n_observations * actions);
        for (b_name, b) in &answers[..i] {
            let error = greatest_error(a, b);
            println!("{name:<9} {a_name:<6} {b_name:<6} {error:.1e}");
            assert!(error <= tolerance, "{name} {a_name} {b_name} {error}");
        }
    }
}

#[test]
fn the_image_is_the_same_from_checkpoint_and_from_onnx() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in RECIPES {
        let path = folder.path().join("policy.onnx");
        let model = model_of(&recipe.checkpoint()).unwrap();
        model.write(&path).unwrap();
        let read = rlfd_export::Model::read(&path).unwrap();
        let options = ImageOptions::default();
        let from_checkpoint = image_of(&model, &options).unwrap();
        let from_onnx = image_of(&read, &options).unwrap();
        assert!(from_checkpoint == from_onnx, "{}", recipe.name);
    }
}

fn observations(spec: &PolicySpec, rows: usize) -> Vec<f32> {
    let mut stream = ChaCha8Rng::seed_from_u64(7);
    let normalizer = spec.network.normalizer.as_ref();
    let is_bounded = normalizer.is_some_and(|n| n.clip.is_some());
    let mut observations = Vec::new();
    for row in 0..rows {
        let scale = match row % SCALES.len() {
            7 if is_bounded => OUTLIER,
            i => SCALES[i],
        };
        for _ in 0..spec.observation_dim() {
            let unit = stream.next_u32() as f32 / (1_u32 << 31) as f32 - 1.0;
            observations.push(unit * scale);
        }
    }
    observations
}

/// The engines that run files, on those of `checkpoint`.
fn policies(checkpoint: &Checkpoint, folder: &Path) -> Vec<(&'static str, Box<dyn Policy>)> {
    let path = folder.join("policy.onnx");
    let model = model_of(checkpoint).unwrap();
    model.write(&path).unwrap();
    let image = image_of(&model, &ImageOptions::default()).unwrap();
    vec![
        ("ort", Box::new(OrtPolicy::open(&path).unwrap())),
        ("tract", Box::new(TractPolicy::open(&path).unwrap())),
        (
            "engine",
            Box::new(EnginePolicy::from_bytes(&image).unwrap()),
        ),
    ]
}

/// The network as PyTorch users write it, on the tensors that libtorch reads from the file.
fn torch_actions(path: &Path, spec: &PolicySpec, observations: &[f32]) -> Vec<f32> {
    let tensors: BTreeMap<String, Tensor> =
        Tensor::loadz_multi(path).unwrap().into_iter().collect();
    let width = spec.observation_dim() as i64;
    let mut x = Tensor::from_slice(observations).reshape([-1, width]);
    if let Some(normalizer) = &spec.network.normalizer {
        x = (x - &tensors["normalizer.mean"]) / &tensors["normalizer.std"];
        if let Some(clip) = normalizer.clip {
            x = x.clamp(-f64::from(clip), f64::from(clip));
        }
    }
    let n_hidden = spec.network.hidden.len();
    for i in 0..=n_hidden {
        let (weight, bias) = (format!("actor.{i}.weight"), format!("actor.{i}.bias"));
        x = x.linear(&tensors[&weight], Some(&tensors[&bias]));
        if i < n_hidden {
            x = match spec.network.activation {
                Activation::Relu => x.relu(),
                Activation::Elu => x.elu(),
                Activation::Tanh => x.tanh(),
                Activation::Sigmoid => x.sigmoid(),
            };
        }
    }
    if let Head::Tanh { scale, offset } = &spec.network.head {
        x = x.tanh() * Tensor::from_slice(scale) + Tensor::from_slice(offset);
    }
    Vec::<f32>::try_from(x.reshape([-1])).unwrap()
}

fn greatest_error(a: &[f32], b: &[f32]) -> f32 {
    let error = |(a, b): (&f32, &f32)| {
        assert!(a.is_finite() && b.is_finite());
        (a - b).abs() / a.abs().max(1.0)
    };
    a.iter().zip(b).map(error).fold(0.0, f32::max)
}

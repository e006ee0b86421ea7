//! A small policy and the program under test.

use std::path::Path;
use std::process::{Command, Output};

use rlfd_models::checkpoint::{Checkpoint, Tensor};
use rlfd_models::spec::{Normalizer, SPEC_VERSION};
use rlfd_models::{ActionTerm, Activation, Head, Network, ObservationTerm, PolicySpec, Provenance};

/// A 3-5-2 policy with normaliser and squashed head; `gain` scales its first weights.
pub fn checkpoint(gain: f32) -> Checkpoint {
    let spec = PolicySpec {
        version: SPEC_VERSION,
        environment: "Example-v0".to_string(),
        period_us: 20_000,
        observation: vec![ObservationTerm {
            name: "joint angle".to_string(),
            unit: "rad".to_string(),
            source: Default::default(),
            dim: 3,
            scale: 1.0,
            offset: 0.0,
            clip: None,
            history: 1,
        }],
        action: vec![ActionTerm {
            name: "motor".to_string(),
            unit: "N m".to_string(),
            dim: 2,
            scale: 1.0,
            offset: 0.0,
            low: -3.0,
            high: 3.0,
            max_rate: None,
            stiffness: None,
            damping: None,
            time_constant_s: None,
        }],
        network: Network {
            hidden: vec![5],
            activation: Activation::Elu,
            normalizer: Some(Normalizer { clip: Some(10.0) }),
            head: Head::Tanh {
                scale: vec![3.0, 2.0],
                offset: vec![0.0, 1.0],
            },
        },
        provenance: Provenance::default(),
    };
    let tensor = |shape: &[usize], gain: f32, start: f32| Tensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product::<usize>())
            .map(|i| gain * (start + i as f32 * 1.7).sin())
            .collect(),
    };
    let mut std = tensor(&[3], 0.5, 1.0);
    std.data.iter_mut().for_each(|x| *x += 1.0);
    let tensors = [
        ("normalizer.mean", tensor(&[3], 1.0, 0.0)),
        ("normalizer.std", std),
        ("actor.0.weight", tensor(&[5, 3], gain, 2.0)),
        ("actor.0.bias", tensor(&[5], 0.3, 3.0)),
        ("actor.1.weight", tensor(&[2, 5], 0.8, 4.0)),
        ("actor.1.bias", tensor(&[2], 0.1, 5.0)),
    ];
    Checkpoint {
        spec,
        tensors: tensors.map(|(n, t)| (n.to_string(), t)).into(),
    }
}

/// Runs `rlfd-export` with `arguments` in `folder`.
pub fn export(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rlfd-export"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

/// What it said on stderr, after a check that it ended with `status` and without a panic.
pub fn stderr(output: &Output, status: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

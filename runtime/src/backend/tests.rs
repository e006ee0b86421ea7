//! Both general engines on a model written here byte by byte from `onnx.proto`.

use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::policy::{Policy, Shape};

/// A protobuf field of length-delimited bytes.
fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 1 << 14);
    let len = [content.len() as u8 | 0x80, (content.len() >> 7) as u8];
    [&[field << 3 | 2], &len[..], content].concat()
}

/// A protobuf field of a small whole number.
fn number(field: u8, value: u8) -> Vec<u8> {
    assert!(value < 0x80);
    std::vec![field << 3, value]
}

fn tensor(name: &str, dims: &[u8], data: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    [
        dims,
        number(2, 1),
        bytes(8, name.as_bytes()),
        bytes(9, &raw),
    ]
    .concat()
}

/// `[batch, width]`, f32.
fn value_info(name: &str, width: u8) -> Vec<u8> {
    let batch = bytes(1, &bytes(2, b"batch"));
    let shape = [batch, bytes(1, &number(1, width))].concat();
    let tensor_type = [number(1, 1), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor_type))].concat()
}

/// `action = tanh(observation W + b)`, 2 to 3.
fn model() -> Vec<u8> {
    let gemm = [
        bytes(1, b"observation"),
        bytes(1, b"W"),
        bytes(1, b"b"),
        bytes(2, b"u"),
        bytes(4, b"Gemm"),
    ];
    let tanh = [bytes(1, b"u"), bytes(2, b"action"), bytes(4, b"Tanh")];
    let graph = [
        bytes(1, &gemm.concat()),
        bytes(1, &tanh.concat()),
        bytes(2, b"policy"),
        bytes(5, &tensor("W", &[2, 3], &[1.0, 2.0, -1.0, 0.5, 0.0, 0.25])),
        bytes(5, &tensor("b", &[3], &[0.0, -1.0, 0.5])),
        bytes(11, &value_info("observation", 2)),
        bytes(12, &value_info("action", 3)),
    ];
    let metadata = [
        bytes(1, b"rlfd.policy_spec"),
        bytes(2, "{\"é\":1}".as_bytes()),
    ];
    [
        number(1, 8),
        bytes(7, &graph.concat()),
        bytes(8, &number(2, 17)),
        bytes(14, &metadata.concat()),
    ]
    .concat()
}

/// A file of its own for every test; removed by the operating system's housekeeping at the latest.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let name = std::format!("rlfd-runtime-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn check<P: Policy>(
    engine: &str,
    open: impl Fn(&std::path::Path) -> Result<P, BackendError>,
    metadata: impl Fn(&P, &str) -> Option<String>,
) {
    let path = file(&std::format!("{engine}.onnx"), &model());
    let mut policy = open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        policy.shape(),
        Shape {
            observation_dim: 2,
            action_dim: 3
        }
    );
    let mut action = [0.0; 3];
    policy.act(&[0.5, -1.0], &mut action);
    for (action, expected) in action.iter().zip([0.0f64, 0.0, -0.25]) {
        assert!(
            (f64::from(*action) - expected.tanh()).abs() < 1e-6,
            "{action}"
        );
    }
    policy.act(&[0.5, -1.0, 2.0], &mut action);
    assert!(
        action.iter().all(|action| action.is_nan()),
        "a wrong length is answered by NaN"
    );
    assert_eq!(
        metadata(&policy, "rlfd.policy_spec").as_deref(),
        Some("{\"é\":1}")
    );
    assert_eq!(metadata(&policy, "rlfd.other"), None);

    let missing = open("/nonexistent/policy.onnx".as_ref()).err().unwrap();
    assert!(std::format!("{missing}").contains("/nonexistent/policy.onnx"));
    let path = file(
        &std::format!("{engine}-garbage.onnx"),
        b"\x0bno model at all",
    );
    let garbage = open(&path).err().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(
        std::format!("{garbage}").contains("garbage.onnx"),
        "{garbage}"
    );
}

#[cfg(feature = "tract")]
#[test]
fn tract_runs_a_model() {
    check(
        "tract",
        tract::TractPolicy::open,
        tract::TractPolicy::metadata,
    );
}

#[cfg(feature = "ort")]
#[test]
fn onnx_runtime_runs_a_model() {
    check("ort", ort::OrtPolicy::open, ort::OrtPolicy::metadata);
}

/// 500 truncations and 500 bit flips: refused or run, never a panic.
fn check_damaged<P: Policy>(
    engine: &str,
    open: impl Fn(&std::path::Path) -> Result<P, BackendError>,
) {
    use rand::{RngExt, SeedableRng};
    let sound = model();
    let path = file(&std::format!("{engine}-damaged.onnx"), &sound);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
    let mut n_refused = 0;
    for round in 0..1000 {
        let mut damaged = sound.clone();
        if round % 2 == 0 {
            damaged.truncate(rng.random_range(0..sound.len()));
        } else {
            damaged[rng.random_range(0..sound.len())] ^= 1 << rng.random_range(0..8);
        }
        std::fs::write(&path, damaged).unwrap();
        match open(&path) {
            Ok(mut policy) => {
                let shape = policy.shape();
                let mut action = std::vec![0.0; shape.action_dim];
                policy.act(&std::vec![0.5; shape.observation_dim], &mut action);
            }
            Err(_) => n_refused += 1,
        }
    }
    std::fs::remove_file(&path).unwrap();
    assert!(n_refused > 500, "only {n_refused} of 1000 were refused");
}

#[cfg(feature = "tract")]
#[test]
fn tract_survives_damaged_models() {
    check_damaged("tract", tract::TractPolicy::open);
}

#[cfg(feature = "ort")]
#[test]
fn onnx_runtime_survives_damaged_models() {
    check_damaged("ort", ort::OrtPolicy::open);
}

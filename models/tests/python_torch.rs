//! `policy.pt` between us and Python's PyTorch, both ways.
//!
//! Reading is tested on a file that PyTorch 2.11.0 wrote (`data/torch_save.py`). Writing is tested where the environment
//! variable `RLFD_PYTHON_TORCH` names a Python that can `import torch`; elsewhere that test says that it did nothing.

use std::path::Path;
use std::process::Command;

use rlfd_models::checkpoint::{Checkpoint, Tensor, read_tensors};
use rlfd_models::spec::SPEC_VERSION;
use rlfd_models::{ActionTerm, Activation, Head, Network, ObservationTerm, PolicySpec, Provenance};

fn example() -> Checkpoint {
    let spec = PolicySpec {
        version: SPEC_VERSION,
        environment: "Example-v0".to_string(),
        period_us: 20_000,
        observation: vec![ObservationTerm {
            name: "joint angle".to_string(),
            unit: "rad".to_string(),
            source: Default::default(),
            dim: 300,
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
            low: -1.0,
            high: 1.0,
            max_rate: None,
            stiffness: None,
            damping: None,
            time_constant_s: None,
        }],
        network: Network {
            hidden: vec![260],
            activation: Activation::Relu,
            normalizer: None,
            head: Head::Linear,
        },
        provenance: Provenance::default(),
    };
    let tensor = |shape: &[usize]| Tensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product::<usize>())
            .map(|i| (i as f32 * 0.37).sin())
            .collect(),
    };
    let tensors = [
        ("actor.0.weight", tensor(&[260, 300])),
        ("actor.0.bias", tensor(&[260])),
        ("actor.1.weight", tensor(&[2, 260])),
        ("actor.1.bias", tensor(&[2])),
    ];
    Checkpoint {
        spec,
        tensors: tensors.map(|(n, t)| (n.to_string(), t)).into(),
    }
}

#[test]
fn a_dictionary_saved_by_python_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/torch_save.pt");
    let tensors = read_tensors(&path).unwrap();
    let base = |i: usize| i as f32 / 8.0;
    let tensor = |shape: &[usize], data: Vec<f32>| Tensor {
        shape: shape.to_vec(),
        data,
    };
    let transposed = (0..4).flat_map(|column| (0..3).map(move |row| base(row * 4 + column)));
    let expected = [
        ("whole", tensor(&[3, 4], (0..12).map(base).collect())),
        ("transposed", tensor(&[4, 3], transposed.collect())),
        ("row", tensor(&[4], (4..8).map(base).collect())),
        ("scalar", tensor(&[], vec![-1.5])),
        ("empty", tensor(&[0, 4], vec![])),
        ("parameter", tensor(&[1], vec![2.5])),
        ("layer.weight", tensor(&[1, 2], vec![0.1, -0.2])),
        ("layer.bias", tensor(&[1], vec![0.3])),
    ];
    assert_eq!(tensors.len(), expected.len());
    for (name, expected) in expected {
        assert_eq!(tensors[name], expected, "{name}");
    }
    let error = Checkpoint::read(&path).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("torch_save.pt"), "{error}");
    assert!(cause.contains("`spec.json`: missing"), "{cause}");
}

const READ_IN_PYTHON: &str = "
import sys, torch
tensors = torch.load(sys.argv[1], weights_only=True)
mapped = torch.load(sys.argv[1], weights_only=True, mmap=True)
for name, tensor in tensors.items():
    assert tensor.dtype == torch.float32 and torch.equal(tensor, mapped[name])
    expected = torch.sin(torch.arange(tensor.numel(), dtype=torch.float32) * 0.37)
    error = (tensor.reshape(-1) - expected).abs().max().item()
    # Two libraries' float32 sine of arguments up to 28860.
    assert error < 1e-6, (name, error)
    print(name, list(tensor.shape), tensor.is_contiguous())
";

#[test]
fn python_loads_what_we_write_with_weights_only() {
    let Some(python) = std::env::var_os("RLFD_PYTHON_TORCH") else {
        eprintln!("NOT TESTED: RLFD_PYTHON_TORCH names no Python with torch");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.pt");
    example().write(&path).unwrap();
    let output = Command::new(python)
        .args(["-c", READ_IN_PYTHON])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "actor.0.bias [260] True\nactor.0.weight [260, 300] True\nactor.1.bias [2] True\nactor.1.weight [2, 260] True\n"
    );
}

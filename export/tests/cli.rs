//! The program as a user runs it: files, exit codes, messages.

mod harness;

use harness::{checkpoint, export, stderr};
use rlfd_export::array::Array;
use rlfd_export::dtype::Dtype;
use rlfd_export::evaluate::Evaluator;
use rlfd_export::{LowerOptions, model_of, npz};

#[test]
fn a_policy_goes_all_the_way_and_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    stderr(&export(path, &["onnx", "policy.pt"]), 0);
    stderr(&export(path, &["image", "policy.pt"]), 0);
    stderr(
        &export(path, &["image", "policy.onnx", "-o", "from_onnx.rlfd"]),
        0,
    );
    let read = |name: &str| std::fs::read(path.join(name)).unwrap();
    assert_eq!(read("policy.rlfd"), read("from_onnx.rlfd"));
    for pair in [
        ["policy.pt", "policy.onnx"],
        ["policy.pt", "policy.rlfd"],
        ["policy.onnx", "policy.rlfd"],
    ] {
        let output = export(path, &["verify", pair[0], pair[1], "--json"]);
        stderr(&output, 0);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["agree"], true, "{json}");
        assert_eq!(json["count"], 1000);
        assert!(json["max_relative_error"].as_f64().unwrap() < 1e-5);
    }
}

#[test]
fn verify_answers_no_to_another_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("a.pt")).unwrap();
    checkpoint(1.001).write(&path.join("b.pt")).unwrap();
    stderr(&export(path, &["image", "b.pt"]), 0);
    let output = export(path, &["verify", "a.pt", "b.rlfd", "--count", "50"]);
    stderr(&output, 1);
    assert!(String::from_utf8_lossy(&output.stdout).contains("DIFFER"));
    stderr(
        &export(path, &["verify", "a.pt", "b.rlfd", "--tolerance", "0.1"]),
        0,
    );
}

#[test]
fn inspect_shows_each_kind_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    stderr(&export(path, &["onnx", "policy.pt"]), 0);
    stderr(&export(path, &["image", "policy.pt"]), 0);
    for (file, kind, expected) in [
        ("policy.pt", "checkpoint", "actor.0.weight float32 [5, 3]"),
        ("policy.onnx", "model", "observation float32 [batch, 3]"),
        ("policy.rlfd", "image", "Dense 3 -> 5 Elu(1)"),
    ] {
        let output = export(path, &["inspect", file]);
        stderr(&output, 0);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for expected in [expected, "joint angle [rad] ×3", "Example-v0"] {
            assert!(text.contains(expected), "{text} lacks {expected}");
        }
        let output = export(path, &["inspect", file, "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["kind"], kind);
        if kind == "image" {
            assert_eq!(json["self_test"], true);
        }
    }
}

#[test]
fn nothing_is_replaced_without_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    for (command, file) in [("onnx", "policy.onnx"), ("image", "policy.rlfd")] {
        std::fs::write(path.join(file), "mine").unwrap();
        let message = stderr(&export(path, &[command, "policy.pt"]), 2);
        assert!(
            message.contains(file) && message.contains("--force"),
            "{message}"
        );
        assert_eq!(std::fs::read(path.join(file)).unwrap(), b"mine");
        stderr(&export(path, &[command, "policy.pt", "--force"]), 0);
        assert_ne!(std::fs::read(path.join(file)).unwrap(), b"mine");
    }
}

#[test]
fn a_signed_policy_is_what_its_key_says() {
    use rlfd_runtime::update::SignedImage;
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    stderr(&export(path, &["image", "policy.pt"]), 0);
    stderr(&export(path, &["keygen", "robot"]), 0);
    let mode = std::fs::metadata(path.join("robot.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let message = stderr(&export(path, &["keygen", "robot"]), 2);
    assert!(message.contains("robot.key exists"), "{message}");
    let sign = [
        "sign",
        "policy.rlfd",
        "--key",
        "robot.key",
        "--counter",
        "7",
    ];
    stderr(&export(path, &sign), 0);
    let file = std::fs::read(path.join("policy.rlfu")).unwrap();
    let signed = SignedImage::read(&file).unwrap();
    let image = std::fs::read(path.join("policy.rlfd")).unwrap();
    assert_eq!((signed.manifest.counter(), signed.image), (7, &image[..]));
    let text = std::fs::read_to_string(path.join("robot.pub")).unwrap();
    let key: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let key: [u8; 32] = key.try_into().unwrap();
    assert!(
        signed
            .manifest
            .is_signed(signed.image, signed.signature, &key)
    );
    for (arguments, expected) in [
        (
            &[
                "sign",
                "policy.rlfd",
                "--key",
                "robot.pub.none",
                "--counter",
                "1",
            ][..],
            "robot.pub.none",
        ),
        (
            &["sign", "policy.pt", "--key", "robot.key", "--counter", "1"],
            "policy.pt",
        ),
        (
            &[
                "sign",
                "policy.rlfd",
                "--key",
                "policy.pt",
                "--counter",
                "1",
            ],
            "policy.pt",
        ),
        (
            &[
                "sign",
                "policy.rlfd",
                "--key",
                "robot.key",
                "--counter",
                "8",
            ],
            "--force",
        ),
        (
            &[
                "sign",
                "policy.rlfd",
                "--key",
                "robot.key",
                "--counter",
                "0",
            ],
            "--counter",
        ),
    ] {
        let message = stderr(&export(path, arguments), 2);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn what_cannot_be_done_is_said_with_the_file_and_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    stderr(&export(path, &["image", "policy.pt"]), 0);
    std::fs::write(path.join("policy.txt"), "text").unwrap();
    std::fs::write(path.join("text.onnx"), "text").unwrap();
    std::fs::write(path.join("text.rlfd"), "text").unwrap();
    std::fs::write(path.join("text.pt"), "text").unwrap();
    for (arguments, expected) in [
        (&["inspect", "absent.pt"][..], "absent.pt: cannot be read"),
        (&["inspect", "absent.onnx"], "absent.onnx: cannot be read"),
        (
            &["inspect", "policy.txt"],
            "policy.txt: its suffix is none of",
        ),
        (&["inspect", "text.pt"], "text.pt: not a policy.pt"),
        (&["inspect", "text.onnx"], "text.onnx: not an ONNX model"),
        (
            &["inspect", "text.rlfd"],
            "text.rlfd: policy image: truncated",
        ),
        (
            &["image", "policy.rlfd"],
            "policy.rlfd: is an image already",
        ),
        (
            &["image", "policy.pt", "--force", "--period-us", "5"],
            "policy.pt: its contract says period_us = 20000",
        ),
        (
            &["verify", "policy.pt", "policy.rlfd", "--count", "0"],
            "--count is 0",
        ),
        (
            &["onnx", "policy.pt", "-o", "no/such/folder/policy.onnx"],
            "no/such/folder/policy.onnx: cannot be",
        ),
    ] {
        let message = stderr(&export(path, arguments), 2);
        assert!(
            message.starts_with("error: ") && message.contains(expected),
            "{message} lacks {expected}"
        );
    }
}

#[test]
fn recorded_inputs_run_on_each_engine_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    checkpoint(1.0).write(&path.join("policy.pt")).unwrap();
    stderr(&export(path, &["onnx", "policy.pt"]), 0);
    stderr(&export(path, &["image", "policy.pt"]), 0);
    let samples: Vec<f64> = (0..12).map(|i| (f64::from(i) * 0.9).sin()).collect();
    let array = |shape: &[usize]| Array::new(shape.to_vec(), samples.clone(), Dtype::F32).unwrap();
    npz::write(
        &path.join("in.npz"),
        &[("observation".to_string(), array(&[4, 3]))],
    )
    .unwrap();
    let run = |file: &str, extra: &[&str]| {
        let arguments = [
            &["run", file, "--inputs", "in.npz", "--outputs", "out.npz"],
            extra,
        ]
        .concat();
        export(path, &arguments)
    };
    let mut answers = Vec::new();
    for (file, backend) in [
        ("policy.onnx", "engine"),
        ("policy.rlfd", "engine"),
        ("policy.onnx", "tract"),
    ] {
        stderr(&run(file, &["--backend", backend]), 0);
        let outputs = npz::read(&path.join("out.npz")).unwrap();
        assert_eq!(outputs["action"].shape, [4, 1, 2]);
        answers.push(outputs["action"].data.clone());
    }
    assert_eq!(answers[0], answers[1]);
    for (a, b) in answers[0].iter().zip(&answers[2]) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    // The reference of the same observation.
    let expected = model_of(&checkpoint(1.0)).unwrap();
    let mut reference = Evaluator::new(&expected.graph, &LowerOptions::default()).unwrap();
    let rounded: Vec<f64> = samples[..3].iter().map(|x| f64::from(*x as f32)).collect();
    for (a, b) in answers[0].iter().zip(reference.evaluate(&rounded).unwrap()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

    for (name, shape, expected) in [
        (
            "observations",
            &[4, 3][..],
            "`observations` is no input; `observation` is missing; the inputs are `observation` [1, 3]",
        ),
        ("observation", &[3, 4], "`observation` has shape [3, 4]"),
    ] {
        npz::write(&path.join("in.npz"), &[(name.to_string(), array(shape))]).unwrap();
        let message = stderr(&run("policy.rlfd", &[]), 2);
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let message = stderr(&run("policy.rlfd", &["--backend", "tract"]), 2);
    assert!(
        message.contains("an image runs on our engine only"),
        "{message}"
    );
}

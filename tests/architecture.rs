//! Who may know whom, as ARCHITECTURE.md states it, held against what cargo and the sources say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Everything that runs on the device. A new name here is a decision, not an accident.
const DEVICE_CRATES: [&str; 15] = [
    "byteorder",
    "cobs",
    "crc",
    "crc-catalog",
    "hash32",
    "heapless",
    "libm",
    "postcard",
    "rlfd-runtime",
    "serde",
    "serde_core",
    "stable_deref_trait",
    "thiserror",
    "zerocopy",
    "zerocopy-derive",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// Crates that `package` links when it is built alone, with the features of each: `(name, features)`.
fn linked(package: &str, more: &[&str]) -> BTreeSet<(String, String)> {
    let mut arguments = vec!["tree", "--package", package, "--prefix", "none"];
    arguments.extend(["--edges", "normal,no-proc-macro", "--format", "{p}\t{f}"]);
    arguments.extend(more);
    let text = cargo(&root(), &arguments);
    text.lines()
        .map(|line| {
            let (name, features) = line.split_once('\t').unwrap_or((line, ""));
            let name = name.split(' ').next().unwrap_or_default();
            let features = features.trim_end_matches("(*)").trim();
            (name.to_owned(), features.to_owned())
        })
        .collect()
}

fn names(crates: &BTreeSet<(String, String)>) -> BTreeSet<&str> {
    crates.iter().map(|(name, _)| name.as_str()).collect()
}

fn metadata(folder: &Path) -> Vec<Value> {
    let text = cargo(folder, &["metadata", "--no-deps", "--format-version", "1"]);
    let value: Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    value["packages"].as_array().expect("packages").clone()
}

/// Direct dependencies of a member, of every kind.
fn dependencies(package: &Value) -> &Vec<Value> {
    package["dependencies"].as_array().expect("dependencies")
}

fn direct(package: &str) -> BTreeSet<String> {
    let packages = metadata(&root());
    let found = packages
        .iter()
        .find(|candidate| candidate["name"] == package)
        .unwrap_or_else(|| panic!("no member {package}"));
    dependencies(found)
        .iter()
        .map(|dependency| dependency["name"].as_str().expect("name").to_owned())
        .collect()
}

#[test]
fn the_runtime_without_features_has_not_heard_of_heap_or_standard_library() {
    let crates = linked("rlfd-runtime", &["--no-default-features"]);
    let allowed = BTreeSet::from(DEVICE_CRATES);
    let strangers: Vec<_> = names(&crates)
        .difference(&allowed)
        .copied()
        .map(str::to_owned)
        .collect();
    assert!(
        strangers.is_empty(),
        "not known to run on the device: {strangers:?}"
    );
    for (name, features) in &crates {
        let wide: Vec<_> = features
            .split(',')
            .filter(|f| ["std", "alloc"].contains(f))
            .collect();
        assert!(wide.is_empty(), "{name} is built with {wide:?}");
    }
    for (file, claim) in [
        ("runtime/src/lib.rs", "#![no_std]"),
        ("runtime/Cargo.toml", "unsafe_code = \"deny\""),
    ] {
        let text = std::fs::read_to_string(root().join(file)).expect(file);
        assert!(text.contains(claim), "{file} does not say {claim}");
    }
}

/// One module of kernels may lift the lint, and nothing else does.
#[test]
fn unsafe_code_of_the_runtime_is_in_one_place() {
    let sources = root().join("runtime/src");
    let kernels = sources.join("nn/arch");
    let mut folders = vec![sources];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            if text.contains("allow(unsafe_code)") || text.contains("expect(unsafe_code)") {
                found.push(path);
            }
        }
    }
    assert_eq!(found, [kernels.join("mod.rs")]);
}

/// What runs beside C refuses what runs on a device refuses, and leaves computing to the runtime.
#[test]
fn the_library_for_c_is_the_runtime_and_nothing_else() {
    let crates = linked("rlfd-c", &["--no-default-features"]);
    let mut allowed = BTreeSet::from(DEVICE_CRATES);
    allowed.insert("rlfd-c");
    let names = names(&crates);
    assert!(names.is_subset(&allowed), "{names:?}");
    assert_eq!(
        direct("rlfd-c"),
        ["cbindgen", "rlfd-runtime"].map(str::to_owned).into()
    );
    for source in sources(&root().join("runtime/c/src")) {
        let text = std::fs::read_to_string(&source).expect("a source file");
        for word in ["rlfd_runtime::nn", "f32::from_bits"] {
            assert!(!text.contains(word), "{} mentions {word}", source.display());
        }
    }
}

#[test]
fn export_cannot_spell_libtorch_and_the_trainer_cannot_spell_onnx() {
    let export = linked("rlfd-export", &[]);
    for stranger in ["tch", "torch-sys", "mujoco-rs", "rlfd-trainer"] {
        assert!(
            !names(&export).contains(stranger),
            "rlfd-export links {stranger}"
        );
    }
    let trainer = direct("rlfd-trainer");
    for stranger in ["rlfd-export", "prost", "tract-onnx", "ort"] {
        assert!(
            !trainer.contains(stranger),
            "rlfd-trainer depends on {stranger}"
        );
    }
}

#[test]
fn models_neither_trains_nor_infers() {
    let models = linked("rlfd-models", &[]);
    for stranger in [
        "tch",
        "torch-sys",
        "mujoco-rs",
        "tract-onnx",
        "ort",
        "rlfd-trainer",
        "rlfd-export",
    ] {
        assert!(
            !names(&models).contains(stranger),
            "rlfd-models links {stranger}"
        );
    }
}

#[test]
fn default_members_build_without_native_libraries() {
    let text = cargo(&root(), &["metadata", "--no-deps", "--format-version", "1"]);
    let value: Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    let members = value["workspace_default_members"]
        .as_array()
        .expect("default members");
    assert!(members.len() >= 4, "{members:?}");
    for package in metadata(&root()) {
        if !members.contains(&package["id"]) {
            continue;
        }
        let name = package["name"].as_str().expect("name");
        let crates = linked(name, &[]);
        for stranger in ["torch-sys", "mujoco-rs"] {
            assert!(
                !names(&crates).contains(stranger),
                "{name} links {stranger}"
            );
        }
    }
}

#[test]
fn firmware_sees_the_runtime_with_default_features_and_nothing_else_of_ours() {
    let folder = root().join("firmware-examples");
    let packages = metadata(&folder);
    let own: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut sees_the_runtime = false;
    for package in &packages {
        for dependency in dependencies(package) {
            let name = dependency["name"].as_str().expect("name");
            let at_build_time = dependency["kind"] == "build";
            if name == "rlfd-runtime" && !at_build_time {
                sees_the_runtime = true;
                assert_eq!(
                    dependency["features"],
                    serde_json::json!([]),
                    "{}",
                    package["name"]
                );
            } else if name.starts_with("rlfd-") && !at_build_time {
                assert!(own.contains(name), "{} depends on {name}", package["name"]);
            }
        }
    }
    assert!(
        sees_the_runtime,
        "no firmware package depends on rlfd-runtime"
    );
}

#[test]
fn an_algorithm_never_steps_an_environment() {
    for folder in ["trainer/src/algo", "trainer/src/nn"] {
        let mut seen = 0;
        for source in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&source).expect("a source file");
            seen += 1;
            for word in ["crate::env", "super::env", "mujoco_rs"] {
                assert!(!text.contains(word), "{} mentions {word}", source.display());
            }
        }
        assert!(seen > 0, "{folder} holds no source");
    }
}

#[test]
fn a_runner_never_computes_a_loss() {
    let mut seen = 0;
    for source in sources(&root().join("trainer/src/run")) {
        let text = std::fs::read_to_string(&source).expect("a source file");
        seen += 1;
        for word in ["backward()", "zero_grad(", "run_backward("] {
            assert!(!text.contains(word), "{} mentions {word}", source.display());
        }
    }
    assert!(seen > 0);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

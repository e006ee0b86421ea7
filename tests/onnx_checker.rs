//! `policy.onnx` before ONNX's own checker and ONNX's own reading of it.

use std::path::Path;
use std::process::Command;

use rlfd_export::model_of;

use crate::random_policy::RECIPES;

const CHECK: &str = r#"
import json, sys, onnx
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    assert [entry.version for entry in model.opset_import] == [17]
    (observation,), (action,) = model.graph.input, model.graph.output
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    spec = json.loads(metadata["rlfd.policy_spec"])
    shapes = []
    for value in (observation, action):
        batch, width = value.type.tensor_type.shape.dim
        assert batch.dim_param == "batch" and not batch.dim_value
        shapes.append(width.dim_value)
    widths = [sum(term["dim"] * term.get("history", 1) for term in spec[side]) for side in ("observation", "action")]
    assert widths == shapes, (widths, shapes)
    print(observation.name, action.name, *shapes)
"#;

#[test]
fn onnx_accepts_our_models_with_full_checks() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    let mut expected = String::new();
    for recipe in RECIPES {
        let path = folder.path().join(format!("{}.onnx", recipe.name));
        model_of(&recipe.checkpoint())
            .unwrap()
            .write(&path)
            .unwrap();
        paths.push(path);
        expected.push_str(&format!(
            "observation action {} {}\n",
            recipe.observation_dim, recipe.action_dim
        ));
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new("python3")
        .args(["-c", CHECK])
        .args(&paths)
        .env("PYTHONPATH", repository.join(".native/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("this test needs `python3` (3.11 or newer) in PATH");
    assert!(
        output.status.success(),
        "onnx does not accept the model, or does not run here (`cargo xtask setup` unpacks what it needs).\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

//! Damaged and foreign files: a message that names the file, exit code 2, nothing lost.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{refuse, succeed, tiny_fit, trainer};

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let fit = |args: &[&str]| refuse(trainer().args(["fit", "--dry-run"]).args(args));
    let env = fit(&["--env", "HalfChetah-v5", "--algo", "sac"]);
    assert!(env.contains("HalfCheetah-v5"), "{env}");
    let algo = fit(&["--env", "Ant-v5", "--algo", "sacc"]);
    assert!(algo.contains("`sac`"), "{algo}");
    let key = fit(&["--env", "Ant-v5", "--algo", "sac", "--set", "gama=0.9"]);
    assert!(key.contains("`gama`") && key.contains("`gamma`"), "{key}");
    let recipe = fit(&["--recipe", "inverted-pendulum"]);
    assert!(recipe.contains("inverted-pendulum-sac"), "{recipe}");
}

/// Once they are there, the same command works.
#[test]
fn demonstrations_that_are_missing_leave_no_run_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (file, run) = (folder.path().join("none.npz"), folder.path().join("run"));
    let demonstrations = format!("demonstrations={}", file.display());
    let mut fit = trainer();
    fit.args(["fit", "--recipe", "reach2df-gail", "--set", &demonstrations]);
    let said = refuse(fit.arg("--out").arg(&run));
    assert!(
        said.contains("none.npz: demonstrations to learn from"),
        "{said}"
    );
    assert!(!run.exists());
}

#[test]
fn files_of_another_kind_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (file, backend) in [
        ("policy.pt", "torch"),
        ("policy.onnx", "ort"),
        ("policy.onnx", "tract"),
        ("policy.rlfd", "engine"),
    ] {
        let path = folder.path().join(file);
        std::fs::write(&path, b"not a policy").unwrap();
        let said = refuse(trainer().arg("eval").arg(&path).args([
            "--backend",
            backend,
            "--env",
            "InvertedPendulum-v5",
        ]));
        assert!(said.contains(file), "{said}");
    }
    let said = refuse(
        trainer()
            .arg("eval")
            .arg(folder.path().join("policy.onnx"))
            .args(["--backend", "torch"]),
    );
    assert!(said.contains(".pt"), "{said}");
    let said = refuse(trainer().args(["fit", "--resume"]).arg(folder.path()));
    assert!(said.contains("no run here"), "{said}");
}

/// Any damage to a checkpoint or to a piece of the replay buffer is noticed, and the run's folder stays as it is.
#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(tiny_fit("sac", &run).args(["--total-steps", "300"]));
    // As if it had been killed before its end: one that has ended reads nothing of this.
    std::fs::remove_file(run.join("outcome.json")).unwrap();
    let segment = std::fs::read_dir(run.join("replay"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for path in [run.join("checkpoint.bin"), segment] {
        let whole = std::fs::read(&path).unwrap();
        for round in 0..8 {
            let mut bytes = whole.clone();
            if round % 2 == 0 {
                bytes.truncate(rng.random_range(0..whole.len()));
            } else {
                bytes[rng.random_range(0..whole.len())] ^= 1 << rng.random_range(0..8u32);
            }
            std::fs::write(&path, &bytes).unwrap();
            let said = refuse(trainer().args(["fit", "--quiet", "--resume"]).arg(&run));
            assert!(
                said.contains(path.file_name().unwrap().to_str().unwrap()),
                "{said}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        std::fs::write(&path, &whole).unwrap();
    }
    succeed(trainer().args(["fit", "--quiet", "--resume"]).arg(&run));
}

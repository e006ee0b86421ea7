//! Where the public environments' models lie: inside the unpacked wheels of `gymnasium` and
//! `gymnasium-robotics`.

use std::path::{Path, PathBuf};

use super::super::EnvError;

/// Names another folder that holds `gymnasium/` and `gymnasium_robotics/`.
const VARIABLE: &str = "RLFD_ASSETS";

/// Where `cargo xtask setup` unpacks wheels.
const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.native/python");

/// Path of a model in Gymnasium's `assets` folder.
///
/// # Errors
/// [`EnvError::MissingAsset`] with the path.
pub(super) fn gymnasium_model(file: &str) -> Result<PathBuf, EnvError> {
    locate(&root(), "gymnasium/envs/mujoco/assets", file)
}

/// Path of a model in the folder of Gymnasium-Robotics' Fetch environments.
///
/// # Errors
/// [`EnvError::MissingAsset`] with the path.
pub(super) fn fetch_model(file: &str) -> Result<PathBuf, EnvError> {
    locate(&root(), "gymnasium_robotics/envs/assets/fetch", file)
}

fn root() -> PathBuf {
    std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from(UNPACKED), PathBuf::from)
}

fn locate(root: &Path, folder: &str, file: &str) -> Result<PathBuf, EnvError> {
    let path = root.join(folder).join(file);
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => Err(EnvError::MissingAsset { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_named_with_the_command_that_brings_it() {
        let folder = tempfile::tempdir().unwrap();
        let message = locate(folder.path(), "gymnasium/envs/mujoco/assets", "ant.xml")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("gymnasium/envs/mujoco/assets/ant.xml"),
            "{message}"
        );
        assert!(message.contains("cargo xtask setup"), "{message}");
    }
}

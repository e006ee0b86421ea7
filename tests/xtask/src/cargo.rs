//! Cargo, started from a program that cargo started. Knows nothing of what is built.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::native::LIBRARIES;
use crate::process;
use crate::workspace::Workspace;

/// A cargo at the root that sees the variables the user set, and none that the outer cargo set for this process: what it
/// builds is then exactly what a cargo typed by hand builds, and neither makes the other build again.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(workspace.root());
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let told_by_cargo = text.starts_with("CARGO_PKG_")
            || ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"].contains(&&*text);
        // The outer cargo took the default out of `.cargo/config.toml`; the inner one does so itself.
        let is_default = LIBRARIES
            .iter()
            .any(|library| *text == *library.variable && workspace.path(library.default) == *value);
        if told_by_cargo || is_default {
            command.env_remove(&name);
        }
    }
    command
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// The folder where cargo puts what it builds.
///
/// # Errors
/// If cargo cannot read the workspace.
pub fn target_folder(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo(workspace);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&process::output(&mut command)?)
        .context("cargo metadata names no target folder")?;
    Ok(metadata.target_directory)
}

/// What cargo says of each thing it built, as far as it matters here.
#[derive(Deserialize)]
struct Artefact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// Where the program `name` of a kind, `bin` or `bench`, lies, by cargo's messages in JSON. What it names besides, such as the
/// programs that a bench may call, comes in any order.
pub fn executable(messages: &str, kind: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artefact>(line).ok())
        .filter(|artefact| artefact.target.name == name)
        .filter(|artefact| artefact.target.kind.iter().any(|found| found == kind))
        .find_map(|artefact| artefact.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_where_this_test_was_built() {
        let folder = target_folder(&Workspace::here()).unwrap();
        let own = std::env::current_exe().unwrap();
        assert!(
            own.starts_with(&folder),
            "{} is not in {}",
            own.display(),
            folder.display()
        );
    }

    #[test]
    fn what_the_outer_cargo_set_is_taken_back() {
        // `cargo test` sets these for this process, as `cargo run` does for xtask.
        let command = cargo(&Workspace::here());
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "LIBTORCH"] {
            let removed = command
                .get_envs()
                .any(|(key, value)| key == name && value.is_none());
            let is_default = std::env::var_os(name).is_some_and(|value| {
                name != "LIBTORCH" || value == Workspace::here().path(".native/libtorch")
            });
            assert_eq!(removed, is_default, "{name}");
        }
    }

    #[test]
    fn a_bench_is_told_from_the_programs_beside_it() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"engine"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"engine"},"executable":"/deps/engine-1"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"export"},"executable":"/release/export"}
{"reason":"build-finished","success":true}"#;
        let found = |kind, name| executable(messages, kind, name);
        assert_eq!(found("bench", "engine"), Some("/deps/engine-1".into()));
        assert_eq!(found("bin", "export"), Some("/release/export".into()));
        assert_eq!(found("bin", "engine"), None);
    }
}

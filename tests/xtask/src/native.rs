//! The native libraries: which wheels are in place, which the user brings, and the links through which cargo, the
//! linker and the loader find them. Does not know how a wheel is fetched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::wheels::{Part, Wheel};
use crate::workspace::Workspace;

/// A library the user can bring, and the variable that says where it is.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    pub part: Part,
    pub title: &'static str,
    pub variable: &'static str,
    /// What `.cargo/config.toml` gives the variable when the user does not.
    pub default: &'static str,
}

pub const LIBRARIES: [Library; 3] = [
    Library {
        part: Part::Libtorch,
        title: "libtorch",
        variable: "LIBTORCH",
        default: ".native/libtorch",
    },
    Library {
        part: Part::Mujoco,
        title: "MuJoCo",
        variable: "MUJOCO_DYNAMIC_LINK_DIR",
        default: ".native/mujoco",
    },
    Library {
        part: Part::Onnxruntime,
        title: "ONNX Runtime",
        variable: "ORT_DYLIB_PATH",
        default: ".native/onnxruntime/libonnxruntime.so",
    },
];

/// Links below `.native`: the link, and where it points, relative to its own folder.
const LINKS: [(Part, &str, &str); 10] = [
    (
        Part::Libtorch,
        "libtorch/include",
        "../torch-wheel/torch/torch/include",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libtorch_cpu.so",
        "../../torch-wheel/torch/torch/lib/libtorch_cpu.so",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libc10.so",
        "../../torch-wheel/torch/torch/lib/libc10.so",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libtorch.so",
        "../../torch-wheel/torch/torch/lib/libtorch.so",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libgomp.so.1",
        "../../torch-wheel/torch/torch/lib/libgomp.so.1",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libcudart.so.13",
        "../../torch-wheel/cuda-runtime/nvidia/cu13/lib/libcudart.so.13",
    ),
    (
        Part::Libtorch,
        "libtorch/lib/libcupti.so.13",
        "../../torch-wheel/cuda-cupti/nvidia/cu13/lib/libcupti.so.13",
    ),
    (
        Part::Mujoco,
        "mujoco/libmujoco.so",
        "../python/mujoco/libmujoco.so.3.17.0",
    ),
    (
        Part::Mujoco,
        "mujoco/libmujoco.so.3.17.0",
        "../python/mujoco/libmujoco.so.3.17.0",
    ),
    (
        Part::Onnxruntime,
        "onnxruntime/libonnxruntime.so",
        "../python/onnxruntime/capi/libonnxruntime.so.1.31.1",
    ),
];

/// Where a library comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The pinned wheel, below `.native`.
    Wheel,
    /// The user's own: the variable that says so, and the folder (ONNX Runtime: the file) it leads to.
    User {
        variable: &'static str,
        path: PathBuf,
    },
}

impl Library {
    pub fn of(part: Part) -> Option<Self> {
        LIBRARIES.into_iter().find(|library| library.part == part)
    }

    /// Reads the user's variables. `cargo` fills in the default for those that are unset, so a value that equals the
    /// default is nobody's wish.
    ///
    /// # Errors
    /// If `LIBTORCH_USE_PYTORCH` is set and the Python at hand has no torch.
    pub fn origin(self, workspace: &Workspace) -> Result<Origin> {
        if self.part == Part::Libtorch && std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
            return Ok(Origin::User {
                variable: "LIBTORCH_USE_PYTORCH",
                path: pytorch_folder()?,
            });
        }
        Ok(match std::env::var_os(self.variable).map(PathBuf::from) {
            Some(path) if !path.as_os_str().is_empty() && path != workspace.path(self.default) => {
                Origin::User {
                    variable: self.variable,
                    path,
                }
            }
            _ => Origin::Wheel,
        })
    }
}

/// Folder of the torch package that `torch-sys` will ask for too: the active virtual environment's Python, else
/// `python3`.
fn pytorch_folder() -> Result<PathBuf> {
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() {
        "python"
    } else {
        "python3"
    };
    let script = "import os, torch; print(os.path.dirname(torch.__file__))";
    let folder = process::output(Command::new(python).args(["-c", script]))
        .with_context(|| format!("LIBTORCH_USE_PYTORCH is set, but {python} has no torch"))?;
    Ok(PathBuf::from(folder.trim()))
}

/// Whether the wheel has been unpacked as its entry says and is still there.
pub fn is_unpacked(workspace: &Workspace, wheel: &Wheel) -> bool {
    let Ok(stamp) = fs::read_to_string(stamp_path(workspace, wheel)) else {
        return false;
    };
    let into = workspace.native().join(&wheel.into);
    stamp
        .strip_prefix(&wheel.fingerprint())
        .is_some_and(|entries| {
            entries
                .lines()
                .filter(|entry| !entry.is_empty())
                .all(|entry| into.join(entry).exists())
        })
}

/// Writes down that the wheel is in place, as these top entries of its folder.
pub fn mark_unpacked(workspace: &Workspace, wheel: &Wheel, entries: &[String]) -> Result<()> {
    let path = stamp_path(workspace, wheel);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = format!("{}\n{}\n", wheel.fingerprint(), entries.join("\n"));
    let temporary = workspace.scratch().join(format!("stamp-{}", wheel.name));
    fs::write(&temporary, text)?;
    fs::rename(&temporary, &path)?;
    Ok(())
}

/// Forgets that a wheel is in place.
pub fn forget(workspace: &Workspace, wheel: &Wheel) -> Result<()> {
    match fs::remove_file(stamp_path(workspace, wheel)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn stamp_path(workspace: &Workspace, wheel: &Wheel) -> PathBuf {
    workspace.native().join("stamps").join(&wheel.name)
}

/// Makes the links of one library, so that the run paths in `.cargo/config.toml` lead to it.
///
/// # Errors
/// If the user's folder does not exist or a link cannot be made.
pub fn link(workspace: &Workspace, library: Library) -> Result<()> {
    let native = workspace.native();
    match library.origin(workspace)? {
        Origin::Wheel => {
            for (_, link, target) in LINKS.iter().filter(|(part, ..)| *part == library.part) {
                place_link(workspace, &native.join(link), Path::new(target))?;
            }
        }
        Origin::User { variable, path } => {
            if !path.exists() {
                bail!(
                    "{variable} is set to {}, which does not exist",
                    path.display()
                );
            }
            let folder = match library.part {
                Part::Libtorch => native.join("libtorch"),
                Part::Mujoco => native.join("mujoco"),
                // ONNX Runtime is opened by the path in the variable; the loader never searches for it.
                _ => return Ok(()),
            };
            let path = std::path::absolute(&path)?;
            place_link(workspace, &folder, &path)?;
        }
    }
    Ok(())
}

/// Puts a symbolic link in place, over whatever link or folder of links stands there.
fn place_link(workspace: &Workspace, link: &Path, target: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let context = || format!("cannot link {} to {}", link.display(), target.display());
    let folder = link.parent().with_context(context)?;
    // The folder itself may be a link to a library the user brought on an earlier run.
    for ancestor in [folder.parent(), Some(folder)].into_iter().flatten() {
        if ancestor.starts_with(workspace.native()) && ancestor.is_symlink() {
            fs::remove_file(ancestor).with_context(context)?;
        }
    }
    fs::create_dir_all(folder).with_context(context)?;
    if link.is_dir() && !link.is_symlink() {
        fs::remove_dir_all(link).with_context(context)?;
    }
    let temporary = workspace.scratch().join("link");
    let _ = fs::remove_file(&temporary);
    symlink(target, &temporary).with_context(context)?;
    fs::rename(&temporary, link).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_a_pinned_wheel_leads_to_a_member_that_is_unpacked() {
        let workspace = Workspace::here();
        let wheels =
            crate::wheels::Wheels::read(&workspace.path("tests/xtask/wheels.toml")).unwrap();
        for (part, link, target) in LINKS {
            let folder = Path::new(link).parent().unwrap();
            let mut resolved = folder.to_owned();
            for step in Path::new(target) {
                if step == ".." {
                    resolved.pop();
                } else {
                    resolved.push(step);
                }
            }
            let served = wheels
                .iter()
                .filter(|wheel| wheel.part == part)
                .any(|wheel| {
                    resolved.strip_prefix(&wheel.into).is_ok_and(|member| {
                        wheel.wants(&format!("{}/", member.display()))
                            || wheel.wants(&member.to_string_lossy())
                    })
                });
            assert!(served, "{link} -> {}", resolved.display());
        }
    }
}

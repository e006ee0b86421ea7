//! Fetches one wheel with pip and refuses it unless its bytes are the pinned ones. Does not unpack.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process;
use crate::progress::Progress;
use crate::wheels::Wheel;

/// The first Python that has pip.
pub fn python_with_pip() -> Option<PathBuf> {
    ["python3", "python3.11", "/usr/bin/python3"]
        .iter()
        .filter_map(|name| process::find(name).or_else(|| existing(name)))
        .find(|python| {
            process::output(Command::new(python).args(["-m", "pip", "--version"])).is_ok()
        })
}

fn existing(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    (path.is_absolute() && path.exists()).then_some(path)
}

/// Downloads `wheel` into `store`, unless a sound copy already lies there, and returns its path.
///
/// pip works in `scratch`, also for its own temporary files; the wheel gets its name in `store` only after its check
/// sum is found right, so that an interrupted download leaves nothing that looks whole.
///
/// # Errors
/// If pip fails or the bytes are not the pinned ones.
pub fn fetch(
    python: &Path,
    interpreter_version: &str,
    wheel: &Wheel,
    store: &Path,
    scratch: &Path,
) -> Result<PathBuf> {
    let path = store.join(&wheel.file);
    if path.exists() {
        if sha256(&path)? == wheel.sha256 {
            return Ok(path);
        }
        fs::remove_file(&path)?;
    }
    let folder = scratch.join(format!("fetch-{}", wheel.name));
    fs::create_dir_all(&folder)?;
    run_pip(python, interpreter_version, wheel, &folder)?;
    let fetched = folder.join(&wheel.file);
    if !fetched.exists() {
        bail!(
            "pip fetched another file for {} than the pinned {}",
            wheel.requirement(),
            wheel.file
        );
    }
    let found = sha256(&fetched)?;
    if found != wheel.sha256 {
        bail!(
            "{}: sha256 is {found}, but {} is pinned; the file is refused",
            wheel.file,
            wheel.sha256
        );
    }
    fs::create_dir_all(store)?;
    fs::rename(&fetched, &path)?;
    fs::remove_dir_all(&folder)?;
    Ok(path)
}

fn run_pip(python: &Path, interpreter_version: &str, wheel: &Wheel, folder: &Path) -> Result<()> {
    let log_path = folder.join("pip.log");
    let log = File::create(&log_path)?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
        .args([
            "--disable-pip-version-check",
            "--no-input",
            "--no-cache-dir",
        ])
        .args([
            "--progress-bar",
            "off",
            "--python-version",
            interpreter_version,
        ])
        .args(["--implementation", "cp"]);
    for platform in wheel.platforms().filter(|platform| *platform != "any") {
        command.args(["--platform", platform]);
    }
    if wheel.platforms().any(|platform| platform == "any") {
        // pip wants some platform beside a Python version; a pure wheel fits every one.
        command.args(["--platform", "manylinux2014_x86_64"]);
    }
    command
        .arg("--dest")
        .arg(folder)
        .arg(wheel.requirement())
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let text = process::shown(&command);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{text}`"))?;
    let mut progress = Progress::bytes(format!("fetch {}", wheel.requirement()), wheel.bytes);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        progress.set(size_below(folder));
        std::thread::sleep(Duration::from_millis(200));
    };
    if !status.success() {
        let said = fs::read_to_string(&log_path).unwrap_or_default();
        let tail: Vec<&str> = said.lines().rev().take(8).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("`{text}` failed ({status}):\n{}", tail.join("\n"));
    }
    progress.finish();
    Ok(())
}

/// Bytes of all files below a folder that is being written to: what vanishes meanwhile counts nothing.
fn size_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Check sum of a file as lower-case hexadecimal digits.
///
/// # Errors
/// If the file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => hasher.update(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_sum_of_the_published_test_vector() {
        // FIPS 180-2, appendix B.1.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        assert_eq!(
            sha256(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn sizes_are_summed_over_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("a"), [0; 5]).unwrap();
        fs::write(folder.path().join("inner/b"), [0; 7]).unwrap();
        assert_eq!(size_below(folder.path()), 12);
    }
}

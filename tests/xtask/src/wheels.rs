//! The committed list of wheels. Knows names, versions and check sums; fetches nothing.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// `wheels.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheels {
    /// The CPython the wheels are made for, as `major.minor`.
    pub python: String,
    wheel: Vec<Wheel>,
}

/// One file of the Python package index, and what is wanted from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub name: String,
    pub version: String,
    pub file: String,
    pub sha256: String,
    pub bytes: u64,
    pub part: Part,
    /// Folder below `.native`.
    pub into: String,
    /// Prefixes of the members to unpack; empty: all of them.
    #[serde(default)]
    pub keep: Vec<String>,
}

/// What a wheel is needed for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Libtorch,
    Mujoco,
    Onnxruntime,
    Environments,
    Tests,
}

impl Wheels {
    /// Reads and checks the list.
    ///
    /// # Errors
    /// If the file is absent, malformed, or an entry contradicts itself.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let wheels: Self =
            toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))?;
        for wheel in &wheels.wheel {
            wheel
                .check()
                .with_context(|| format!("{}, entry {}", path.display(), wheel.name))?;
        }
        Ok(wheels)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Wheel> {
        self.wheel.iter()
    }
}

impl Wheel {
    fn check(&self) -> Result<()> {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.chars().all(hexadecimal) {
            bail!("sha256 must be 64 lower-case hexadecimal digits");
        }
        let stem = format!("{}-{}-", self.name.replace('-', "_"), self.version);
        if !self.file.starts_with(&stem) || !self.file.ends_with(".whl") {
            bail!("file `{}` does not begin with `{stem}`", self.file);
        }
        if Path::new(&self.into).is_absolute() || self.into.contains("..") {
            bail!("into `{}` leaves .native", self.into);
        }
        Ok(())
    }

    /// `name==version`, as pip writes it.
    pub fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    /// The platforms the file is for: the last tag of its name, which may hold several.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        let stem = self.file.trim_end_matches(".whl");
        stem.rsplit('-').next().unwrap_or(stem).split('.')
    }

    /// Changes whenever unpacking would give something else.
    pub fn fingerprint(&self) -> String {
        format!("{}\n{}\n{}", self.sha256, self.into, self.keep.join(":"))
    }

    pub fn wants(&self, member: &str) -> bool {
        self.keep.is_empty() || self.keep.iter().any(|prefix| member.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_list_is_sound_and_pins_what_the_crates_are_built_for() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("wheels.toml");
        let wheels = Wheels::read(&path).unwrap();
        let find = |name| wheels.iter().find(|wheel| wheel.name == name).unwrap();
        for (name, version) in [
            ("torch", "2.11.0"),
            ("mujoco", "3.17.0"),
            ("gymnasium", "1.4.0"),
        ] {
            assert_eq!(find(name).version, version);
        }
        let torch = find("torch");
        assert_eq!(
            torch.platforms().collect::<Vec<_>>(),
            ["manylinux_2_28_x86_64"]
        );
        assert!(torch.wants("torch/lib/libtorch_cpu.so"));
        assert!(!torch.wants("torch/lib/libtorch_cuda.so"));
    }

    #[test]
    fn an_entry_that_contradicts_itself_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wheels.toml");
        let entry = |file: &str, sha256: &str, into: &str| {
            format!(
                "python = \"3.11\"\n[[wheel]]\nname = \"a-b\"\nversion = \"1\"\nfile = \"{file}\"\nsha256 = \"{sha256}\"\n\
                 bytes = 1\npart = \"tests\"\ninto = \"{into}\"\n"
            )
        };
        let sound = "0".repeat(64);
        let file = "a_b-1-py3-none-any.whl";
        std::fs::write(&path, entry(file, &sound, "python")).unwrap();
        Wheels::read(&path).unwrap();
        for bad in [
            entry("a_b-2-py3-none-any.whl", &sound, "python"),
            entry(file, "abc", "python"),
            entry(file, &sound, "../elsewhere"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = format!("{:#}", Wheels::read(&path).unwrap_err());
            assert!(error.contains("entry a-b"), "{error}");
        }
    }
}

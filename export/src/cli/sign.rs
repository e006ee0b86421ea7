//! `export keygen` and `export sign`: policies that a board takes over the link. Knows files; what is signed is the runtime's.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ed25519_compact::{KeyPair, Seed};
use rlfd_models::atomic_file;
use rlfd_runtime::image::OwnedImage;
use rlfd_runtime::update;

use super::{Answer, Destination};

/// Write a key pair: NAME.key, which signs policies and stays here, and NAME.pub, which goes into the firmware
#[derive(Debug, clap::Args)]
pub(super) struct Keygen {
    /// Path of both files without their suffix
    name: PathBuf,
}

impl Keygen {
    pub(super) fn run(&self) -> Result<Answer> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        let pair = KeyPair::try_from_seed(Seed::new(seed)).map_err(|error| anyhow!("{error}"))?;
        let (private, public) = (
            with_suffix(&self.name, "key"),
            with_suffix(&self.name, "pub"),
        );
        // A key that is replaced is lost, so there is no --force.
        for path in [&private, &public] {
            ensure!(
                !path.exists(),
                "{} exists and is not replaced",
                path.display()
            );
        }
        let named = |path: &Path| path.display().to_string();
        write_private(&private, &hex(&*pair.sk.seed())).with_context(|| named(&private))?;
        atomic_file::replace(&public, hex(&*pair.pk).as_bytes()).with_context(|| named(&public))?;
        eprintln!(
            "wrote {} (keep it secret) and {} (RLFD_UPDATE_KEY of the firmware)",
            private.display(),
            public.display()
        );
        Ok(Answer::Yes)
    }
}

/// Sign a policy image, for boards that hold the public key
#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    /// The .rlfd file
    input: PathBuf,
    /// The private key that `keygen` wrote
    #[arg(long, value_name = "NAME.key")]
    key: PathBuf,
    /// Rollback counter: boards take only a higher one than that of the policy they run, which is 0 for the one they were flashed with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    counter: u32,
    #[command(flatten)]
    destination: Destination,
}

impl Sign {
    pub(super) fn run(&self) -> Result<Answer> {
        let named = || self.input.display().to_string();
        let bytes = fs::read(&self.input).with_context(named)?;
        let image = OwnedImage::new(&bytes).with_context(named)?;
        if !image.self_test().with_context(named)? {
            bail!(
                "{}: does not compute its golden action",
                self.input.display()
            );
        }
        let seed = read_key(&self.key)?;
        let view = image.view().with_context(named)?;
        let signed = update::sign(&view, image.bytes(), self.counter, seed)
            .map_err(|error| anyhow!("{}: {error}", self.key.display()))?;
        let path = self.destination.path(&self.input, "rlfu")?;
        atomic_file::replace(&path, &signed).with_context(|| path.display().to_string())?;
        eprintln!(
            "wrote {} (counter {}, image {:#010x})",
            path.display(),
            self.counter,
            view.checksum()
        );
        Ok(Answer::Yes)
    }
}

fn with_suffix(name: &Path, suffix: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    path.into()
}

/// Readable by its owner alone from the first byte on.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read_key(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let bytes: Option<Vec<u8>> = text
        .trim()
        .as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
        .collect();
    let seed = bytes.and_then(|bytes| Seed::from_slice(&bytes).ok());
    let seed = seed.with_context(|| {
        format!(
            "{}: expected a private key of 64 hexadecimal digits",
            path.display()
        )
    })?;
    Ok(*seed)
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits + "\n"
}

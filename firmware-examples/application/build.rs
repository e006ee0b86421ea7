//! Links in the policy image that `RLFD_IMAGE` names, or the linear balance law, and writes down how much memory it
//! takes: static arrays want their lengths at compile time. A file that is no image fails here, not on the board.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rlfd_runtime::image::{ImageError, PolicyImage};
use rlfd_runtime::wire::MAX_VALUES;
use rlfd_runtime::{Controller, ImagePolicy};

const DEFAULT_IMAGE: &str = "linear-balance.rlfd";

fn main() {
    println!("cargo::rerun-if-env-changed=RLFD_IMAGE");
    println!("cargo::rerun-if-env-changed=RLFD_UPDATE_KEY");
    println!("cargo::rerun-if-env-changed=RLFD_FALLBACK");
    println!("cargo::rerun-if-env-changed=RLFD_MAX_REPEATS");
    println!("cargo::rerun-if-env-changed=RLFD_MAX_STUCK");
    println!("cargo::rerun-if-env-changed=RLFD_FAMILIARITY");
    if let Err(message) = link_in() {
        println!("cargo::error={message}");
    }
}

fn link_in() -> Result<(), String> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let path = match env::var_os("RLFD_IMAGE") {
        Some(path) if Path::new(&path).is_relative() => {
            return Err(format!(
                "RLFD_IMAGE is {}: expected an absolute path",
                path.display()
            ));
        }
        Some(path) => path.into(),
        None => package.join(DEFAULT_IMAGE),
    };
    println!("cargo::rerun-if-changed={}", path.display());
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(&path).map_err(|error| named(&error))?;
    let mut sizes = sizes(&bytes).map_err(|error| named(&error))?;
    sizes += &fallback()?;
    sizes += &max_repeats()?;
    sizes += &familiarity()?;
    if env::var_os("CARGO_FEATURE_UPDATE").is_some() {
        sizes += &update_key()?;
    }
    let write = |name: &str, content: &[u8]| {
        fs::write(out.join(name), content).map_err(|error| format!("{name}: {error}"))
    };
    write("policy.rlfd", &bytes)?;
    write("sizes.rs", sizes.as_bytes())
}

/// A board that takes other policies lends them at least this much memory to work in, in numbers.
const UPDATABLE_ARENA_LEN: usize = 1024;

/// The law that holds the machine after a fault, of `RLFD_FALLBACK`: `constant[,measurement:gain]…` for a machine with one
/// command; without it the machine is made safe.
fn fallback() -> Result<String, String> {
    let Some(text) = env::var_os("RLFD_FALLBACK").filter(|text| !text.is_empty()) else {
        return Ok("const FALLBACK: Option<Fallback<'static>> = None;\n".to_owned());
    };
    let text = text.to_string_lossy().into_owned();
    let wrong = || format!("RLFD_FALLBACK is `{text}`: expected constant[,measurement:gain]...");
    let mut parts = text.split(',');
    let constant: f32 = parts
        .next()
        .and_then(|part| part.parse().ok())
        .ok_or_else(wrong)?;
    let mut gains = String::new();
    for part in parts {
        let (measurement, gain) = part.split_once(':').ok_or_else(wrong)?;
        let measurement: u16 = measurement.parse().map_err(|_| wrong())?;
        let gain: f32 = gain.parse().map_err(|_| wrong())?;
        gains += &format!(
            "rlfd_runtime::control::Gain {{ command: 0, measurement: {measurement}, target: 0.0, gain: {gain:?} }},"
        );
    }
    Ok(format!(
        "const FALLBACK: Option<Fallback<'static>> = Some(Fallback {{\n\
         constant: &[{constant:?}], gains: &[{gains}], patience: 5 }});\n"
    ))
}

/// How many measurements in a row may repeat the one before bit for bit, of `RLFD_MAX_REPEATS`; without it any number, as of
/// a simulated machine at rest.
fn max_repeats() -> Result<String, String> {
    let most: u16 = match env::var("RLFD_MAX_REPEATS") {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map_err(|_| format!("RLFD_MAX_REPEATS is `{text}`: expected a count"))?,
        _ => u16::MAX,
    };
    Ok(format!("pub(crate) const MAX_REPEATS: u16 = {most};\n"))
}

/// In how many steps a number of a term may stay while others move, of `RLFD_MAX_STUCK`: a count for each observation term in
/// order, `-` for one that may rest; without it all may.
fn max_stuck(n_terms: usize) -> Result<String, String> {
    let text = env::var("RLFD_MAX_STUCK").unwrap_or_default();
    let limits: Option<Vec<u16>> = text
        .split(',')
        .filter(|_| !text.is_empty())
        .map(|part| match part {
            "-" => Some(u16::MAX),
            count => count.parse().ok(),
        })
        .collect();
    let limits = limits.filter(|limits| limits.is_empty() || limits.len() == n_terms);
    let limits = limits.ok_or_else(|| {
        format!("RLFD_MAX_STUCK is `{text}`: expected {n_terms} counts or -, one for each observation term")
    })?;
    Ok(format!(
        "pub(crate) const MAX_STUCK: &[u16] = &{limits:?};\n"
    ))
}

/// The guard against unfamiliar observations, of `RLFD_FAMILIARITY`: `deviations,steps`; without it there is none.
fn familiarity() -> Result<String, String> {
    let text = env::var("RLFD_FAMILIARITY").unwrap_or_default();
    let told = match text.split_once(',') {
        _ if text.is_empty() => "None".to_owned(),
        Some((deviations, steps)) => {
            let deviations = deviations.parse().ok().filter(|number: &f32| *number > 0.0);
            let steps = steps.parse().ok().filter(|steps: &u16| *steps > 0);
            let both = deviations.zip(steps);
            both.map_or(String::new(), |both| format!("Some({both:?})"))
        }
        None => String::new(),
    };
    if told.is_empty() {
        return Err(format!(
            "RLFD_FAMILIARITY is `{text}`: expected deviations,steps, both above 0"
        ));
    }
    Ok(format!(
        "pub(crate) const FAMILIARITY: Option<(f32, u16)> = {told};\n"
    ))
}

/// The key that `export keygen` wrote, 64 hexadecimal digits in a file.
fn update_key() -> Result<String, String> {
    let path = env::var_os("RLFD_UPDATE_KEY").ok_or(
        "RLFD_UPDATE_KEY is not set: the feature `update` needs the path of the public key that `export keygen` wrote",
    )?;
    let path = PathBuf::from(path);
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let digits = text.trim().as_bytes();
    let key: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
        .collect();
    let key = key.filter(|key| key.len() == 32).ok_or_else(|| {
        format!(
            "{}: expected a public key of 64 hexadecimal digits",
            path.display()
        )
    })?;
    Ok(format!(
        "/// Whose policies are taken.\npub(crate) static UPDATE_KEY: [u8; 32] = {key:?};\n"
    ))
}

/// The constants that `memory.rs` includes.
fn sizes(bytes: &[u8]) -> Result<String, String> {
    let aligned = Blocks::copy_of(bytes);
    let image = PolicyImage::view(aligned.bytes()).map_err(|error| match error {
        ImageError::Feature { feature, .. } => {
            format!("{error}: build with --features rlfd-firmware/{feature}")
        }
        error => error.to_string(),
    })?;
    let contract = image.contract();
    if env::var_os("RLFD_FAMILIARITY").is_some_and(|text| !text.is_empty())
        && image.statistics().is_none()
    {
        return Err(
            "RLFD_FAMILIARITY is set, and the image has no statistics of its training; `export image --calibrate` adds them"
                .to_owned(),
        );
    }
    let max_stuck = max_stuck(contract.observation.len())?;
    let least_arena_len = match env::var_os("CARGO_FEATURE_UPDATE") {
        Some(_) => UPDATABLE_ARENA_LEN,
        None => 0,
    };
    for (what, dim) in [
        ("commands", contract.action_dim()),
        ("setpoints", contract.setpoint_dim()),
    ] {
        if dim > MAX_VALUES {
            return Err(format!(
                "{what} of {dim} numbers do not fit a frame of the link, which carries {MAX_VALUES}"
            ));
        }
    }
    Ok(format!(
        "/// Numbers in a measurement.\n\
         pub const MEASUREMENT_DIM: usize = {};\n\
         /// Numbers in a setpoint.\n\
         pub const SETPOINT_DIM: usize = {};\n\
         /// Numbers in a command.\n\
         pub const COMMAND_DIM: usize = {};\n\
         /// Numbers that the policy's intermediate results and state take.\n\
         pub(crate) const ARENA_LEN: usize = {};\n\
         /// Numbers that the control loop borrows.\n\
         const LOOP_LEN: usize = {};\n\
         {max_stuck}",
        contract.measurement_dim(),
        contract.setpoint_dim(),
        contract.action_dim(),
        image.arena_len().max(least_arena_len),
        Controller::<ImagePolicy<'_>>::memory_len(&contract),
    ))
}

/// A copy at the boundary that images want; the runtime's own is behind its feature `alloc`, which firmware leaves off.
struct Blocks {
    blocks: Vec<Block>,
    len: usize,
}

#[repr(C, align(16))]
struct Block([u8; 16]);

impl Blocks {
    fn copy_of(bytes: &[u8]) -> Self {
        let blocks = bytes.chunks(16).map(|chunk| {
            let mut block = [0; 16];
            block[..chunk.len()].copy_from_slice(chunk);
            Block(block)
        });
        Self {
            blocks: blocks.collect(),
            len: bytes.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        let start = self.blocks.as_ptr().cast::<u8>();
        // SAFETY: the blocks lie one behind the other, 16 bytes each without padding, and hold `len` bytes.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}

//! Links in the policy image that `RLFD_IMAGE` names, or the linear balance law, and writes down how much memory it
//! takes: static arrays want their lengths at compile time. A file that is no image fails here, not on the board.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rlfd_runtime::image::{Aligned, ImageError, PolicyImage};
use rlfd_runtime::wire::MAX_VALUES;
use rlfd_runtime::{Controller, ImagePolicy};

const DEFAULT_IMAGE: &str = "linear-balance.rlfd";

fn main() {
    println!("cargo::rerun-if-env-changed=RLFD_IMAGE");
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
    let sizes = sizes(&bytes).map_err(|error| named(&error))?;
    let write = |name: &str, content: &[u8]| {
        fs::write(out.join(name), content).map_err(|error| format!("{name}: {error}"))
    };
    write("policy.rlfd", &bytes)?;
    write("sizes.rs", sizes.as_bytes())
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
         const ARENA_LEN: usize = {};\n\
         /// Numbers that the control loop borrows.\n\
         const LOOP_LEN: usize = {};\n",
        contract.measurement_dim(),
        contract.setpoint_dim(),
        contract.action_dim(),
        image.arena_len(),
        Controller::<ImagePolicy<'_>>::memory_len(&contract),
    ))
}

/// A copy at the boundary that images want; the runtime's own is behind its feature `alloc`, which firmware leaves off.
struct Blocks {
    blocks: Vec<Aligned<[u8; 16]>>,
    len: usize,
}

impl Blocks {
    fn copy_of(bytes: &[u8]) -> Self {
        let blocks = bytes.chunks(16).map(|chunk| {
            let mut block = [0; 16];
            block[..chunk.len()].copy_from_slice(chunk);
            Aligned(block)
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

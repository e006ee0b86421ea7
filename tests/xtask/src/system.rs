//! What the operating system must bring: programs and libraries, and the packages that hold them. Installs with apt
//! where it may, and otherwise says exactly what to type.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Something that is looked for on the machine.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub title: &'static str,
    pub purpose: &'static str,
    pub probe: Probe,
    /// Debian's packages for it.
    pub packages: &'static [&'static str],
}

/// How it is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    /// A program on `PATH`.
    Program(&'static str),
    /// A file in one of the folders where the loader or Mesa looks.
    Library(&'static str),
}

pub const NEEDS: [Need; 8] = [
    Need {
        title: "C++ compiler",
        purpose: "torch-sys compiles its bindings",
        probe: Probe::Program("c++"),
        packages: &["build-essential"],
    },
    Need {
        title: "C compiler for Arm",
        purpose: "compiles the example in C for a Cortex-M4F",
        probe: Probe::Program("arm-none-eabi-gcc"),
        packages: &["gcc-arm-none-eabi"],
    },
    Need {
        title: "Arm emulator",
        purpose: "runs the firmware of the Cortex-M boards",
        probe: Probe::Program("qemu-system-arm"),
        packages: &["qemu-system-arm"],
    },
    Need {
        title: "RISC-V emulator",
        purpose: "runs the RISC-V firmware",
        probe: Probe::Program("qemu-system-riscv32"),
        packages: &["qemu-system-misc"],
    },
    Need {
        title: "EGL",
        purpose: "draws without a screen (trainer eval --video)",
        probe: Probe::Library("libEGL.so.1"),
        packages: &["libegl1"],
    },
    Need {
        title: "EGL of Mesa",
        purpose: "draws without a graphics card",
        probe: Probe::Library("libEGL_mesa.so.0"),
        packages: &["libegl-mesa0"],
    },
    Need {
        title: "Mesa's software driver",
        purpose: "draws without a graphics card",
        probe: Probe::Library("dri/swrast_dri.so"),
        packages: &["libgl1-mesa-dri"],
    },
    Need {
        title: "ffmpeg",
        purpose: "writes videos",
        probe: Probe::Program("ffmpeg"),
        packages: &["ffmpeg"],
    },
];

/// pip, which fetches the wheels.
pub const PIP_PACKAGES: [&str; 2] = ["python3", "python3-pip"];

const LIBRARY_FOLDERS: [&str; 7] = [
    "/usr/lib/x86_64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

impl Need {
    /// Where it was found.
    pub fn found(&self) -> Option<PathBuf> {
        match self.probe {
            Probe::Program(program) => process::find(program),
            Probe::Library(file) => LIBRARY_FOLDERS
                .iter()
                .map(|folder| Path::new(folder).join(file))
                .find(|path| path.exists()),
        }
    }
}

/// Whether this process can install packages by itself.
pub fn can_install() -> bool {
    process::is_root() && process::find("apt-get").is_some()
}

/// The command that installs the packages.
pub fn install_command(packages: &[&str]) -> String {
    let sudo = if process::is_root() { "" } else { "sudo " };
    format!(
        "{sudo}apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Installs packages with apt. Recommended packages are left out: they are large, and none is needed.
///
/// # Errors
/// If apt refuses; the error names the packages.
pub fn install(packages: &[&str]) -> Result<()> {
    eprintln!("installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        process::run(
            Command::new("apt-get")
                .args(["-q", "-y"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(std::io::stderr()),
        )
    };
    let arguments: Vec<&str> = ["install", "--no-install-recommends"]
        .iter()
        .chain(packages)
        .copied()
        .collect();
    apt(&["update"])
        .and_then(|()| apt(&arguments))
        .with_context(|| format!("cannot install {}", packages.join(" ")))
}

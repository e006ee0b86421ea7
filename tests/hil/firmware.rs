//! [`Firmware`]: a board's program with an image linked in, as cargo builds it in the board's folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use rlfd_runtime::PolicyImage;
use rlfd_runtime::image::ImageBytes;
use rlfd_trainer::hil::LinkAddress;
use rlfd_trainer::hil::emulator::Machine;
use tempfile::TempDir;

/// One build at a time: cargo puts every image's program in the same place.
static BUILDING: Mutex<()> = Mutex::new(());

/// A program in a folder of its own.
pub struct Firmware {
    machine: &'static Machine,
    image: Vec<u8>,
    folder: TempDir,
}

impl Firmware {
    /// Builds `machine`'s firmware with `image` and the features it needs.
    pub fn build(machine: &'static Machine, image: &[u8]) -> Self {
        Self::build_with(machine, image, |_, _| {})
    }

    /// The same with what `configure` adds to the build; files for it go into the folder it is told.
    pub fn build_with(
        machine: &'static Machine,
        image: &[u8],
        configure: impl FnOnce(&mut Command, &Path),
    ) -> Self {
        let _guard = BUILDING
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::tempdir().unwrap();
        let image_path = folder.path().join("policy.rlfd");
        fs::write(&image_path, image).unwrap();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-examples");
        let aligned = ImageBytes::new(image);
        let needs: BTreeSet<&str> = PolicyImage::view(&aligned)
            .unwrap()
            .ops()
            .flat_map(|op| op.features())
            .collect();
        let features = needs.iter().map(|need| format!("rlfd-firmware/{need}"));
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--release", "--bin", machine.name])
            .args(features.flat_map(|feature| ["--features".to_owned(), feature]))
            .current_dir(workspace.join(machine.name))
            .env("RLFD_IMAGE", &image_path)
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS");
        configure(&mut build, folder.path());
        let built = build.output().unwrap();
        assert!(
            built.status.success(),
            "{}: {}",
            machine.name,
            String::from_utf8_lossy(&built.stderr)
        );
        let program = workspace
            .join("target")
            .join(machine.target)
            .join("release")
            .join(machine.name);
        fs::copy(program, folder.path().join("firmware.elf")).unwrap();
        Self {
            machine,
            image: image.to_vec(),
            folder,
        }
    }

    /// The linked program.
    pub fn elf(&self) -> PathBuf {
        self.folder.path().join("firmware.elf")
    }

    /// The image in it.
    pub fn image(&self) -> ImageBytes {
        ImageBytes::new(&self.image)
    }

    /// An emulator that runs it.
    pub fn address(&self) -> LinkAddress {
        LinkAddress::Qemu {
            machine: self.machine,
            elf: Some(self.elf()),
        }
    }
}

//! The program `export`; see [`rlfd_export`].

use std::process::ExitCode;

fn main() -> ExitCode {
    rlfd_export::cli::main()
}

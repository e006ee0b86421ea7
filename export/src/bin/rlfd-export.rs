//! The program `export` under a name that is no shell builtin; see [`rlfd_export`].

use std::process::ExitCode;

fn main() -> ExitCode {
    rlfd_export::cli::main()
}
